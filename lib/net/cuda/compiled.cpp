// A net compiled for a GPU: the plan's layers, two batches that take turns, and the steps as captured graphs.
#include "lib/net/backends.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/accumulate.h"
#include "kernels/augment.h"
#include "kernels/lars.h"
#include "kernels/relu.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/error.h"
#include "lib/net/backend_net.h"
#include "lib/net/canonical.h"
#include "lib/net/cuda/batch.h"
#include "lib/net/cuda/plan.h"

namespace convoy {
namespace {

// Memory for the driver, cuBLASLt and the captured graphs.
constexpr std::uint64_t kReservedBytes = std::uint64_t{192} << 20;

// A batch and the graphs that read it.
struct Slot {
  explicit Slot(const CudaBatchSize& size) : batch(size) {}
  CudaBatch batch;
  cuda::Event copied;
  cuda::Event done;
  std::array<cuda::Graph, 4> train;  // of each graph_of() a part
  std::vector<bool> learning;        // the parameters that learn in `train`
  bool lars = false;                 // and whether by LARS
  cuda::Graph infer;
};

std::size_t graph_of(const StepPart& part) { return (part.first ? 1U : 0U) + (part.last ? 2U : 0U); }

// Work on the device must end before its memory is freed, also if a constructor throws: declared after
// everything that owns memory, this waits for the streams first. Device errors are ignored here: they have
// been reported before, or nothing can be done about them.
class StreamsEnd {
 public:
  explicit StreamsEnd(std::array<const cuda::Stream*, 3> streams) : streams_(streams) {}
  StreamsEnd(const StreamsEnd&) = delete;
  StreamsEnd& operator=(const StreamsEnd&) = delete;
  StreamsEnd(StreamsEnd&&) = delete;
  StreamsEnd& operator=(StreamsEnd&&) = delete;
  ~StreamsEnd() {
    for (const cuda::Stream* stream : streams_) {
      try {
        stream->synchronize();
      } catch (const Error&) {
        continue;
      }
    }
  }

 private:
  std::array<const cuda::Stream*, 3> streams_;
};

CompileOptions with_batch(CompileOptions options, int images) {
  options.batch = images;
  return options;
}

CudaBatchSize batch_size(const NetSpec& net, const CompileOptions& options) {
  return {options.batch, net.classes(), net.input.stored.elements(), parameters_of(net).size()};
}

// Inference has one batch at a time.
std::size_t slot_count(const CompileOptions& options) {
  return options.mode == Mode::train ? kMaxStartedSteps : 1;
}

MemoryNeed device_need(CudaPlan& plan, const NetSpec& net, const CompileOptions& options) {
  CudaArena weights;
  for (CudaPlannedLayer& p : plan.layers()) {
    if (p.layer->parameters() != nullptr) p.layer->place(weights);
  }
  CudaArena all;
  plan.place(all);
  CudaArena batches;
  (void)batches.take<float>(net.input.stored.elements());
  if (options.mode == Mode::train) (void)batches.take<cuda::LarsSquares>(cuda::kLarsScratch);
  for (std::size_t i = 0; i < slot_count(options); ++i) CudaBatch(batch_size(net, options)).place(batches);
  const std::uint64_t scratch = scratch_bytes_of(plan.layers());
  return {.weights = weights.bytes(),
          .activations = all.bytes() - std::min(all.bytes(), saturating_add(weights.bytes(), scratch)),
          .workspace = saturating_add(scratch, kReservedBytes),
          .images = batches.bytes()};
}

// Batches on their way to the device, and parameters that are saved or loaded.
MemoryNeed host_need(const NetSpec& net, const CompileOptions& options) {
  std::uint64_t all = 0;
  std::uint64_t largest = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const std::uint64_t bytes = saturating_mul(parameter.elements(), sizeof(float));
    all = saturating_add(all, bytes);
    largest = std::max(largest, bytes);
  }
  const std::uint64_t an_image =
      options.held_per_image + slot_count(options) * static_cast<std::uint64_t>(net.input.stored.elements());
  return {.weights = options.mode == Mode::train ? saturating_mul(all, 2) : largest,
          .activations = 0,
          .workspace = 0,
          .images = saturating_add(saturating_mul(an_image, static_cast<std::uint64_t>(options.batch)),
                                   options.held)};
}

class CompiledCuda final : public BackendNet {
 public:
  CompiledCuda(const NetSpec& net, const CompileOptions& options, int device)
      : BackendNet(net, options),
        device_(device),
        shared_bytes_(cuda::device_info(device).shared_bytes_per_block),
        plan_(net, options, shared_bytes_),
        slots_{Slot(batch_size(net, options)), Slot(batch_size(net, options))} {
    check_host_memory();
    check_device_memory();
    CudaArena count;
    place(count);
    memory_ = cuda::DeviceBuffer(count.bytes(), "net");
    CudaArena arena(memory_.data());
    place(arena);
    cuda::fill_zero(main_, memory_.data(), memory_.bytes());
    for (Slot& slot : slots_in_use()) slot.batch.prepare();
    plan_.prepare(main_);
    run_once();
  }
  CompiledCuda(const CompiledCuda&) = delete;
  CompiledCuda& operator=(const CompiledCuda&) = delete;
  CompiledCuda(CompiledCuda&&) = delete;
  CompiledCuda& operator=(CompiledCuda&&) = delete;
  ~CompiledCuda() override = default;

