#include "lib/runs/loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"

namespace convoy {
namespace {

// One batch in use, one ready, one being loaded.
constexpr std::size_t kSlots = 3;
constexpr int kMaxRawThreads = 4;

bool holds_jpeg(const Dataset& data) {
  return std::ranges::any_of(data.shards(),
                             [](const ShardFile& shard) { return shard.info().codec == Codec::jpeg; });
}

}  // namespace

void load_batch(const Dataset& data, const std::vector<Sample>& samples, int threads, Batch& batch) {
  const std::size_t count = samples.size();
  if (batch.decoded.size() < count) batch.decoded.resize(count);
  std::vector<const std::uint8_t*> pixels(count, nullptr);
  std::vector<std::optional<Damage>> damage(count);
  std::vector<std::exception_ptr> failures(
      count);  // that no record is to blame for, such as a lack of memory
  const auto load = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      try {
        pixels[i] = data.pixels(samples[i].record, batch.decoded[i]).data();
      } catch (const Error& error) {
        damage[i] = damage_of(error, data.place(samples[i].record));
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  parallel_ranges(threads, count, load);
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }

  batch.images.clear();
  batch.crops.clear();
  batch.labels.clear();
  batch.records.clear();
  batch.epochs.clear();
  batch.damaged.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const Sample& sample = samples[i];
    if (pixels[i] == nullptr) {
      batch.damaged.push_back(std::move(*damage[i]));
      continue;
    }
    batch.images.push_back(pixels[i]);
    batch.crops.push_back(sample.crop);
    batch.labels.push_back(data.record(sample.record).label);
    batch.records.push_back(sample.record);
    batch.epochs.push_back(sample.epoch);
  }
}

// The slots are filled and used in turn; `loaded` and `taken` count batches from the start.
struct BatchLoader::State {
  const Dataset& data;
  SampleSource source;
  int threads;

  std::mutex mutex;
  std::condition_variable changed;
  std::array<Batch, kSlots> slots;
  std::size_t loaded = 0;
  std::size_t taken = 0;
  bool ended = false;
  bool stopping = false;
  std::exception_ptr failure;
  std::jthread thread;

  void run() {
    try {
      while (true) {
        const std::vector<Sample> samples = source();
        std::unique_lock lock(mutex);
        if (samples.empty()) break;
        // The batch that was taken last is in use until the next one is taken.
        changed.wait(lock, [this] { return stopping || loaded + 1 - taken < kSlots; });
        if (stopping) return;
        Batch& batch = slots[loaded % kSlots];
        lock.unlock();
        load_batch(data, samples, threads, batch);
        lock.lock();
        ++loaded;
        changed.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
};

std::uint64_t loaded_bytes_per_image(const Dataset& data) {
  // Of each slot, and of the batch that is drawn and loaded.
  constexpr std::uint64_t kEntries =
      kSlots * (sizeof(void*) + sizeof(Crop) + sizeof(std::int32_t) + sizeof(std::uint64_t) +
                sizeof(std::uint32_t) + sizeof(std::vector<std::uint8_t>)) +
      sizeof(Sample) + sizeof(void*) + sizeof(std::optional<Damage>) + sizeof(std::exception_ptr);
  return kEntries + (holds_jpeg(data) ? kSlots * image_bytes(data.info()) : 0);
}

std::uint64_t decoding_bytes(const Dataset& data, int threads) {
  constexpr std::uint64_t kCodec = 8;  // for each value, of a JPEG with coefficients
  return holds_jpeg(data) ? kCodec * image_bytes(data.info()) * static_cast<std::uint64_t>(threads) : 0;
}

int loading_threads(Codec codec, int threads, bool processors_free) {
  if (codec != Codec::raw) return threads;
  return processors_free ? std::min(threads, kMaxRawThreads) : 1;
}

BatchLoader::BatchLoader(const Dataset& data, SampleSource source, int threads)
    : state_(new State{.data = data,
                       .source = std::move(source),
                       .threads = threads,
                       .mutex = {},
                       .changed = {},
                       .slots = {},
                       .failure = {},
                       .thread = {}}) {
  state_->thread = start_thread([state = state_.get()] { state->run(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
}

const Batch* BatchLoader::next() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->ended || state_->taken < state_->loaded; });
  if (state_->taken < state_->loaded) {
    const Batch* batch = &state_->slots[state_->taken % kSlots];
    ++state_->taken;
    state_->changed.notify_all();
    return batch;
  }
  if (state_->failure) std::rethrow_exception(state_->failure);
  return nullptr;
}

}  // namespace convoy
