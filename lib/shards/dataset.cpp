#include "lib/shards/dataset.h"

#include <algorithm>

#include "formats/image.h"
#include "formats/jpeg.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

// Gray pixels as RGB: the same value three times.
std::vector<std::uint8_t> gray_to_rgb(const std::vector<std::uint8_t>& gray) {
  std::vector<std::uint8_t> rgb;
  rgb.reserve(gray.size() * 3);
  for (const std::uint8_t value : gray) rgb.insert(rgb.end(), 3, value);
  return rgb;
}

}  // namespace

std::vector<std::uint8_t> decode_payload(const DatasetInfo& info, std::span<const std::uint8_t> payload,
                                         std::string_view place) {
  const ImageLimits limits{std::max(info.width, info.height), image_bytes(info)};
  Image image = decode_jpeg(payload, place, limits);
  if (image.width != info.width || image.height != info.height) {
    throw Error(place, "JPEG of " + std::to_string(image.width) + "x" + std::to_string(image.height) +
                           " in a data set of " + std::to_string(info.width) + "x" +
                           std::to_string(info.height));
  }
  if (image.channels == 1 && info.channels == 3) return gray_to_rgb(image.pixels);
  if (image.channels != info.channels) throw Error(place, "JPEG in colour in a data set of gray images");
  return std::move(image.pixels);
}

Dataset::Dataset(const std::vector<std::string>& paths, const DamageHandler& on_damage,
                 const MemoryLimit& memory) {
  if (paths.empty()) throw Error("no shards given");
  shards_.reserve(paths.size());
  first_.reserve(paths.size() + 1);
  first_.push_back(0);
  for (const std::string& path : paths) {
    ShardFile& shard = shards_.emplace_back(path, on_damage, std::string(), memory);
    const std::string difference = describe_difference(info(), shard.info(), CompareCodec::no);
    if (!difference.empty()) {
      throw Error(shard.name(), "does not go with " + shards_.front().name() + ": " +
                                    describe_difference(shard.info(), info(), CompareCodec::no));
    }
    // The class tables of a thousand shards would take gigabytes.
    if (shard.info().codec == info().codec) shard.share_info(shards_.front());
    first_.push_back(first_.back() + shard.size());
  }
}

Dataset::Dataset(ShardFile shard) : first_{0, shard.size()} { shards_.push_back(std::move(shard)); }

Dataset::Place Dataset::locate(std::uint64_t index) const {
  // The last shard that starts at or before the index: a shard without records starts where the next
  // one does.
  const auto after = std::upper_bound(first_.begin(), first_.end() - 1, index);
  const auto shard = static_cast<std::size_t>(after - first_.begin()) - 1;
  return {shard, index - first_[shard]};
}

RecordView Dataset::record(std::uint64_t index) const {
  const Place where = locate(index);
  return shards_[where.shard].record(where.record);
}

std::string Dataset::place(std::uint64_t index) const {
  const Place where = locate(index);
  const ShardFile& shard = shards_[where.shard];
  return record_place(shard.name(), where.record, shard.record(where.record).name);
}

std::span<const std::uint8_t> Dataset::pixels(std::uint64_t index, std::vector<std::uint8_t>& scratch) const {
  const Place where = locate(index);
  const ShardFile& shard = shards_[where.shard];
  const RecordView view = shard.record(where.record);
  if (!view.intact()) throw FormatError(place(index), view.offset, kPayloadDamaged);
  if (shard.info().codec == Codec::raw) return view.payload;
  scratch = decode_payload(shard.info(), view.payload, place(index));
  return scratch;
}

}  // namespace convoy