  void set_parameter(std::size_t index, std::span<const float> values) override {
    const CudaTensor& tensor = tensor_at(index, values.size());
    const std::vector<float> packed = pack(index, values);
    upload(packed, tensor.w);
    if (tensor.copy == nullptr) return;
    std::vector<Bf16> copy(packed.size());
    std::ranges::transform(packed, copy.begin(), [](float value) { return from_float<Bf16>(value); });
    upload(copy, tensor.copy);
  }
  void get_parameter(std::size_t index, std::span<float> values) const override {
    download(index, tensor_at(index, values.size()).w, values);
  }
  void set_momentum(std::size_t index, std::span<const float> values) override {
    require_training();
    const CudaTensor& tensor = tensor_at(index, values.size());
    upload(pack(index, values), tensor.v);
  }
  void get_momentum(std::size_t index, std::span<float> values) const override {
    require_training();
    download(index, tensor_at(index, values.size()).v, values);
  }
  void get_gradient(std::size_t index, std::span<float> values) const override {
    require_training();
    download(index, tensor_at(index, values.size()).g, values);
  }
  void set_mean(std::span<const float> mean) override {
    check_mean(mean);
    std::vector<float> pixels(mean.size());
    const auto channels = static_cast<std::size_t>(net().input.stored.channels);
    const std::size_t plane = mean.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t i = 0; i < plane; ++i) pixels[i * channels + c] = mean[c * plane + i];
    }
    upload(pixels, mean_);
  }

  void start_step(const BatchView& batch, const SgdRule& rule) override;
  BatchResult finish_step() override;
  [[nodiscard]] bool overlaps_steps() const override { return true; }
  BatchResult train_step(const BatchView& batch, const SgdRule& rule) override {
    if (started_ + finished_ > 0) throw Error("net", "a started step was not finished");
    start_step(batch, rule);
    return finish_step();
  }
  void infer(const BatchView& batch, std::span<float> probabilities) override {
    check(batch, BatchUse::infer);
    const std::size_t count = check_room(batch, probabilities);
    BatchView unlabelled = batch;  // the loss is computed too, from labels of an earlier batch
    unlabelled.labels = {};
    const Slot& slot = run_inference(unlabelled);
    std::copy_n(slot.batch.host_probabilities(), count, probabilities.begin());
  }
  void activations(const BatchView& batch, std::span<float> values) override;
  BatchResult evaluate(const BatchView& batch) override {
    check(batch, BatchUse::evaluate);
    return run_inference(batch).batch.result();
  }

  [[nodiscard]] std::vector<std::string> describe_primitives() const override {
    return describe_layers(net(), plan_.layers());
  }

 private:
  void place(CudaArena& arena) {
    mean_ = arena.take<float>(net().input.stored.elements());
    plan_.place(arena);
    if (training()) lars_scratch_ = arena.take<cuda::LarsSquares>(cuda::kLarsScratch);
    for (Slot& slot : slots_in_use()) slot.batch.place(arena);
  }
  [[nodiscard]] std::span<Slot> slots_in_use() { return std::span(slots_).first(slot_count(options())); }
  void check_host_memory() const;
  void check_device_memory();

  void forward(const Slot& slot, bool training);
  void loss(const Slot& slot, bool training);
  void backward(const Slot& slot, const StepPart& part);
  void accumulate(const CudaPlannedLayer& planned, const StepPart& part);
  void update(const Slot& slot, const CudaPlannedLayer& planned);
  void enqueue_training(Slot& slot, const StepPart& part);
  void enqueue_inference(Slot& slot);
  void run_once();
  const Slot& run_inference(const BatchView& batch);
  void finish_oldest();
  void drain() const;
  [[nodiscard]] CudaPass pass_for(const Slot& slot, bool training) const {
    const CudaBatchInfo& info = slot.batch.info();
    return {main_, training, {info.header, info.records, info.epochs}, plan_.scratch()};
  }
  void choose_learning(const SgdRule& rule);
  void capture_training(Slot& slot, const StepPart& part);
  void set_coefficients(const SgdRule& rule, CudaBatch& batch) const;

  [[nodiscard]] const CudaTensor& tensor_at(std::size_t index, std::size_t elements) const {
    const ParameterInfo& info = parameter(index, elements);
    drain();
    const CudaParameters& p = plan_.parameters_at(index);
    return info.bias ? p.bias : p.weights;
  }
  [[nodiscard]] std::vector<float> pack(std::size_t index, std::span<const float> values) const;
  void download(std::size_t index, const float* from, std::span<float> values) const;
  template <typename Value>
  void upload(const std::vector<Value>& values, Value* to) {
    drain();
    cuda::copy_to_device(main_, to, values.data(), values.size() * sizeof(Value));
    main_.synchronize();
  }

  // Selects the device before the members after it are constructed.
  struct Selected {
    explicit Selected(int device) : index(device) { cuda::select_device(device); }
    int index;
  };

  Selected device_;
  cuda::DeviceBuffer memory_;  // all memory on the device; place() divides it
  std::uint64_t shared_bytes_;
  CudaPlan plan_;
  float* mean_ = nullptr;  // [H][W][C]
  cuda::LarsSquares* lars_scratch_ = nullptr;
  cuda::Stream main_;     // all other work
  cuda::Stream copies_;   // batches to the device
  cuda::Stream updates_;  // SGD, concurrent with the backward pass of earlier layers
  cuda::Event fork_;
  cuda::Event join_;
  std::array<Slot, kMaxStartedSteps> slots_;
  // Of the step that is being enqueued: the parameters that learn, whether by LARS, and the lowest layer that
  // has one.
  std::vector<bool> learning_;
  bool lars_ = false;
  std::size_t lowest_ = 0;
  std::size_t next_slot_ = 0;
  // Queues of fixed size, as a step allocates nothing. Steps use the slots in turn; the steps that are
  // started and not finished have the latest ones. results_ has those not yet asked for, the oldest first.
  std::size_t started_ = 0;
  std::size_t finished_ = 0;
  std::array<BatchResult, kMaxStartedSteps> results_;
  StreamsEnd end_{{&copies_, &main_, &updates_}};
};

