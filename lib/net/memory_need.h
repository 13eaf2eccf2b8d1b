// How much memory a net will take: known from its plan, before anything is allocated.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "formats/net.h"
#include "lib/base/memory.h"

namespace convoy {

struct CompileOptions;

// Bytes. Sums that do not fit in 64 bits are the largest number.
struct MemoryNeed {
  std::uint64_t weights = 0;      // parameters; in training also gradients, momenta, and copies to save them
  std::uint64_t activations = 0;  // of the batch, and in training their gradients
  std::uint64_t workspace = 0;
  std::uint64_t images = 0;  // of the batches that the caller holds
  [[nodiscard]] std::uint64_t total() const;
  MemoryNeed& operator+=(const MemoryNeed& other);
};

// The need of a batch of so many images.
using NeedOfBatch = std::function<MemoryNeed(int images)>;

// A plan that is about to be carried out.
struct PlannedMemory {
  MemoryNeed need;
  int batch = 0;
  const NeedOfBatch& need_of;
  bool part = false;  // the batch is one of several parts of a step's
  // "a batch of 128 needs 1.2 GiB of memory (weights 700.0 MiB, activations 500.0 MiB)". at_least: stands
  // before the figure.
  [[nodiscard]] std::string text(std::string_view at_least = {}) const;
};

// A lower bound that takes only the shapes: what no plan can do without. Planning itself takes time and
// memory in proportion to the sizes of a net that is far too large.
[[nodiscard]] MemoryNeed least_memory(const NetSpec& net, const CompileOptions& options);

// The most images, fewer than `planned.batch`, whose need is at most `bytes`; 0 if there is none.
[[nodiscard]] int batch_that_fits(const PlannedMemory& planned, std::uint64_t bytes);

// Throws Error("net", ...) with the figures, and the batch that would fit, if the need is more than the
// limit.
void check_memory(const PlannedMemory& planned, const MemoryLimit& limit);
// The same of a lower bound. need_of: the whole need, which the batch that would fit is judged by.
void check_least_memory(const PlannedMemory& least, const NeedOfBatch& need_of, const MemoryLimit& limit);

}  // namespace convoy
