#include "lib/shards/mean_pass.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "formats/image.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/parallel.h"
#include "lib/shards/dataset.h"

namespace convoy {
namespace {

// Work is handed out in blocks of about this size: large enough to hide the cost of a hand-over, small
// compared with memory.
constexpr std::uint64_t kBlockBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxBlockRecords = 4096;
// If they are further apart, the ends of a block lie in different files.
constexpr std::ptrdiff_t kMaxMappedAhead = std::ptrdiff_t{1} << 26;

struct Record {
  std::uint64_t index = 0;  // in the data set, or in its input
  // Of streams only: those of mapped shards stay where they are.
  std::string name = {};
  std::vector<std::uint8_t> payload = {};
};

struct Block {
  const DatasetInfo* info = nullptr;   // of the input of all records; set for streams only
  const std::string* input = nullptr;  // its name; set for streams only
  std::vector<Record> records;
  std::vector<Damage> damage;  // found before the records, while reading
};

// Shards in files.
class MappedShards {
 public:
  MappedShards(const std::vector<std::string>& inputs, const DamageHandler& on_damage,
               const MemoryLimit& memory)
      : dataset_(inputs, on_damage, memory) {
    const std::uint64_t fitting = kBlockBytes / std::max<std::uint64_t>(image_bytes(info()), 1);
    block_records_ = std::clamp<std::uint64_t>(fitting, ImageSummer::kTogether, kMaxBlockRecords);
  }
  [[nodiscard]] const DatasetInfo& info() const { return dataset_.info(); }
  [[nodiscard]] std::uint64_t total() const { return dataset_.size(); }
  [[nodiscard]] bool decodes() const {
    return std::ranges::any_of(dataset_.shards(),
                               [](const ShardFile& shard) { return shard.info().codec != Codec::raw; });
  }

  std::optional<Block> next() {
    if (next_ == dataset_.size()) return std::nullopt;
    Block block;
    const std::uint64_t end = std::min(next_ + block_records_, dataset_.size());
    for (; next_ < end; ++next_) block.records.push_back({.index = next_});
    return block;
  }

  [[nodiscard]] std::string place(const Block& /*block*/, const Record& record) const {
    return dataset_.place(record.index);
  }
  [[nodiscard]] std::span<const std::uint8_t> pixels(const Block& /*block*/, const Record& record,
                                                     std::vector<std::uint8_t>& scratch) const {
    return dataset_.pixels(record.index, scratch);
  }
  // Called when work on a block starts: the records of one shard are stored one after another.
  void map_ahead(const Block& block) const {
    const auto first = dataset_.record(block.records.front().index).payload;
    const auto last = dataset_.record(block.records.back().index).payload;
    const std::uint8_t* end = last.data() + last.size();
    if (std::less<>()(first.data(), end) && end - first.data() <= kMaxMappedAhead) {
      convoy::map_ahead({first.data(), end});
    }
  }
  // The bytes of the record `ahead` places further on; none beyond the end.
  [[nodiscard]] std::span<const std::uint8_t> bytes_ahead(const Record& record, std::size_t ahead) const {
    const std::uint64_t index = record.index + ahead;
    return index < dataset_.size() ? dataset_.record(index).payload : std::span<const std::uint8_t>();
  }

 private:
  Dataset dataset_;
  std::uint64_t block_records_ = 1;
  std::uint64_t next_ = 0;
};

// Shards that arrive through pipes.
class StreamedShards {
 public:
  StreamedShards(const StreamedShards&) = delete;  // the readers report damage to this object
  StreamedShards& operator=(const StreamedShards&) = delete;
  StreamedShards(StreamedShards&&) = delete;
  StreamedShards& operator=(StreamedShards&&) = delete;
  ~StreamedShards() = default;
  StreamedShards(const std::vector<std::string>& inputs, const DamageHandler& on_damage,
                 const MemoryLimit& memory)
      : paths_(inputs), memory_(memory) {
    open();
    for (const Damage& damage : damage_) on_damage(damage);
    damage_.clear();
  }
  [[nodiscard]] const DatasetInfo& info() const { return inputs_.front()->info; }
  [[nodiscard]] static std::uint64_t total() { return 0; }

