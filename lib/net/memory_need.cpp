#include "lib/net/memory_need.h"

#include <algorithm>

#include "lib/base/match.h"

namespace convoy {
namespace {

// Channels lie in memory in blocks of so many, but for those of the input.
constexpr std::int64_t kChannelBlock = 16;

std::uint64_t elements_of(const Extent& extent) {
  const std::int64_t channels = (extent.channels + kChannelBlock - 1) / kChannelBlock * kChannelBlock;
  return static_cast<std::uint64_t>(std::int64_t{extent.height} * extent.width * channels);
}

// What the output of a layer takes, per element of the output, in bytes.
std::uint64_t output_bytes(const LayerKind& kind, bool train, std::uint64_t element) {
  const std::uint64_t index = train ? 1 : 0;  // of a maximum, or whether an activation was dropped
  return match(
      kind, [&](const ConvSpec&) { return element; }, [&](const FcSpec&) { return element; },
      [](const ReluSpec&) { return std::uint64_t{0}; },  // in place
      [](const TanhSpec&) { return std::uint64_t{0}; }, [&](const LrnSpec&) { return element; },
      [&](const PoolSpec& pool) { return element + (pool.kind == PoolSpec::Kind::max ? index : 0); },
      [&](const DropoutSpec&) { return index; },
      [](const SoftmaxSpec&) { return std::uint64_t{sizeof(float)}; });
}

}  // namespace

MemoryNeed memory_need(const NetSpec& net, const CompileOptions& options) {
  const bool train = options.mode == Mode::train;
  const std::uint64_t element = element_bytes(options.precision);
  MemoryNeed need;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    // Training has the parameter, its momentum and its gradient, and while it saves copies of the first two.
    const std::uint64_t values = train ? 5 : 1;
    const std::uint64_t copies = options.precision == Element::f32 ? 0 : (train ? 2 : 1) * element;
    need.fixed_bytes += parameter.elements() * (values * sizeof(float) + copies);
  }
  std::uint64_t last = static_cast<std::uint64_t>(net.input.crop.elements());  // that a layer made
  std::uint64_t largest = last;
  std::uint64_t largest_pair = last;  // of a layer's input and output
  std::uint64_t kept = last * element;
  for (const LayerSpec& layer : net.layers) {
    const std::uint64_t elements = elements_of(layer.out);
    const std::uint64_t bytes = output_bytes(layer.kind, train, element);
    kept += elements * bytes;
    if (bytes < element) continue;  // in place
    largest = std::max(largest, elements);
    largest_pair = std::max(largest_pair, last + elements);
    last = elements;
  }
  need.image_bytes = train ? kept + 2 * largest * element : largest_pair * element;
  return need;
}

}  // namespace convoy
