// Compiles a net for the CPU: layers with their layouts, a plan of the memory they share, and the steps.
#include <algorithm>
#include <chrono>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/augment.h"
#include "kernels/onednn.h"
#include "kernels/relu.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/thread_count.h"
#include "lib/net/activation_plan.h"
#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "lib/net/cpu/layers.h"
#include "lib/net/layer_plan.h"

namespace convoy {
namespace {

constexpr int kTop = 5;

// Adds the time of its life to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds), start_(Clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  Stopwatch(Stopwatch&&) = delete;
  Stopwatch& operator=(Stopwatch&&) = delete;
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_;
};

// A layer of the plan and the time that it took so far.
struct TimedLayer : PlannedLayer<CpuLayer> {
  double forward_seconds = 0.0;
  double backward_seconds = 0.0;
  double update_seconds = 0.0;
};

class CompiledCpu final : public CompiledNet {
 public:
  CompiledCpu(const NetSpec& net, const CompileOptions& options)
      : net_(net),
        options_(options),
        threads_(options.threads > 0 ? options.threads : default_threads()),
        element_(options.precision),
        parameters_(parameters_of(net)) {
    const ThreadCount thread_count(threads_);
    const Extent& crop = net_.input.crop;
    plan_ = plan_layers<TimedLayer>(net_,
                                    {.in = {options_.batch, crop.channels, crop.height, crop.width, 1},
                                     .train = training(),
                                     .element = element_,
                                     .seed = options_.seed},
                                    make_cpu_layer, make_cpu_lrn_pool);
    augment_ = {net_.input.stored.height, net_.input.stored.width, plan_.layers.front().layer->in()};
    plan_memory();
    mean_ = CpuBuffer(static_cast<std::size_t>(net_.input.stored.elements()) * sizeof(float));
    const auto batch = static_cast<std::size_t>(options_.batch);
    probabilities_.resize(batch * static_cast<std::size_t>(net_.classes()));
    losses_.resize(batch);
  }

  [[nodiscard]] const NetSpec& net() const override { return net_; }
  [[nodiscard]] int batch() const override { return options_.batch; }

  void set_parameter(std::size_t index, std::span<const float> values) override {
    const ThreadCount thread_count(threads_);
    CpuParameters& p = *at(index, values.size()).layer->parameters();
    if (is_bias(index)) {
      std::copy(values.begin(), values.end(), p.bias.as<float>());
    } else {
      p.product->pack(values, p.master.as<float>());
      p.product->refresh(p.weights());
    }
  }
  void get_parameter(std::size_t index, std::span<float> values) const override {
    const CpuParameters& p = *at(index, values.size()).layer->parameters();
    unpack(p, p.master, p.bias, index, values);
  }
  void set_momentum(std::size_t index, std::span<const float> values) override {
    require_training();
    const ThreadCount thread_count(threads_);
    CpuParameters& p = *at(index, values.size()).layer->parameters();
    if (is_bias(index)) {
      std::copy(values.begin(), values.end(), p.bias_momentum.as<float>());
    } else {
      p.product->pack(values, p.momentum.as<float>());
    }
  }
  void get_momentum(std::size_t index, std::span<float> values) const override {
    require_training();
    const CpuParameters& p = *at(index, values.size()).layer->parameters();
    unpack(p, p.momentum, p.bias_momentum, index, values);
  }
  void get_gradient(std::size_t index, std::span<float> values) const override {
    require_training();
    const CpuParameters& p = *at(index, values.size()).layer->parameters();
    unpack(p, p.gradient, p.bias_gradient, index, values);
  }
  void set_mean(std::span<const float> mean) override {
    if (mean.size() * sizeof(float) != mean_.bytes()) throw Error("mean", "of another size than the images");
    std::copy(mean.begin(), mean.end(), mean_.as<float>());
  }

  BatchResult train_step(const BatchView& batch, const SgdRule& rule) override {
    require_training();
    check(batch, BatchUse::train);
    const ThreadCount thread_count(threads_);
    forward(batch, true);
    const BatchResult result = measure(batch);
    softmax_gradient(batch);
    const CpuPass pass{batch, true, scratch_.as<void>()};
    for (auto p = plan_.layers.rbegin(); p != plan_.layers.rend() && p->backward; ++p) {
      {
        const Stopwatch watch(p->backward_seconds);
        p->layer->backward(pass, p->x, p->y, p->dy, p->dx);
      }
      if (p->layer->parameters() != nullptr) update(*p, rule);
    }
    return result;
  }
  void infer(const BatchView& batch, std::span<float> probabilities) override {
    check(batch, BatchUse::infer);
    const std::size_t count = batch.images.size() * static_cast<std::size_t>(net_.classes());
    if (probabilities.size() < count) throw Error("batch", "no room for the probabilities");
    const ThreadCount thread_count(threads_);
    forward(batch, false);
    std::copy_n(probabilities_.begin(), count, probabilities.begin());
  }
  BatchResult evaluate(const BatchView& batch) override {
    check(batch, BatchUse::evaluate);
    const ThreadCount thread_count(threads_);
    forward(batch, false);
    return measure(batch);
  }

