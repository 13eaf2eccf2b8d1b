#include "lib/net/profile.h"

#include <algorithm>
#include <optional>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::int64_t kFlopPerMultiplyAdd = 2;
constexpr std::int64_t kFloatBytes = sizeof(float);
constexpr const char* kAll = "(all)";
constexpr const char* kNothing = "-";

std::string fixed(double value, int digits) { return format("%.*f", digits, value); }

bool has_product(const LayerSpec& layer) {
  return std::holds_alternative<ConvSpec>(layer.kind) || std::holds_alternative<FcSpec>(layer.kind);
}

// The layers of "conv1+relu1", as indices into NetSpec::layers, in the net's order.
std::vector<std::size_t> layers_named(const NetSpec& net, const std::string& joined) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    if (("+" + joined + "+").find("+" + net.layers[i].name + "+") != std::string::npos) found.push_back(i);
  }
  return found;
}

std::int64_t parameters_in(const NetSpec& net, const std::vector<std::size_t>& layers) {
  std::int64_t count = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    if (std::find(layers.begin(), layers.end(), parameter.layer) != layers.end()) {
      count += static_cast<std::int64_t>(parameter.elements());
    }
  }
  return count;
}

// Bytes that a layer's backward pass needs of its forward pass, for one image: its input, its output, or
// marks of what was chosen.
struct KeptBytes {
  const LayerSpec& layer;
  std::int64_t element;
  bool first;  // of layers that run as one: the others' activations are not in memory

  [[nodiscard]] std::int64_t in() const { return first ? layer.in.elements() * element : 0; }
  [[nodiscard]] std::int64_t out() const { return first ? layer.out.elements() * element : 0; }
  std::int64_t operator()(const ConvSpec& /*spec*/) const { return in(); }
  std::int64_t operator()(const FcSpec& /*spec*/) const { return in(); }
  std::int64_t operator()(const LrnSpec& /*spec*/) const { return in(); }
  std::int64_t operator()(const ReluSpec& /*spec*/) const { return out(); }
  std::int64_t operator()(const TanhSpec& /*spec*/) const { return out(); }
  std::int64_t operator()(const SoftmaxSpec& /*spec*/) const { return out(); }
  std::int64_t operator()(const DropoutSpec& /*spec*/) const { return layer.out.elements(); }
  std::int64_t operator()(const PoolSpec& spec) const {
    return spec.kind == PoolSpec::Kind::max ? layer.out.elements() : 0;
  }
};

LayerWork forward_work(const NetSpec& net, const std::vector<std::size_t>& layers, std::int64_t batch,
                       std::int64_t element) {
  LayerWork work;
  for (const std::size_t i : layers) work.flop += kFlopPerMultiplyAdd * batch * multiply_adds(net.layers[i]);
  work.bytes = batch * element *
                   (net.layers[layers.front()].in.elements() + net.layers[layers.back()].out.elements()) +
               element * parameters_in(net, layers);
  return work;
}

LayerWork backward_work(const NetSpec& net, const std::vector<std::size_t>& layers, std::int64_t batch,
                        std::int64_t element) {
  const auto before = net.layers.begin() + static_cast<std::ptrdiff_t>(layers.front());
  const bool input_gradient = std::any_of(net.layers.begin(), before, has_product);
  LayerWork work;
  std::int64_t values = net.layers[layers.back()].out.elements();  // the gradient that arrives
  if (input_gradient) values += net.layers[layers.front()].in.elements();
  work.bytes = batch * element * values;
  for (const std::size_t i : layers) {
    const LayerSpec& layer = net.layers[i];
    work.flop += (input_gradient ? 2 : 1) * kFlopPerMultiplyAdd * batch * multiply_adds(layer);
    work.bytes += batch * std::visit(KeptBytes{layer, element, i == layers.front()}, layer.kind);
  }
  const std::int64_t parameters = parameters_in(net, layers);
  work.bytes += parameters * (kFloatBytes + (input_gradient ? element : 0));
  return work;
}

// Gradient, momentum and master are read, the latter two written, and a copy of another type.
LayerWork update_work(const NetSpec& net, const std::vector<std::size_t>& layers, std::int64_t element) {
  return {0, parameters_in(net, layers) * (5 * kFloatBytes + (element == kFloatBytes ? 0 : element))};
}

struct Line {
  std::string layer;
  double seconds = 0.0;
  LayerWork work;
};
struct Phase {
  std::string name;
  std::vector<Line> lines;
};