void CompiledCuda::check_host_memory() const {
  const NeedOfBatch need_of = [this](int images) { return host_need(net(), with_batch(options(), images)); };
  check_memory({need_of(batch()), batch(), need_of, options().parts > 1}, options().memory);
}

void CompiledCuda::check_device_memory() {
  const NeedOfBatch need_of = [this](int images) {
    const CompileOptions other = with_batch(options(), images);
    CudaPlan plan(net(), other, shared_bytes_);
    return device_need(plan, net(), other);
  };
  check_memory({device_need(plan_, net(), options()), batch(), need_of, options().parts > 1},
               cuda_memory(device_.index));
}

std::vector<float> CompiledCuda::pack(std::size_t index, std::span<const float> values) const {
  const CudaParameters& p = plan_.parameters_at(index);
  const std::int64_t elements = parameters()[index].bias ? p.bias.elements : p.weights.elements;
  std::vector<float> packed(static_cast<std::size_t>(elements), 0.0F);
  if (parameters()[index].bias) {
    p.pack_bias(values, packed);
  } else {
    p.pack_weights(values, packed);
  }
  return packed;
}

void CompiledCuda::download(std::size_t index, const float* from, std::span<float> values) const {
  const CudaParameters& p = plan_.parameters_at(index);
  const std::int64_t elements = parameters()[index].bias ? p.bias.elements : p.weights.elements;
  std::vector<float> packed(static_cast<std::size_t>(elements));
  cuda::copy_to_host(main_, packed.data(), from, packed.size() * sizeof(float));
  main_.synchronize();
  if (parameters()[index].bias) {
    p.unpack_bias(packed, values);
  } else {
    p.unpack_weights(packed, values);
  }
}

