// Batches, made ready while the net computes on the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/runs/sampling.h"
#include "lib/shards/dataset.h"

namespace convoy {

// Images of a batch with what belongs to each, in the order of the samples; damaged records are left out.
struct Batch {
  std::vector<const std::uint8_t*> images;  // stored images, HWC, in the mapped shards or in `decoded`
  std::vector<Crop> crops;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> records;
  std::vector<std::uint32_t> epochs;
  std::vector<Damage> damaged;  // a record each

  std::vector<std::vector<std::uint8_t>> decoded;  // pixels of JPEG records

  [[nodiscard]] std::size_t size() const { return images.size(); }
};

// Fills `batch` with the samples on `threads` threads: payloads verified, which also brings their pages into
// memory, and decoded where they are JPEG.
void load_batch(const Dataset& data, const std::vector<Sample>& samples, int threads, Batch& batch);

// How many of a run's threads shall load. A raw record costs no more than its checksum: where the net
// computes on the processors, one thread is enough and a second would only take from the net; where they are
// free, and the net a GPU's, a few keep up with it, and more would share what the memory gives.
[[nodiscard]] int loading_threads(Codec codec, int threads, bool processors_free);

// Loads the batches of `source` ahead, on a thread of its own, and that with `threads` threads for each
// batch. What batches hold is a function of the source alone.
class BatchLoader {
 public:
  // `data` must outlive the loader.
  BatchLoader(const Dataset& data, SampleSource source, int threads);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;
  BatchLoader(BatchLoader&&) = delete;
  BatchLoader& operator=(BatchLoader&&) = delete;
  ~BatchLoader();

  // The next batch, or nullptr after the last. It stays as it is until the next call. What the loading thread
  // throws is thrown here.
  [[nodiscard]] const Batch* next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The batch as the backends take it. The view lives as long as `batch` stays as it is.
[[nodiscard]] inline BatchView view_of(const Batch& batch) {
  return {.images = batch.images,
          .crops = batch.crops,
          .labels = batch.labels,
          .records = batch.records,
          .epochs = batch.epochs};
}

}  // namespace convoy
