// A net compiled for the CPU: layers with their layouts, the memory they share, and the steps.
#include <algorithm>
#include <chrono>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "kernels/accumulate.h"
#include "kernels/augment.h"
#include "kernels/lars.h"
#include "kernels/onednn.h"
#include "kernels/relu.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "lib/base/checked.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/processors.h"
#include "lib/base/thread_count.h"
#include "lib/net/activation_plan.h"
#include "lib/net/backend_net.h"
#include "lib/net/backends.h"
#include "lib/net/canonical.h"
#include "lib/net/cpu/layers.h"
#include "lib/net/layer_plan.h"
#include "lib/ranks/sum_queue.h"

namespace convoy {
namespace {

// Adds the time of its lifetime to a sum.
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

// A layer of the plan and the time it has taken so far.
struct TimedLayer : PlannedLayer<CpuLayer> {
  double forward_seconds = 0.0;
  double backward_seconds = 0.0;
  double update_seconds = 0.0;
};

using CpuPlan = LayerPlan<TimedLayer>;

CpuPlan make_plan(const NetSpec& net, const CompileOptions& options) {
  const Extent& crop = net.input.crop;
  return plan_layers<TimedLayer>(net, options.learning,
                                 {.in = {options.batch, crop.channels, crop.height, crop.width, 1},
                                  .train = options.mode == Mode::train,
                                  .gradient_sums = gradient_sums(options),
                                  .element = options.precision,
                                  .seed = options.seed},
                                 make_cpu_layer, make_cpu_lrn_pool);
}

// What the plan will take, and what loading and saving its parameters will.
MemoryNeed need_of_plan(CpuPlan& plan, const NetSpec& net, const CompileOptions& options) {
  const auto batch = static_cast<std::uint64_t>(options.batch);
  CpuArena weights(CpuArena::Pass::count);
  CpuArena activations(CpuArena::Pass::count);
  CpuBuffer none;
  for (TimedLayer& p : plan.layers) {
    p.layer->place(p.layer->parameters() != nullptr ? weights : activations);
  }
  for (const std::uint64_t bytes : plan_activations_of(plan.layers, options.precision).buffers) {
    activations.take(none, bytes);
  }
  activations.take(none, batch * static_cast<std::uint64_t>(net.classes()) * sizeof(float));
  activations.take(none, batch * sizeof(double));
  std::uint64_t all = 0;
  std::uint64_t largest = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const std::uint64_t bytes = saturating_mul(parameter.elements(), sizeof(float));
    all = saturating_add(all, bytes);
    largest = std::max(largest, bytes);
  }
  const bool train = options.mode == Mode::train;
  // Training saves copies of the parameters and their momenta. One tensor after another is loaded, or brought
  // into the order of the file on its way to the copy.
  if (train) weights.take(none, saturating_mul(all, 2));
  CpuArena workspace(CpuArena::Pass::count);
  workspace.take(none, scratch_bytes_of(plan.layers));
  workspace.take(none, largest);
  constexpr std::uint64_t kMeans = 2;  // that of the model, and the one that the net subtracts
  workspace.take(none, kMeans * static_cast<std::uint64_t>(net.input.stored.elements()) * sizeof(float));
  return {.weights = weights.bytes(),
          .activations = activations.bytes(),
          .workspace = workspace.bytes(),
          .images = saturating_add(saturating_mul(batch, options.held_per_image), options.held)};
}

MemoryNeed plan_need(const NetSpec& net, const CompileOptions& options) {
  CpuPlan plan = make_plan(net, options);
  return need_of_plan(plan, net, options);
}

class CompiledCpu final : public BackendNet {
 public:
  CompiledCpu(const NetSpec& net, const CompileOptions& options) : BackendNet(net, options) {
    check_threads(threads());
    const ThreadCount thread_count(threads());
    const auto with_batch = [&options](int images) {
      CompileOptions other = options;
      other.batch = images;
      return other;
    };
    const NeedOfBatch least_of = [&](int images) { return least_memory(net, with_batch(images)); };
    const NeedOfBatch need_of = [&](int images) { return plan_need(net, with_batch(images)); };
    check_least_memory({least_of(options.batch), options.batch, least_of, options.parts > 1}, need_of,
                       options.memory);
    plan_ = make_plan(net, options);
    const PlannedMemory planned{need_of_plan(plan_, net, options), options.batch, need_of, options.parts > 1};
    check_memory(planned, options.memory);
    if (options.on_planned) options.on_planned(planned);
    augment_ = {net.input.stored.height, net.input.stored.width, plan_.layers.front().layer->facts().in};
    allocate();
    if (training() && options.ranks != nullptr && options.ranks->size() > 1) sums_.emplace(*options.ranks);
    const auto batch = static_cast<std::size_t>(options.batch);
    probabilities_.resize(batch * static_cast<std::size_t>(net.classes()));
    losses_.resize(batch);
  }