void CompiledCuda::set_coefficients(const SgdRule& rule, CudaBatch& batch) const {
  for (std::size_t i = 0; i < parameters().size(); ++i) {
    if (rule.lars_trust) {
      batch.lars()[i] = lars_rule(rule, i);
    } else {
      batch.coefficients()[i] = sgd_coefficients(rule, i);
    }
  }
}

void CompiledCuda::choose_learning(const SgdRule& rule) {
  lowest_ = plan_.choose_steps(parameters(), rule);
  learning_.resize(parameters().size());
  for (std::size_t i = 0; i < parameters().size(); ++i) learning_[i] = learns(rule, i);
  lars_ = rule.lars_trust.has_value();
}

void CompiledCuda::forward(const Slot& slot, bool training) {
  const cuda::AugmentBatch batch{slot.batch.info().header, slot.batch.info().crops, slot.batch.images()};
  with_type_of(element(), [&]<typename T>(std::type_identity<T>) {
    cuda::augment(main_, plan_.augment_shape(), plan_.cells(), batch, mean_, static_cast<T*>(plan_.input()));
  });
  const CudaPass pass = pass_for(slot, training);
  for (CudaPlannedLayer& p : plan_.layers()) p.layer->forward(pass, p.x, p.y);
}

// Losses, and in training the gradient of the scores.
void CompiledCuda::loss(const Slot& slot, bool training) {
  const CudaPlannedLayer& last = plan_.layers().back();
  const SoftmaxShape shape{net().classes(), last.layer->facts().out.image_elements()};
  const CudaBatchInfo& info = slot.batch.info();
  const auto run = [&]<typename Score, typename T>(const Score* scores, T* gradient) {
    cuda::softmax_loss(main_, shape, batch(), info.header, info.labels, scores, slot.batch.losses(),
                       gradient);
    if (gradient != nullptr && plan_.relu_scores()) {
      if constexpr (std::is_same_v<Score, T>) {
        cuda::relu_backward(main_, last.layer->facts().out.elements(), scores,
                            static_cast<const T*>(gradient), gradient);
      }
    }
    if (!training) cuda::softmax_forward(main_, shape, batch(), scores, slot.batch.probabilities());
  };
  with_type_of(element(), [&]<typename T>(std::type_identity<T>) {
    T* const gradient = training ? static_cast<T*>(last.dy) : nullptr;
    if (last.layer->facts().f32_output) {
      run(static_cast<const float*>(last.y), gradient);
    } else {
      run(static_cast<const T*>(last.y), gradient);
    }
  });
}