// In the order of a step; lines of the same layer are one.
std::vector<Phase> phases_of(const NetSpec& net, int batch, std::size_t element_bytes,
                             const StepTimes& times) {
  std::vector<Phase> phases{{"read", {{"input", times.read_seconds, {}}}}};
  for (const char* name : {"augment", "forward", "backward", "update"}) phases.push_back({name, {}});
  for (const LayerTime& time : times.layers) {
    auto phase = std::find_if(phases.begin(), phases.end(),
                              [&](const Phase& known) { return known.name == time.direction; });
    if (phase == phases.end()) phase = phases.insert(phases.end(), Phase{time.direction, {}});
    auto line = std::find_if(phase->lines.begin(), phase->lines.end(),
                             [&](const Line& known) { return known.layer == time.layer; });
    if (line == phase->lines.end()) {
      line = phase->lines.insert(
          line, {time.layer, 0.0, work_of(net, batch, element_bytes, time.layer, time.direction)});
    }
    line->seconds += time.seconds;
  }
  return phases;
}

class Table {
 public:
  Table(double steps, double seconds) : steps_(steps), seconds_(seconds) {}

  void add(const std::string& phase, const Line& line) {
    const bool timed = line.seconds > 0.0;
    const auto rate = [&](std::int64_t work) {
      return work > 0 && timed ? fixed(static_cast<double>(work) * steps_ / line.seconds * 1e-9, 1)
                               : kNothing;
    };
    rows_.push_back({phase, line.layer, fixed(line.seconds / steps_ * 1e3, 3),
                     fixed(seconds_ > 0.0 ? 100.0 * line.seconds / seconds_ : 0.0, 2), rate(line.work.flop),
                     line.work.bytes > 0 ? fixed(static_cast<double>(line.work.bytes) * 1e-6, 2) : kNothing,
                     rate(line.work.bytes)});
  }
  [[nodiscard]] std::string text() const {
    constexpr std::size_t kTextColumns = 2;
    return aligned_table(rows_, kTextColumns);
  }

 private:
  double steps_;
  double seconds_;
  std::vector<std::vector<std::string>> rows_{
      {"phase", "layer", "ms/step", "share%", "GFLOP/s", "MB/step", "GB/s"}};
};

Line sum_of(const Phase& phase) {
  Line sum{kAll, 0.0, {}};
  for (const Line& line : phase.lines) {
    sum.seconds += line.seconds;
    sum.work.flop += line.work.flop;
    sum.work.bytes += line.work.bytes;
  }
  return sum;
}

}  // namespace

LayerWork work_of(const NetSpec& net, int batch, std::size_t element_bytes, const std::string& layer,
                  const std::string& direction) {
  const auto element = static_cast<std::int64_t>(element_bytes);
  if (direction == "augment") {
    // Pixels of the crops, and the mean's values below them.
    const std::int64_t pixels = net.input.crop.elements() * batch;
    return {0, pixels * (1 + kFloatBytes + element)};
  }
  const std::vector<std::size_t> layers = layers_named(net, layer);
  if (layers.empty()) return {};
  if (direction == "forward") return forward_work(net, layers, batch, element);
  if (direction == "backward") return backward_work(net, layers, batch, element);
  if (direction == "update") return update_work(net, layers, element);
  return {};
}

std::vector<LayerTime> time_between(const std::vector<LayerTime>& before, std::vector<LayerTime> after) {
  if (before.empty()) return after;
  if (before.size() != after.size()) throw Error("profile", "times of different nets");
  for (std::size_t i = 0; i < after.size(); ++i) after[i].seconds -= before[i].seconds;
  return after;
}

std::string profile_table(const NetSpec& net, int batch, std::size_t element_bytes, const StepTimes& times) {
  if (times.steps == 0) return "# no step was taken: there is nothing to profile\n";
  const std::vector<Phase> phases = phases_of(net, batch, element_bytes, times);
  Line total{kAll, 0.0, {}};
  for (const Phase& phase : phases) {
    const Line sum = sum_of(phase);
    total.seconds += sum.seconds;
    total.work.flop += sum.work.flop;
    total.work.bytes += sum.work.bytes;
  }
  const double other = std::max(0.0, times.seconds - total.seconds);
  total.seconds += other;

  Table table(static_cast<double>(times.steps), total.seconds);
  for (const Phase& phase : phases) {
    if (phase.lines.empty()) continue;
    for (const Line& line : phase.lines) table.add(phase.name, line);
    table.add(phase.name, sum_of(phase));
  }
  table.add("other", {kAll, other, {}});
  table.add(kAll, total);

  std::string text = table.text();
  if (times.layers.empty()) text += "# this device does not time its layers: their work is in 'other'\n";
  const double rate = times.seconds > 0.0 ? static_cast<double>(times.images) / times.seconds : 0.0;
  text += "# " + count_of(times.steps, "step") + " of " +
          count_of(static_cast<std::uint64_t>(batch), "image") + ", " + std::to_string(8 * element_bytes) +
          "-bit activations: " + fixed(rate, 1) + " images/s\n";
  return text;
}

}  // namespace convoy