  std::optional<Block> next() {
    Block block;
    std::uint64_t bytes = 0;
    while (block.records.size() < kMaxBlockRecords && bytes < kBlockBytes) {
      const auto record = inputs_.back()->reader.next_view();
      if (record) {
        block.records.push_back({.index = inputs_.back()->reader.index(),
                                 .name = std::string(record->name),
                                 .payload = {record->payload.begin(), record->payload.end()}});
        bytes += record->payload.size();
        continue;
      }
      // All records of a block come from one input.
      if (!block.records.empty() || inputs_.size() == paths_.size()) break;
      open();
    }
    block.damage = std::exchange(damage_, {});
    if (block.records.empty() && block.damage.empty()) return std::nullopt;
    block.info = &inputs_.back()->info;
    block.input = &inputs_.back()->file.name();
    return block;
  }

  [[nodiscard]] static std::string place(const Block& block, const Record& record) {
    return record_place(*block.input, record.index, record.name);
  }
  [[nodiscard]] static std::span<const std::uint8_t> pixels(const Block& block, const Record& record,
                                                            std::vector<std::uint8_t>& scratch) {
    if (block.info->codec == Codec::raw) return record.payload;
    scratch = decode_payload(*block.info, record.payload, place(block, record));
    return scratch;
  }
  static void map_ahead(const Block& /*block*/) {}
  // A stream's records are in memory already.
  [[nodiscard]] static std::span<const std::uint8_t> bytes_ahead(const Record& /*record*/,
                                                                 std::size_t /*ahead*/) {
    return {};
  }

 private:
  struct Input {
    InputFile file;
    ShardReader reader;
    DatasetInfo info;
    Input(const std::string& path, const DamageHandler& on_damage, const MemoryLimit& memory)
        : file(path), reader(file, on_damage, memory), info(reader.info()) {}
  };

  // Opens the next input. Those before it stay open, since blocks refer to them.
  void open() {
    const std::string& path = paths_[inputs_.size()];
    inputs_.push_back(std::make_unique<Input>(
        path, [this](const Damage& damage) { damage_.push_back(damage); }, memory_));
    const std::string difference = describe_difference(inputs_.back()->info, info(), CompareCodec::no);
    if (!difference.empty()) {
      throw Error(inputs_.back()->file.name(),
                  "does not go with " + inputs_.front()->file.name() + ": " + difference);
    }
  }

  std::vector<std::string> paths_;
  MemoryLimit memory_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::vector<Damage> damage_;
};

// Lends out summers: as many as there are blocks in work at the same time.
class SummerPool {
 public:
  explicit SummerPool(const DatasetInfo& info) : info_(info) {}

  std::unique_ptr<ImageSummer> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<ImageSummer>(info_.width, info_.height, info_.channels);
    auto summer = std::move(idle_.back());
    idle_.pop_back();
    return summer;
  }
  void give_back(std::unique_ptr<ImageSummer> summer) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(summer));
  }
  [[nodiscard]] ImageSums total() const {
    // Of no image there are no sums: a header can claim any size.
    if (idle_.empty()) return {info_.width, info_.height, info_.channels, 0, {}, {}};
    ImageSums sums = empty_sums(info_.width, info_.height, info_.channels);
    for (const auto& summer : idle_) add_sums(sums, summer->sums(), "images");
    return sums;
  }

 private:
  const DatasetInfo& info_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ImageSummer>> idle_;
};

struct BlockResult {
  std::uint64_t records = 0;
  std::vector<Damage> damage;
};

