// Loads batches while the net computes on the previous one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/runs/sampling.h"
#include "lib/shards/dataset.h"

namespace convoy {

// The images of a batch, and what belongs to each, in the order of the samples, without damaged records.
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

// Fills `batch` with the samples, on `threads` threads: verifies the payloads, which also brings their pages
// into memory, and decodes them if they are JPEG.
void load_batch(const Dataset& data, const std::vector<Sample>& samples, int threads, Batch& batch);

// How many of a run's `threads` load batches. A raw record costs no more than its checksum: if the net
// computes on the processors, one thread is enough, and a second one would only take time from the net; if
// the processors are free because the net is on a GPU, a few threads keep up with it, and more are limited by
// memory bandwidth.
[[nodiscard]] int loading_threads(Codec codec, int threads, bool processors_free);

// What the batches of a loader hold in memory for each image of a batch: its entries, and decoded pixels.
// Raw records stay in their mapped files.
[[nodiscard]] std::uint64_t loaded_bytes_per_image(const Dataset& data);
// What so many threads take, at most, to decode records.
[[nodiscard]] std::uint64_t decoding_bytes(const Dataset& data, int threads);

// Loads the batches of `source` ahead, on a thread of its own, with `threads` threads for each batch. The
// content of the batches is a function of the source alone.
class BatchLoader {
 public:
  // `data` must outlive the loader.
  BatchLoader(const Dataset& data, SampleSource source, int threads);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;
  BatchLoader(BatchLoader&&) = delete;
  BatchLoader& operator=(BatchLoader&&) = delete;
  ~BatchLoader();

  // The next batch, valid until the next call; nullptr after the last one. Throws what the loading
  // thread throws.
  [[nodiscard]] const Batch* next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The batch as the backends take it. The view is valid until `batch` changes.
[[nodiscard]] inline BatchView view_of(const Batch& batch) {
  return {.images = batch.images,
          .crops = batch.crops,
          .labels = batch.labels,
          .records = batch.records,
          .epochs = batch.epochs};
}

}  // namespace convoy