// A layer's update starts after the last read of its weights, and runs concurrently with the backward passes
// of the layers before it.
void CompiledCuda::backward(const Slot& slot, const StepPart& part) {
  CudaPass pass = pass_for(slot, true);
  for (std::size_t i = plan_.layers().size(); i-- > lowest_;) {
    const CudaPlannedLayer& p = plan_.layers()[i];
    pass.learns = p.steps;
    p.layer->backward(pass, p.x, p.y, p.dy, i == lowest_ ? nullptr : p.dx);
    if (!p.steps) continue;
    main_.record(fork_);
    updates_.wait(fork_);
    accumulate(p, part);
    if (part.last) update(slot, p);
  }
}

// Leaves the gradient of the parts so far in the sum, or that of all in the gradient.
void CompiledCuda::accumulate(const CudaPlannedLayer& planned, const StepPart& part) {
  if (part.first && part.last) return;
  const CudaParameters& p = *planned.layer->parameters();
  for (const CudaTensor* t : {&p.weights, &p.bias}) {
    cuda::accumulate(updates_, part.first, t->elements, part.last ? t->sum : t->g, part.last ? t->g : t->sum);
  }
}

void CompiledCuda::update(const Slot& slot, const CudaPlannedLayer& planned) {
  const CudaParameters& p = *planned.layer->parameters();
  const CudaBatchInfo& info = slot.batch.info();
  cuda::SgdTensors tensors{};
  cuda::LarsTensors measured{};
  int count = 0;
  const auto add = [&](const CudaTensor& t, std::size_t index) {
    if (!learning_[index]) return;
    measured.tensor[count] = {t.elements, t.w, t.g, info.lars + index, info.coefficients + index};
    tensors.tensor[count++] = {t.elements, t.w, t.v, t.g, t.copy, info.coefficients + index};
  };
  add(p.weights, planned.parameter);
  add(p.bias, planned.parameter + 1);
  if (lars_) cuda::lars_coefficients(updates_, measured, count, lars_scratch_);
  cuda::sgd_update(updates_, tensors, count);
}

void CompiledCuda::enqueue_training(Slot& slot, const StepPart& part) {
  forward(slot, true);
  loss(slot, true);
  main_.record(fork_);
  updates_.wait(fork_);
  slot.batch.receive_losses(updates_);
  backward(slot, part);
  updates_.record(join_);
  main_.wait(join_);
}

void CompiledCuda::enqueue_inference(Slot& slot) {
  forward(slot, false);
  loss(slot, false);
  slot.batch.receive_losses(main_);
  slot.batch.receive_probabilities(main_);
}

// Kernels, cuBLASLt's too, are loaded when they first run. That may allocate and synchronise, which is not
// allowed while a stream is captured. It also shows failures before the first step. A batch without images
// and coefficients of zero leave all parameters as they are. All layers learn that ever may.
void CompiledCuda::run_once() {
  Slot& slot = slots_.front();
  std::vector<ParameterFactors> factors;
  for (std::size_t i = 0; i < parameters().size(); ++i) {
    factors.push_back({.lr = plan_.learns(i) ? 1.0 : 0.0, .decay = 0.0});
  }
  choose_learning({.learning_rate = 0.0, .factors = factors, .lars_trust = 0.0});
  if (training()) enqueue_training(slot, {});
  if (training() && options().parts > 1) {
    enqueue_training(slot, {.first = true, .last = false});
    enqueue_training(slot, {.first = false, .last = false});
  }
  enqueue_inference(slot);
  main_.synchronize();
}

void CompiledCuda::start_step(const BatchView& batch, const SgdRule& rule) {
  require_training();
  check(batch, BatchUse::train);
  cuda::use_device(device_.index);
  if (started_ + finished_ >= kMaxStartedSteps) throw Error("net", "too many steps started");
  Slot& slot = slots_[next_slot_];
  set_coefficients(scaled(rule, batch.part, batch.part.images), slot.batch);
  slot.batch.send(copies_, batch, threads());
  copies_.record(slot.copied);
  choose_learning(rule);
  capture_training(slot, batch.part);
  main_.wait(slot.copied);
  slot.train.at(graph_of(batch.part)).launch(main_);
  main_.record(slot.done);
  ++started_;
  next_slot_ = (next_slot_ + 1) % slots_.size();
}