  void set_parameter(std::size_t index, std::span<const float> values) override {
    const ThreadCount thread_count(threads());
    CpuParameters& p = parameters_at(index, values.size());
    pack(index, values, p, p.master, p.bias);
    if (!parameters()[index].bias) p.product->refresh(p.weights());
  }
  void get_parameter(std::size_t index, std::span<float> values) const override {
    const CpuParameters& p = parameters_at(index, values.size());
    unpack(index, values, p, p.master, p.bias);
  }
  void set_momentum(std::size_t index, std::span<const float> values) override {
    require_training();
    CpuParameters& p = parameters_at(index, values.size());
    pack(index, values, p, p.momentum, p.bias_momentum);
  }
  void get_momentum(std::size_t index, std::span<float> values) const override {
    require_training();
    const CpuParameters& p = parameters_at(index, values.size());
    unpack(index, values, p, p.momentum, p.bias_momentum);
  }
  void get_gradient(std::size_t index, std::span<float> values) const override {
    require_training();
    const CpuParameters& p = parameters_at(index, values.size());
    unpack(index, values, p, p.gradient, p.bias_gradient);
  }
  void set_mean(std::span<const float> mean) override {
    check_mean(mean);
    std::copy(mean.begin(), mean.end(), mean_.as<float>());
  }

  BatchResult train_step(const BatchView& batch, const SgdRule& rule) override {
    require_training();
    check(batch, BatchUse::train);
    const ThreadCount thread_count(threads());
    forward(batch, true);
    const BatchResult result = measure(batch);
    const std::size_t lowest = choose_steps(plan_, parameters(), rule);
    if (lowest == plan_.layers.size()) return result;
    softmax_gradient(batch);
    CpuPass pass{batch, true, scratch_.as<void>()};
    begin_sums(batch.part);
    for (std::size_t i = plan_.layers.size(); i-- > lowest;) {
      TimedLayer& p = plan_.layers[i];
      {
        const Stopwatch watch(p.backward_seconds);
        pass.learns = p.steps;
        p.layer->backward(pass, p.x, p.y, p.dy, i == lowest ? nullptr : p.dx);
      }
      if (!p.steps) continue;
      accumulate(p, batch.part);
      if (!batch.part.last) continue;
      if (sums_) {
        begin_sum(p);
      } else if (batch.part.whole == 0 || batch.part.images > 0) {
        update(p, scaled(rule, batch.part, batch.part.images));
      }
    }
    if (sums_ && batch.part.last) update_by_sums(rule, batch.part, lowest);
    return result;
  }
  void infer(const BatchView& batch, std::span<float> probabilities) override {
    check(batch, BatchUse::infer);
    const std::size_t count = check_room(batch, probabilities);
    const ThreadCount thread_count(threads());
    forward(batch, false);
    std::copy_n(probabilities_.begin(), count, probabilities.begin());
  }
  void activations(const BatchView& batch, std::span<float> values) override {
    check(batch, BatchUse::infer);
    (void)check_room(batch, values);
    const ThreadCount thread_count(threads());
    run_layers(batch, false);
    with_type_of(score_element(), [&]<typename T>(std::type_identity<T>) {
      copy_canonical(last().layer->facts().out, static_cast<const T*>(last().y), batch.images.size(), values);
    });
  }
  BatchResult evaluate(const BatchView& batch) override {
    check(batch, BatchUse::evaluate);
    const ThreadCount thread_count(threads());
    forward(batch, false);
    return measure(batch);
  }