template <typename Source>
BlockResult sum_block(const Source& source, Block&& block, SummerPool& pool) {
  BlockResult result{block.records.size(), std::move(block.damage)};
  std::unique_ptr<ImageSummer> summer;  // lent when there is an image to add
  source.map_ahead(block);
  std::array<std::vector<std::uint8_t>, ImageSummer::kTogether> scratch;
  std::array<std::span<const std::uint8_t>, ImageSummer::kTogether> group;
  std::array<std::span<const std::uint8_t>, ImageSummer::kTogether> coming;
  std::size_t grouped = 0;
  const auto add_group = [&](const Record& last) {
    if (!summer) summer = pool.take();
    for (std::size_t i = 0; i < coming.size(); ++i) coming[i] = source.bytes_ahead(last, i + 1);
    summer->add(std::span(group).first(grouped), coming);
    grouped = 0;
  };
  for (const Record& record : block.records) {
    try {
      group.at(grouped) = source.pixels(block, record, scratch.at(grouped));
      ++grouped;
    } catch (const Error& error) {
      result.damage.push_back(damage_of(error, source.place(block, record)));
    }
    if (grouped == group.size()) add_group(record);
  }
  if (grouped > 0) add_group(block.records.back());
  if (summer) pool.give_back(std::move(summer));
  return result;
}

// A header can claim any size, and the sums take twelve times the memory of an image.
void check_size(const DatasetInfo& info, std::string_view place) {
  const auto width = static_cast<std::uint64_t>(info.width);
  const auto height = static_cast<std::uint64_t>(info.height);
  if (width * height > kMaxImagePixels) {
    throw Error(place, "images of " + std::to_string(width) + "x" + std::to_string(height) +
                           " have more than " + std::to_string(kMaxImagePixels) + " pixels");
  }
}

// As many threads as their sums leave room for: the result does not depend on their number. decodes: whether
// records are JPEG. streams: whether they are held in memory until they are summed up.
int summing_threads(const DatasetInfo& info, bool decodes, bool streams, std::string_view place,
                    const PassLimits& limits) {
  const std::uint64_t values = image_bytes(info);
  // Sums of 64 and 16 bits for each thread, two decoded images and what decoding takes, and streamed records.
  const std::uint64_t decoding = decodes ? (ImageSummer::kTogether + 8) * values : 0;
  const std::uint64_t waiting =
      streams ? (kAheadOfUse + 1) * (values + std::min(values, kBlockBytes) + kBlockBytes) : 0;
  const std::uint64_t each = 10 * values + decoding + waiting;
  // In the end: the total, one thread's sums in another order, the mean, and its picture.
  const std::uint64_t fixed = (2 * sizeof(std::uint64_t) + sizeof(float) + 4) * values;
  const std::string what = "the sums of images of " + std::to_string(info.width) + "x" +
                           std::to_string(info.height) + "x" + std::to_string(info.channels);
  return threads_that_fit(limits.threads, fixed, each, limits.memory, place, what);
}

template <typename Source>
SummedImages run_pass(Source& source, int threads, const DamageHandler& on_damage,
                      const PassProgress& on_progress) {
  SummerPool pool(source.info());
  std::uint64_t done = 0;
  ordered_parallel_map(
      threads, [&] { return source.next(); },
      [&](Block&& block) { return sum_block(source, std::move(block), pool); },
      [&](BlockResult&& result) {
        for (const Damage& damage : result.damage) on_damage(damage);
        done += result.records;
        on_progress(done, source.total());
      });
  return {source.info(), pool.total()};
}

bool is_file(const std::string& path) {
  std::error_code unknown;
  return path != kStdStreamName && std::filesystem::is_regular_file(path, unknown);
}

}  // namespace

SummedImages sum_images(const std::vector<std::string>& inputs, const PassLimits& limits,
                        const DamageHandler& on_damage, const PassProgress& on_progress) {
  if (inputs.empty()) throw Error("no shards given");
  if (std::ranges::all_of(inputs, is_file)) {
    MappedShards source(inputs, on_damage, limits.memory);
    check_size(source.info(), inputs.front());
    const int threads = summing_threads(source.info(), source.decodes(), false, inputs.front(), limits);
    return run_pass(source, threads, on_damage, on_progress);
  }
  StreamedShards source(inputs, on_damage, limits.memory);
  check_size(source.info(), inputs.front());
  const int threads = summing_threads(source.info(), true, true, inputs.front(), limits);
  return run_pass(source, threads, on_damage, on_progress);
}

}  // namespace convoy