// Captures the graph that a part needs, unless there is one.
void CompiledCuda::capture_training(Slot& slot, const StepPart& part) {
  cuda::Graph& graph = slot.train.at(graph_of(part));
  const bool same = slot.learning == learning_ && slot.lars == lars_;
  if (graph.captured() && same) return;
  main_.synchronize();  // an older graph may run
  if (!same) slot.train = {};
  slot.learning = learning_;
  slot.lars = lars_;
  graph = cuda::Graph(main_, [&] { enqueue_training(slot, part); });
}

void CompiledCuda::finish_oldest() {
  const Slot& slot = slots_[(next_slot_ + slots_.size() - started_) % slots_.size()];
  --started_;
  slot.done.synchronize();
  results_.at(finished_++) = slot.batch.result();
}

BatchResult CompiledCuda::finish_step() {
  if (finished_ == 0) {
    if (started_ == 0) throw Error("net", "no step was started");
    finish_oldest();
  }
  const BatchResult result = results_.front();
  std::shift_left(results_.begin(), results_.end(), 1);
  --finished_;
  return result;
}

void CompiledCuda::activations(const BatchView& batch, std::span<float> values) {
  check(batch, BatchUse::infer);
  (void)check_room(batch, values);
  cuda::use_device(device_.index);
  while (started_ > 0) finish_oldest();
  Slot& slot = slots_.front();
  BatchView unlabelled = batch;
  unlabelled.labels = {};
  slot.batch.send(copies_, unlabelled, threads());
  copies_.record(slot.copied);
  main_.wait(slot.copied);
  forward(slot, false);
  const CudaPlannedLayer& last = plan_.layers().back();
  const LayerFacts& facts = last.layer->facts();
  with_type_of(facts.f32_output ? Element::f32 : element(), [&]<typename T>(std::type_identity<T>) {
    std::vector<T> output(static_cast<std::size_t>(facts.out.elements()));
    cuda::copy_to_host(main_, output.data(), last.y, output.size() * sizeof(T));
    main_.synchronize();
    copy_canonical(facts.out, output.data(), batch.images.size(), values);
  });
}

void CompiledCuda::drain() const {
  cuda::use_device(device_.index);
  main_.synchronize();
}

const Slot& CompiledCuda::run_inference(const BatchView& batch) {
  cuda::use_device(device_.index);
  while (started_ > 0) finish_oldest();
  Slot& slot = slots_.front();
  slot.batch.send(copies_, batch, threads());
  copies_.record(slot.copied);
  if (!slot.infer.captured()) slot.infer = cuda::Graph(main_, [&] { enqueue_inference(slot); });
  main_.wait(slot.copied);
  slot.infer.launch(main_);
  main_.synchronize();
  return slot;
}

}  // namespace

std::unique_ptr<CompiledNet> compile_cuda(const NetSpec& net, const CompileOptions& options, int device) {
  return std::make_unique<CompiledCuda>(net, options, device);
}

CudaNeed need_cuda(const NetSpec& net, const CompileOptions& options, int device) {
  cuda::select_device(device);
  CudaPlan plan(net, options, cuda::device_info(device).shared_bytes_per_block);
  return {.host = host_need(net, options), .device = device_need(plan, net, options)};
}

MemoryLimit cuda_memory(int device) {
  cuda::select_device(device);
  const cuda::DeviceInfo info = cuda::device_info(device);
  return {.bytes = info.free_bytes,
          .source = "free of the " + format_bytes(info.total_bytes) + " of the GPU"};
}

CudaDevices cuda_devices() {
  cuda::DeviceCount devices = cuda::count_devices();
  return {devices.count, std::move(devices.reason)};
}

std::string cuda_device_name(int index) {
  cuda::select_device(index);
  return cuda::device_info(index).name;
}

}  // namespace convoy