  [[nodiscard]] std::vector<std::string> describe_primitives() const override {
    return describe_layers(net(), plan_.layers);
  }
  [[nodiscard]] std::vector<LayerTime> times() const override {
    const std::size_t softmax = net().layers.size() - 1;
    std::vector<LayerTime> result{{{}, Phase::augment, augment_seconds_}};
    for (const TimedLayer& p : plan_.layers) result.push_back({p.layers, Phase::forward, p.forward_seconds});
    result.push_back({{softmax, softmax + 1}, Phase::forward, softmax_seconds_});
    for (std::size_t i = plan_.layers.size(); i-- > 0;) {
      const TimedLayer& p = plan_.layers[i];
      if (!p.backward) continue;
      result.push_back({p.layers, Phase::backward, p.backward_seconds});
      if (p.learns) result.push_back({p.layers, Phase::update, p.update_seconds});
    }
    return result;
  }

 private:
  void allocate();
  void run_layers(const BatchView& batch, bool training);
  void forward(const BatchView& batch, bool training);
  [[nodiscard]] BatchResult measure(const BatchView& batch);
  void softmax_gradient(const BatchView& view);
  void accumulate(TimedLayer& planned, const StepPart& part);
  void update(TimedLayer& planned, const SgdRule& rule);
  void step(const SgdRule& rule, std::size_t index, std::size_t count, const CpuBuffer& values,
            const CpuBuffer& momentum, const CpuBuffer& gradient) const;
  void begin_sums(const StepPart& part);
  void begin_sum(TimedLayer& planned);
  void update_by_sums(const SgdRule& rule, const StepPart& part, std::size_t lowest);

  [[nodiscard]] CpuParameters& parameters_at(std::size_t index, std::size_t elements) const {
    (void)parameter(index, elements);
    return *plan_.layer_of(index).layer->parameters();
  }
  // Copy parameter `index` between the canonical layout and its layer's buffer, which is `weights` or `bias`.
  void pack(std::size_t index, std::span<const float> values, const CpuParameters& p,
            const CpuBuffer& weights, const CpuBuffer& bias) {
    const ThreadCount thread_count(threads());
    if (parameters()[index].bias) {
      p.product->pack_bias(values, bias.as<float>());
    } else {
      p.product->pack(values, weights.as<float>());
    }
  }
  void unpack(std::size_t index, std::span<float> values, const CpuParameters& p, const CpuBuffer& weights,
              const CpuBuffer& bias) const {
    const ThreadCount thread_count(threads());
    if (parameters()[index].bias) {
      p.product->unpack_bias(bias.as<float>(), values);
    } else {
      p.product->unpack(weights.as<float>(), values);
    }
  }
  [[nodiscard]] const TimedLayer& last() const { return plan_.layers.back(); }
  [[nodiscard]] Element score_element() const {
    return last().layer->facts().f32_output ? Element::f32 : element();
  }
  [[nodiscard]] SoftmaxShape softmax_shape() const {
    return {net().classes(), last().layer->facts().out.image_elements()};
  }

