// Shards opened together as one array of records.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/shard.h"

namespace convoy {

// The pixels, HWC, of a JPEG payload of a data set. A gray image becomes RGB if the data set is RGB. Throws
// Error(place, reason) if the payload does not decode to the data set's size and channels.
[[nodiscard]] std::vector<std::uint8_t> decode_payload(const DatasetInfo& info,
                                                       std::span<const std::uint8_t> payload,
                                                       std::string_view place);

// All records of some shards, in order. The shards must agree in class table, size, channels and
// preprocessing (codecs may differ); if two do not, throws Error naming them.
class Dataset {
 public:
  // memory: what the metadata of each may take.
  Dataset(const std::vector<std::string>& paths, const DamageHandler& on_damage,
          const MemoryLimit& memory = {});
  explicit Dataset(ShardFile shard);

  [[nodiscard]] const DatasetInfo& info() const { return shards_.front().info(); }
  [[nodiscard]] std::uint64_t size() const { return first_.back(); }
  [[nodiscard]] RecordView record(std::uint64_t index) const;  // index < size()
  [[nodiscard]] const std::vector<ShardFile>& shards() const { return shards_; }
  // How the record's payload is encoded: shards may differ in this.
  [[nodiscard]] Codec codec(std::uint64_t index) const { return shards_[locate(index).shard].info().codec; }
  // "train-00003.shard: record 17 (n01440764/a.JPEG)", for messages.
  [[nodiscard]] std::string place(std::uint64_t index) const;
  // The record's pixels, HWC: a view into the mapped file for raw shards, decoded into `scratch` for JPEG.
  // The payload is verified. Throws Error(place(index), reason) if it does not decode to the data set's size,
  // and FormatError if it is damaged.
  [[nodiscard]] std::span<const std::uint8_t> pixels(std::uint64_t index,
                                                     std::vector<std::uint8_t>& scratch) const;

 private:
  struct Place {
    std::size_t shard = 0;
    std::uint64_t record = 0;
  };
  [[nodiscard]] Place locate(std::uint64_t index) const;
  std::vector<ShardFile> shards_;
  std::vector<std::uint64_t> first_;  // index of each shard's first record, and the total at the end
};

}  // namespace convoy
