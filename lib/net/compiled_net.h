// A net compiled for one device, batch size and mode: the interface between the solver and the backends.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"
#include "kernels/element.h"
#include "lib/net/memory_need.h"
#include "lib/ranks/ranks.h"

namespace convoy {

enum class Mode { train, infer };  // a net compiled for training also infers

// Which part of its batch a step computes on: a step may take a batch in several parts, one after another, so
// that it needs the memory of one.
struct StepPart {
  int whole = 0;      // places of the whole batch, with those of images that are missing; 0: one part is all
  int images = 0;     // of the step's parts so far, this one included; of all ranks' their sum is the batch's
  int number = 0;     // of the parts that this process computes of the step, from 0
  bool first = true;  // gradients begin anew
  bool last = true;   // the parameters learn, from the gradients of all parts
};

// A batch from the loader, or a part of it: stored uint8 images, and what to cut from each. It may have fewer
// images than the net was compiled for (the last batch of an evaluation); losses and gradients are over the
// images it has. One of several parts of a step may have none.
struct BatchView {
  std::span<const std::uint8_t* const> images;  // each HWC, of the size NetSpec::input.stored
  std::span<const Crop> crops;                  // one per image
  std::span<const std::int32_t> labels;         // one per image, in [0, classes); empty for inference
  // Index in the training set and epoch of each image, for the dropout masks; empty for inference.
  std::span<const std::uint64_t> records;
  std::span<const std::uint32_t> epochs;
  StepPart part = {};  // in training
};

inline constexpr std::size_t kTopK = 5;  // of the top-5 error

struct BatchResult {
  double loss_sum = 0.0;  // of -log p(label), natural logarithm, over the images
  std::int64_t top1_wrong = 0;
  std::int64_t top5_wrong = 0;  // 0 for nets with at most five classes
  // Adds one image. rank: its label's, from rank_of_label (kernels/softmax.h).
  void add(double loss, int rank);
  // Adds those of another batch.
  void add(const BatchResult& other);
};

// What a parameter multiplies the learning rate and the weight decay by.
struct ParameterFactors {
  double lr = 1.0;  // 0: the parameter and its momentum stay as they are
  double decay = 1.0;
};

// v <- momentum * v - weight_decay * decay_factor * rate * w - rate * g;  w <- w + v, where rate is
// learning_rate times the parameter's lr factor and g the mean gradient (Krizhevsky et al. 2012, section 5).
// With LARS the rate is also times a factor of each parameter (kernels/lars.h).
struct SgdRule {
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 0.0005;
  double gradient_scale = 1.0;  // by which the backend multiplies its gradient, so that it is the mean
  // One for each of parameters_of(net); empty: those of the net. They must outlive the rule.
  std::span<const ParameterFactors> factors = {};
  std::optional<double> lars_trust = {};  // LarsRule::trust; nothing: plain SGD
};
// The factors of parameter `index`, which is `info`.
[[nodiscard]] ParameterFactors factors_of(const SgdRule& rule, const ParameterInfo& info, std::size_t index);
// Whether each layer learns by the net's own factors: has a parameter whose lr is not 0.
[[nodiscard]] std::vector<bool> learning_layers(const NetSpec& net);

// Layers that run as one: [begin, end) in NetSpec::layers. The net's input is an empty range.
struct LayerRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const LayerRange&) const = default;
};
// Their names: "conv1", "conv1+relu1", "input".
[[nodiscard]] std::string joined_name(const NetSpec& net, const LayerRange& layers);

enum class Phase { augment, forward, backward, update };  // of a step, in this order

// Time that layers took in one phase, summed over the steps so far.
struct LayerTime {
  LayerRange layers;
  Phase phase = Phase::forward;
  double seconds = 0.0;
};

inline constexpr std::size_t kMaxStartedSteps = 2;

class CompiledNet {
 public:
  CompiledNet() = default;
  CompiledNet(const CompiledNet&) = delete;
  CompiledNet& operator=(const CompiledNet&) = delete;
  CompiledNet(CompiledNet&&) = delete;
  CompiledNet& operator=(CompiledNet&&) = delete;
  virtual ~CompiledNet() = default;

  [[nodiscard]] virtual const NetSpec& net() const = 0;
  [[nodiscard]] virtual int batch() const = 0;