  [[nodiscard]] std::vector<std::string> describe_primitives() const override {
    std::vector<std::string> lines;
    for (const TimedLayer& p : plan_.layers) {
      for (const std::string& line : p.layer->describe()) lines.push_back(p.name + " " + line);
    }
    return lines;
  }
  [[nodiscard]] std::vector<LayerTime> times() const override {
    std::vector<LayerTime> result{{"input", "augment", augment_seconds_}};
    for (const TimedLayer& p : plan_.layers) result.push_back({p.name, "forward", p.forward_seconds});
    result.push_back({net_.layers.back().name, "forward", softmax_seconds_});
    for (std::size_t i = plan_.layers.size(); i-- > 0;) {
      const TimedLayer& p = plan_.layers[i];
      if (!p.backward) continue;
      result.push_back({p.name, "backward", p.backward_seconds});
      if (p.layer->parameters() != nullptr) result.push_back({p.name, "update", p.update_seconds});
    }
    return result;
  }

 private:
  void plan_memory();
  void forward(const BatchView& batch, bool training);
  [[nodiscard]] BatchResult measure(const BatchView& batch);
  void softmax_gradient(const BatchView& batch);
  void update(TimedLayer& planned, const SgdRule& rule);

  [[nodiscard]] bool training() const { return options_.mode == Mode::train; }
  void check(const BatchView& batch, BatchUse use) const { check_batch(net_, options_.batch, batch, use); }
  void require_training() const {
    if (!training()) throw Error("net", "compiled for inference only");
  }
  [[nodiscard]] bool is_bias(std::size_t index) const {
    return index > 0 && parameters_[index - 1].layer == parameters_[index].layer;
  }
  // The layer that has this parameter, which must have so many elements.
  [[nodiscard]] const TimedLayer& at(std::size_t index, std::size_t elements) const {
    if (index >= parameters_.size() || parameters_[index].elements() != elements) {
      throw Error("parameter " + std::to_string(index), "no such parameter of this size");
    }
    return plan_.layers[plan_.layer_of_parameter[index]];
  }
  [[nodiscard]] TimedLayer& at(std::size_t index, std::size_t elements) {
    return const_cast<TimedLayer&>(std::as_const(*this).at(index, elements));
  }
  void unpack(const CpuParameters& p, const CpuBuffer& weights, const CpuBuffer& bias, std::size_t index,
              std::span<float> values) const {
    const ThreadCount thread_count(threads_);
    if (is_bias(index)) {
      std::copy_n(bias.as<float>(), values.size(), values.begin());
    } else {
      p.product->unpack(weights.as<float>(), values);
    }
  }
  [[nodiscard]] Element score_element() const {
    return plan_.layers.back().layer->f32_output() ? Element::f32 : element_;
  }
  [[nodiscard]] SoftmaxShape softmax_shape() const {
    return {net_.classes(), plan_.layers.back().layer->out().image_elements()};
  }

