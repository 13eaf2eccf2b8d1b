#include "lib/net/profile.h"

#include <algorithm>
#include <span>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/net/layer.h"

namespace convoy {
namespace {

constexpr std::int64_t kFloatBytes = sizeof(float);
constexpr const char* kAll = "(all)";
constexpr const char* kNothing = "-";

std::string fixed(double value, int digits) { return format("%.*f", digits, value); }

std::string text_of(Phase phase) {
  switch (phase) {
    case Phase::augment:
      return "augment";
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::update:
      return "update";
  }
  return {};
}

std::span<const LayerSpec> specs_of(const NetSpec& net, const LayerRange& layers) {
  return std::span(net.layers).subspan(layers.begin, layers.end - layers.begin);
}

std::int64_t parameters_in(const NetSpec& net, const LayerRange& layers) {
  std::int64_t count = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    if (parameter.layer >= layers.begin && parameter.layer < layers.end) {
      count += static_cast<std::int64_t>(parameter.elements());
    }
  }
  return count;
}

// Bytes of one image that a layer's backward pass reads from its forward pass: input, output, and one byte
// per mark. first: whether the layer is the first of those that run as one; activations between them are not
// in memory. A ReLU's output, which the next layer reads (the ReLU protocol), counts for the ReLU.
std::int64_t kept_bytes(const LayerSpec& layer, std::int64_t element, bool first) {
  const LayerFacts facts = layer_facts(layer, {});
  std::int64_t bytes = facts.marks ? layer.out.elements() : 0;
  if (first && facts.reads_x) bytes += layer.in.elements() * element;
  if (first && (facts.reads_y || std::holds_alternative<ReluSpec>(layer.kind))) {
    bytes += layer.out.elements() * element;
  }
  return bytes;
}

// Values of one image's activations.
std::int64_t values_in(const NetSpec& net, const LayerRange& layers) {
  return net.layers[layers.begin].in.elements();
}
std::int64_t values_out(const NetSpec& net, const LayerRange& layers) {
  return net.layers[layers.end - 1].out.elements();
}

LayerWork forward_work(const NetSpec& net, const LayerRange& layers, std::int64_t batch,
                       std::int64_t element) {
  LayerWork work;
  for (const LayerSpec& layer : specs_of(net, layers)) {
    work.flop += kFlopPerMultiplyAdd * batch * multiply_adds(layer);
  }
  work.bytes = batch * element * (values_in(net, layers) + values_out(net, layers)) +
               element * parameters_in(net, layers);
  return work;
}

LayerWork backward_work(const NetSpec& net, const LayerRange& layers, std::int64_t batch,
                        std::int64_t element) {
  const std::vector<bool> learning = learning_layers(net);
  const auto learns_in = [&](std::size_t begin, std::size_t end) {
    return std::find(learning.begin() + static_cast<std::ptrdiff_t>(begin),
                     learning.begin() + static_cast<std::ptrdiff_t>(end),
                     true) != learning.begin() + static_cast<std::ptrdiff_t>(end);
  };
  const bool input_gradient = learns_in(0, layers.begin);
  const bool learns = learns_in(layers.begin, layers.end);
  LayerWork work;
  std::int64_t values = values_out(net, layers);  // the gradient that arrives
  if (input_gradient) values += values_in(net, layers);
  work.bytes = batch * element * values;
  bool first = true;
  for (const LayerSpec& layer : specs_of(net, layers)) {
    work.flop += (int{input_gradient} + int{learns}) * kFlopPerMultiplyAdd * batch * multiply_adds(layer);
    work.bytes += batch * kept_bytes(layer, element, first);
    first = false;
  }
  const std::int64_t parameters = parameters_in(net, layers);
  work.bytes += parameters * ((learns ? kFloatBytes : 0) + (input_gradient ? element : 0));
  return work;
}

// Gradient, momentum and master are read; the latter two are written, and a copy of the master if in bf16.
LayerWork update_work(const NetSpec& net, const LayerRange& layers, std::int64_t element) {
  return {0, parameters_in(net, layers) * (5 * kFloatBytes + (element == kFloatBytes ? 0 : element))};
}

struct Line {
  std::string layer;
  double seconds = 0.0;
  LayerWork work;
};
struct Section {  // of the table
  std::string phase;
  std::vector<Line> lines;
};

// In the order of a step; times of the same layers in a phase are one line.
std::vector<Section> sections_of(const NetSpec& net, int batch, std::size_t element_bytes,
                                 const StepTimes& times) {
  std::vector<Section> sections{{"read", {{"input", times.read_seconds, {}}}}};
  for (const Phase phase : {Phase::augment, Phase::forward, Phase::backward, Phase::update}) {
    Section& section = sections.emplace_back(Section{text_of(phase), {}});
    std::vector<LayerRange> known;  // of the section's lines
    for (const LayerTime& time : times.layers) {
      if (time.phase != phase) continue;
      const auto line = static_cast<std::size_t>(std::ranges::find(known, time.layers) - known.begin());
      if (line == known.size()) {
        known.push_back(time.layers);
        section.lines.push_back({joined_name(net, time.layers), 0.0,
                                 work_of(net, batch, element_bytes, time.layers, time.phase)});
      }
      section.lines[line].seconds += time.seconds;
    }
  }
  return sections;
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

Line sum_of(const Section& section) {
  Line sum{kAll, 0.0, {}};
  for (const Line& line : section.lines) {
    sum.seconds += line.seconds;
    sum.work.flop += line.work.flop;
    sum.work.bytes += line.work.bytes;
  }
  return sum;
}

}  // namespace

LayerWork work_of(const NetSpec& net, int batch, std::size_t element_bytes, const LayerRange& layers,
                  Phase phase) {
  const auto element = static_cast<std::int64_t>(element_bytes);
  if (phase == Phase::augment) {
    // The pixels of the crops, and the mean's values at the same places.
    const std::int64_t pixels = net.input.crop.elements() * batch;
    return {0, pixels * (1 + kFloatBytes + element)};
  }
  if (layers.begin == layers.end) return {};
  if (phase == Phase::forward) return forward_work(net, layers, batch, element);
  if (phase == Phase::backward) return backward_work(net, layers, batch, element);
  return update_work(net, layers, element);
}

std::vector<LayerTime> time_between(const std::vector<LayerTime>& before, std::vector<LayerTime> after) {
  if (before.empty()) return after;
  if (before.size() != after.size()) throw Error("profile", "times of different nets");
  for (std::size_t i = 0; i < after.size(); ++i) after[i].seconds -= before[i].seconds;
  return after;
}

std::string profile_table(const NetSpec& net, int batch, std::size_t element_bytes, const StepTimes& times) {
  if (times.steps == 0) return "# no step was taken: there is nothing to profile\n";
  const std::vector<Section> sections = sections_of(net, batch, element_bytes, times);
  Line total{kAll, 0.0, {}};
  for (const Section& section : sections) {
    const Line sum = sum_of(section);
    total.seconds += sum.seconds;
    total.work.flop += sum.work.flop;
    total.work.bytes += sum.work.bytes;
  }
  const double other = std::max(0.0, times.seconds - total.seconds);
  total.seconds += other;

  Table table(static_cast<double>(times.steps), total.seconds);
  for (const Section& section : sections) {
    if (section.lines.empty()) continue;
    for (const Line& line : section.lines) table.add(section.phase, line);
    table.add(section.phase, sum_of(section));
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