  // Parameters, and momenta of a training net, in the canonical layout of ParameterInfo::shape and in the
  // order of parameters_of(net()). All parameters must be set before the first step; momenta start at zero.
  virtual void set_parameter(std::size_t index, std::span<const float> values) = 0;
  virtual void get_parameter(std::size_t index, std::span<float> values) const = 0;
  virtual void set_momentum(std::size_t index, std::span<const float> values) = 0;
  virtual void get_momentum(std::size_t index, std::span<float> values) const = 0;
  // Gradient of the last train_step's loss (mean over the batch), before momentum and decay, of a parameter
  // whose layer learned in that step: for tests.
  virtual void get_gradient(std::size_t index, std::span<float> values) const = 0;
  // The mean that is subtracted from stored pixels, [C, H, W] of the stored size; zero if never set.
  virtual void set_mean(std::span<const float> mean) = 0;

  // One step of stochastic gradient descent. Of layers without a parameter that learns by the rule's factors,
  // no gradient of the parameters is computed, and below the lowest layer that learns no gradient at all.
  // Throws Error if the net was compiled for a layer that does not learn, and it now does. Of a batch in
  // several parts (BatchView::part), for which the net must be compiled, the rule is that of the last.
  virtual BatchResult train_step(const BatchView& batch, const SgdRule& rule) = 0;
  // The same in two halves, for a batch or a part of it, for devices that compute while the host prepares the
  // next batch. start_step returns as soon as `batch` may be changed; finish_step waits for the oldest
  // started step. At most kMaxStartedSteps may be under way. All other functions see the net after all
  // started steps.
  virtual void start_step(const BatchView& batch, const SgdRule& rule);
  virtual BatchResult finish_step();
  // Whether it is faster to start a step before the previous one is finished.
  [[nodiscard]] virtual bool overlaps_steps() const { return false; }
  // Class probabilities with dropout off, [images, classes] row-major; `probabilities` may be longer.
  virtual void infer(const BatchView& batch, std::span<float> probabilities) = 0;
  // The softmax's input with dropout off, [images, elements] in float, each image's in C,H,W order. `values`
  // may be longer. For nets of which the last layers were cut off (lib/net/truncated.h).
  virtual void activations(const BatchView& batch, std::span<float> values) = 0;
  // Loss and counts of labelled images, dropout off.
  virtual BatchResult evaluate(const BatchView& batch) = 0;

  // One line per primitive: layer, pass, implementation and layouts, for `train -v` and the tests.
  [[nodiscard]] virtual std::vector<std::string> describe_primitives() const = 0;
  // In the order of a step; empty if the backend does not measure.
  [[nodiscard]] virtual std::vector<LayerTime> times() const { return {}; }

 private:
  std::deque<BatchResult> started_;  // if the device does not overlap steps: already done
};

struct CompileOptions {
  int batch = 128;
  Mode mode = Mode::train;
  int parts = 1;  // in which a step may take its batch
  // Adds up the gradients of parts by pairs of neighbours, then of pairs of pairs, as ranks do, so that the
  // result has the same bits however many ranks compute them. Takes the memory of log2(parts) gradients
  // instead of one.
  bool exact_sums = false;
  Ranks* ranks = nullptr;  // that train the same net, each on its parts of the batch; nullptr: one alone
  Element precision = Element::f32;  // of the activations
  std::uint64_t seed = 1;            // of the dropout masks
  // Whether each layer of the net may learn in a step; empty: learning_layers(net).
  std::vector<bool> learning = {};
  int threads = 0;                   // 0: all processors
  MemoryLimit memory = {};           // of this machine; that of a device is what it has free
  std::uint64_t held_per_image = 0;  // bytes that the caller holds for each image of a batch
  std::uint64_t held = 0;            // and besides, such as the order of the images
  // Called when the need is known and allowed, before it is allocated on this machine.
  std::function<void(const PlannedMemory&)> on_planned = {};
};

// How many gradients a net keeps besides that of a part, while parts are added up.
[[nodiscard]] int gradient_sums(const CompileOptions& options);

enum class BatchUse { infer, evaluate, train };
// Throws Error if the batch does not fit a net compiled for batches of `images`. A batch that does not fit is
// a bug in the caller; it is checked here before it corrupts memory.
void check_batch(const NetSpec& net, int images, const BatchView& batch, BatchUse use);

}  // namespace convoy
