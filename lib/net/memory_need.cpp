#include "lib/net/memory_need.h"

#include <algorithm>
#include <string>

#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/error.h"
#include "lib/net/compiled_net.h"

namespace convoy {
namespace {

std::string parts_of(const MemoryNeed& need) {
  std::string text;
  const auto add = [&](const char* what, std::uint64_t bytes) {
    if (bytes > 0) text += (text.empty() ? "" : ", ") + std::string(what) + " " + format_bytes(bytes);
  };
  add("weights", need.weights);
  add("activations", need.activations);
  add("workspace", need.workspace);
  add("images", need.images);
  return text;
}

[[noreturn]] void refuse(const PlannedMemory& planned, std::string_view at_least, const MemoryLimit& limit,
                         int fits) {
  std::string advice = "not even a batch of 1 fits, a larger --max-memory would allow it";
  if (fits > 0) {
    advice = planned.part
                 ? "a part of " + std::to_string(fits) + " images would fit, which takes more --parts"
                 : "--batch=" + std::to_string(fits) + " would fit";
  }
  refuse_memory(limit, "net", planned.text(at_least) + ", the limit is " + limit.text() + ": " + advice);
}

}  // namespace

std::uint64_t MemoryNeed::total() const {
  return saturating_add(saturating_add(weights, activations), saturating_add(workspace, images));
}

MemoryNeed& MemoryNeed::operator+=(const MemoryNeed& other) {
  weights = saturating_add(weights, other.weights);
  activations = saturating_add(activations, other.activations);
  workspace = saturating_add(workspace, other.workspace);
  images = saturating_add(images, other.images);
  return *this;
}

std::string PlannedMemory::text(std::string_view at_least) const {
  return (part ? "a part of " : "a batch of ") + std::to_string(batch) +
         (part ? " images needs " : " needs ") + std::string(at_least) + format_bytes(need.total()) +
         " of memory (" + parts_of(need) + ")";
}

MemoryNeed least_memory(const NetSpec& net, const CompileOptions& options) {
  const auto batch = static_cast<std::uint64_t>(options.batch);
  MemoryNeed need;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const std::uint64_t values = options.mode == Mode::train ? 3 : 1;  // itself, its momentum, its gradient
    need.weights = saturating_add(need.weights, saturating_mul(parameter.elements(), values * sizeof(float)));
  }
  auto largest = static_cast<std::uint64_t>(net.input.crop.elements());
  for (const LayerSpec& layer : net.layers) {
    // Others may work in place, or run as one with their neighbours.
    if (learned(layer.kind) == nullptr) continue;
    largest = std::max(largest, static_cast<std::uint64_t>(layer.out.elements()));
  }
  need.activations = saturating_mul(largest, batch * element_bytes(options.precision));
  need.images = saturating_add(saturating_mul(options.held_per_image, batch), options.held);
  return need;
}

int batch_that_fits(const PlannedMemory& planned, std::uint64_t bytes) {
  constexpr int kTries = 16;
  constexpr int kStep = 16;  // by this part of itself a batch that does not fit is made smaller
  if (planned.batch <= 1) return 0;
  const std::uint64_t one = planned.need_of(1).total();
  if (one > bytes) return 0;
  // The need is nearly linear in the batch.
  const std::uint64_t whole = planned.need.total();
  const std::uint64_t more = whole > one ? whole - one : 1;
  const double share = static_cast<double>(bytes - one) / static_cast<double>(more);
  int fits = std::clamp(1 + static_cast<int>(share * (planned.batch - 1)), 1, planned.batch - 1);
  for (int tries = 0; fits > 1 && planned.need_of(fits).total() > bytes; ++tries) {
    fits = tries < kTries ? fits - std::max(fits / kStep, 1) : 1;
  }
  return fits;
}

void check_memory(const PlannedMemory& planned, const MemoryLimit& limit) {
  if (planned.need.total() <= limit.bytes) return;
  refuse(planned, {}, limit, batch_that_fits(planned, limit.bytes));
}

void check_least_memory(const PlannedMemory& least, const NeedOfBatch& need_of, const MemoryLimit& limit) {
  if (least.need.total() <= limit.bytes) return;
  int fits = batch_that_fits(least, limit.bytes);
  if (fits > 0) {
    const PlannedMemory smaller{need_of(fits), fits, need_of, least.part};
    if (smaller.need.total() > limit.bytes) fits = batch_that_fits(smaller, limit.bytes);
  }
  refuse(least, "at least ", limit, fits);
}

}  // namespace convoy