  CpuPlan plan_;
  AugmentShape augment_;
  void* input_ = nullptr;
  CpuBuffer mean_;
  std::vector<CpuBuffer> activations_;  // and their gradients
  CpuBuffer scratch_;
  std::vector<float> probabilities_;
  std::vector<double> losses_;
  std::optional<SumQueue> sums_;  // of several ranks' gradients
  float images_ = 0.0F;           // of the batch, summed up
  double augment_seconds_ = 0.0;
  double softmax_seconds_ = 0.0;
};

void CompiledCpu::allocate() {
  CpuArena arena(CpuArena::Pass::allocate);
  for (TimedLayer& p : plan_.layers) p.layer->place(arena);
  const ActivationPlan plan = plan_activations_of(plan_.layers, element());
  std::vector<void*> places;
  for (const std::uint64_t bytes : plan.buffers)
    places.push_back(activations_.emplace_back(bytes).as<void>());
  bind_activations(plan, places, plan_.layers);
  input_ = plan_.layers.front().x;
  scratch_ = CpuBuffer(scratch_bytes_of(plan_.layers));
  mean_ = CpuBuffer(static_cast<std::size_t>(net().input.stored.elements()) * sizeof(float));
}

// All but the softmax.
void CompiledCpu::run_layers(const BatchView& batch, bool training) {
  {
    const Stopwatch watch(augment_seconds_);
    with_type_of(element(), [&]<typename T>(std::type_identity<T>) {
      cpu::augment(augment_, batch.images, batch.crops, mean_.as<float>(), static_cast<T*>(input_));
    });
  }
  const CpuPass pass{batch, training, scratch_.as<void>()};
  for (TimedLayer& p : plan_.layers) {
    const Stopwatch watch(p.forward_seconds);
    p.layer->forward(pass, p.x, p.y);
  }
}

void CompiledCpu::forward(const BatchView& batch, bool training) {
  run_layers(batch, training);
  const Stopwatch watch(softmax_seconds_);
  with_type_of(score_element(), [&]<typename T>(std::type_identity<T>) {
    cpu::softmax_forward(softmax_shape(), static_cast<int>(batch.images.size()),
                         static_cast<const T*>(last().y), probabilities_.data());
  });
}

BatchResult CompiledCpu::measure(const BatchView& batch) {
  const Stopwatch watch(softmax_seconds_);
  with_type_of(score_element(), [&]<typename T>(std::type_identity<T>) {
    cpu::softmax_losses(softmax_shape(), static_cast<const T*>(last().y), batch.labels, losses_.data());
  });
  BatchResult result;
  const auto classes = static_cast<std::size_t>(net().classes());
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    result.add(losses_[i],
               rank_of_label(std::span(probabilities_).subspan(i * classes, classes), batch.labels[i]));
  }
  return result;
}

void CompiledCpu::softmax_gradient(const BatchView& view) {
  const Stopwatch watch(softmax_seconds_);
  if (!last().backward) return;
  const int images = view.part.whole > 0 ? view.part.whole : static_cast<int>(view.labels.size());
  with_type_of(element(), [&]<typename T>(std::type_identity<T>) {
    auto* const dscores = static_cast<T*>(last().dy);
    cpu::softmax_backward(softmax_shape(), batch(), probabilities_.data(), view.labels, images, dscores);
    if (plan_.relu_scores) {
      cpu::relu_backward(last().layer->facts().out.elements(), static_cast<const T*>(last().y), dscores,
                         dscores);
    }
  });
}

// Leaves the gradient of the parts so far in sums, or that of all in the gradient.
void CompiledCpu::accumulate(TimedLayer& planned, const StepPart& part) {
  if (part.first && part.last) return;
  const Stopwatch watch(planned.update_seconds);
  CpuParameters& p = *planned.layer->parameters();
  const auto add_up = [&](std::size_t count, CpuBuffer& gradient, std::vector<CpuBuffer>& sums) {
    const auto elements = static_cast<std::int64_t>(count);
    const auto add = [elements](bool first, const CpuBuffer& from, CpuBuffer& to) {
      cpu::accumulate(first, elements, from.as<float>(), to.as<float>());
    };
    if (!options().exact_sums) {
      if (part.last) return add(false, sums[0], gradient);
      return add(part.first, gradient, sums[0]);
    }
    // Sum k is that of 2^k parts if bit k of the part's number is set.
    std::size_t level = 0;
    auto earlier = static_cast<unsigned>(part.number);
    for (; (earlier & 1U) != 0; earlier >>= 1U) add(false, sums[level++], gradient);
    if (!part.last) return add(true, gradient, sums[level]);
    for (; earlier != 0; earlier >>= 1U, ++level) {
      if ((earlier & 1U) != 0) add(false, sums[level], gradient);
    }
  };
  add_up(p.product->master_elements(), p.gradient, p.sums);
  add_up(p.product->bias_elements(), p.bias_gradient, p.bias_sums);
}