  NetSpec net_;
  CompileOptions options_;
  int threads_;
  Element element_;
  std::vector<ParameterInfo> parameters_;
  LayerPlan<TimedLayer> plan_;
  AugmentShape augment_;
  void* input_ = nullptr;
  CpuBuffer mean_;
  std::vector<CpuBuffer> activations_;  // and their gradients
  CpuBuffer scratch_;
  std::vector<float> probabilities_;
  std::vector<double> losses_;
  double augment_seconds_ = 0.0;
  double softmax_seconds_ = 0.0;
};

void CompiledCpu::plan_memory() {
  const ActivationPlan plan = plan_activations_of(plan_.layers, element_);
  std::vector<void*> places;
  for (const std::uint64_t bytes : plan.buffers)
    places.push_back(activations_.emplace_back(bytes).as<void>());
  bind_activations(plan, places, plan_.layers);
  input_ = plan_.layers.front().x;
  std::size_t scratch_bytes = 0;
  for (const TimedLayer& p : plan_.layers) scratch_bytes = std::max(scratch_bytes, p.layer->scratch_bytes());
  scratch_ = CpuBuffer(scratch_bytes);
}

void CompiledCpu::forward(const BatchView& batch, bool training) {
  {
    const Stopwatch watch(augment_seconds_);
    if (element_ == Element::f32) {
      cpu::augment(augment_, batch.images, batch.crops, mean_.as<float>(), static_cast<float*>(input_));
    } else {
      cpu::augment(augment_, batch.images, batch.crops, mean_.as<float>(), static_cast<Bf16*>(input_));
    }
  }
  const CpuPass pass{batch, training, scratch_.as<void>()};
  for (TimedLayer& p : plan_.layers) {
    const Stopwatch watch(p.forward_seconds);
    p.layer->forward(pass, p.x, p.y);
  }
  const Stopwatch watch(softmax_seconds_);
  with_type_of(score_element(), [&]<typename T>() {
    cpu::softmax_forward(softmax_shape(), static_cast<int>(batch.images.size()),
                         static_cast<const T*>(plan_.layers.back().y), probabilities_.data());
  });
}

BatchResult CompiledCpu::measure(const BatchView& batch) {
  const Stopwatch watch(softmax_seconds_);
  with_type_of(score_element(), [&]<typename T>() {
    cpu::softmax_losses(softmax_shape(), static_cast<const T*>(plan_.layers.back().y), batch.labels,
                        losses_.data());
  });
  BatchResult result;
  const auto classes = static_cast<std::size_t>(net_.classes());
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    result.loss_sum += losses_[i];
    const int rank = rank_of_label(std::span(probabilities_).subspan(i * classes, classes), batch.labels[i]);
    result.top1_wrong += rank >= 1 ? 1 : 0;
    result.top5_wrong += rank >= kTop ? 1 : 0;
  }
  return result;
}

void CompiledCpu::softmax_gradient(const BatchView& batch) {
  const Stopwatch watch(softmax_seconds_);
  if (!plan_.layers.back().backward) return;
  const auto gradient = [&]<typename T>(T* dscores) {
    cpu::softmax_backward(softmax_shape(), options_.batch, probabilities_.data(), batch.labels, dscores);
    if (plan_.relu_scores) {
      const auto* const scores = static_cast<const T*>(plan_.layers.back().y);
      cpu::relu_backward(plan_.layers.back().layer->out().elements(), scores, dscores, dscores);
    }
  };
  if (element_ == Element::f32) {
    gradient(static_cast<float*>(plan_.layers.back().dy));
  } else {
    gradient(static_cast<Bf16*>(plan_.layers.back().dy));
  }
}

void CompiledCpu::update(TimedLayer& planned, const SgdRule& rule) {
  const Stopwatch watch(planned.update_seconds);
  CpuParameters& p = *planned.layer->parameters();
  const auto coefficients = [&](const ParameterInfo& info) {
    const double rate = rule.learning_rate * info.lr;
    return SgdCoefficients{static_cast<float>(rule.momentum),
                           static_cast<float>(rule.weight_decay * info.decay * rate),
                           static_cast<float>(rate)};
  };
  cpu::sgd_update(coefficients(parameters_[planned.parameter]),
                  static_cast<std::int64_t>(p.product->master_elements()), p.master.as<float>(),
                  p.momentum.as<float>(), p.gradient.as<float>());
  cpu::sgd_update(coefficients(parameters_[planned.parameter + 1]),
                  static_cast<std::int64_t>(p.product->bias_elements()), p.bias.as<float>(),
                  p.bias_momentum.as<float>(), p.bias_gradient.as<float>());
  p.product->refresh(p.weights());
}

}  // namespace

std::unique_ptr<CompiledNet> compile_cpu(const NetSpec& net, const CompileOptions& options) {
  if (options.batch < 1) throw Error("net", "a batch of less than one image");
  if (net.layers.size() < 2) throw Error("net", "no layer before the softmax");
  if (net.layers[net.layers.size() - 2].out.elements() != net.classes()) {
    throw Error("net", "the softmax's input is not one score a class");
  }
  if (options.precision == Element::bf16 && !cpu::onednn_has_bf16()) {
    throw Error("this processor does not compute in bf16, which takes AVX-512: use --precision=fp32");
  }
  try {
    return std::make_unique<CompiledCpu>(net, options);
  } catch (const dnnl::error& error) {
    throw Error("net", std::string("oneDNN: ") + error.what());
  } catch (const std::bad_alloc&) {
    throw Error("net", "not enough memory for a batch of " + std::to_string(options.batch));
  }
}

}  // namespace convoy