// With several ranks the gradients of a layer are summed up while those of the layers below are computed.
void CompiledCpu::begin_sums(const StepPart& part) {
  if (!sums_ || !part.last) return;
  images_ = static_cast<float>(part.images);
  sums_->start({&images_, 1});
}

void CompiledCpu::begin_sum(TimedLayer& planned) {
  CpuParameters& p = *planned.layer->parameters();
  sums_->start({p.gradient.as<float>(), p.product->master_elements()});
  sums_->start({p.bias_gradient.as<float>(), p.product->bias_elements()});
}

void CompiledCpu::update_by_sums(const SgdRule& rule, const StepPart& part, std::size_t lowest) {
  sums_->finish();  // of the images
  for (std::size_t i = plan_.layers.size(); i-- > lowest;) {
    if (!plan_.layers[i].steps) continue;
    sums_->finish();  // of the weights
    sums_->finish();  // of the bias
    if (images_ > 0) update(plan_.layers[i], scaled(rule, part, double{images_}));
  }
}

void CompiledCpu::update(TimedLayer& planned, const SgdRule& rule) {
  const Stopwatch watch(planned.update_seconds);
  CpuParameters& p = *planned.layer->parameters();
  if (learns(rule, planned.parameter)) {
    step(rule, planned.parameter, p.product->master_elements(), p.master, p.momentum, p.gradient);
    p.product->refresh(p.weights());
  }
  if (learns(rule, planned.parameter + 1)) {
    step(rule, planned.parameter + 1, p.product->bias_elements(), p.bias, p.bias_momentum, p.bias_gradient);
  }
}

// Updates parameter `index`, which has `count` elements in its layer's layout.
void CompiledCpu::step(const SgdRule& rule, std::size_t index, std::size_t count, const CpuBuffer& values,
                       const CpuBuffer& momentum, const CpuBuffer& gradient) const {
  const auto elements = static_cast<std::int64_t>(count);
  auto* const w = values.as<float>();
  const auto* const g = gradient.as<float>();
  const SgdCoefficients k = rule.lars_trust ? cpu::lars_coefficients(lars_rule(rule, index), elements, w, g)
                                            : sgd_coefficients(rule, index);
  cpu::sgd_update(k, elements, w, momentum.as<float>(), g);
}

// Calls make(), with errors that say what can be done.
template <typename Make>
auto compiled(const CompileOptions& options, Make&& make) {
  if (options.precision == Element::bf16 && !cpu::onednn_has_bf16()) {
    throw Error("this processor does not compute in bf16, which takes AVX-512: use --precision=fp32");
  }
  try {
    return make();
  } catch (const dnnl::error& error) {
    throw Error("net", std::string("oneDNN: ") + error.what());
  } catch (const std::bad_alloc&) {
    throw Error("net", "not enough memory for a batch of " + std::to_string(options.batch) +
                           ": try a smaller --batch");
  }
}

}  // namespace

std::unique_ptr<CompiledNet> compile_cpu(const NetSpec& net, const CompileOptions& options) {
  return compiled(options, [&] { return std::make_unique<CompiledCpu>(net, options); });
}

MemoryNeed need_cpu(const NetSpec& net, const CompileOptions& options) {
  return compiled(options, [&] {
    const int threads = options.threads > 0 ? options.threads : default_threads();
    check_threads(threads);
    const ThreadCount thread_count(threads);
    return plan_need(net, options);
  });
}

}  // namespace convoy
