// Shards opened together as one array of records.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "formats/shard.h"

namespace convoy {

// All records of some shards, in order. Checks that the shards agree in class table, size, channels and
// preprocessing (codecs may differ); throws Error naming the two that do not.
class Dataset {
 public:
  Dataset(const std::vector<std::string>& paths, const DamageHandler& on_damage);

  [[nodiscard]] const DatasetInfo& info() const { return shards_.front().info(); }
  [[nodiscard]] std::uint64_t size() const { return first_.back(); }
  [[nodiscard]] RecordView record(std::uint64_t index) const;
  // "train-00003.shard: record 17 (n01440764/a.JPEG)", for messages.
  [[nodiscard]] std::string place(std::uint64_t index) const;
  // The record's pixels, HWC: a view into the mapped file for raw shards, decoded into `scratch` for JPEG.
  // The payload is verified. Throws Error(place(index), reason) where it is damaged or does not decode to the
  // data set's size.
  [[nodiscard]] std::span<const std::uint8_t> pixels(std::uint64_t index,
                                                     std::vector<std::uint8_t>& scratch) const;

 private:
  struct Place {
    std::size_t shard;
    std::uint64_t record;
  };
  [[nodiscard]] Place locate(std::uint64_t index) const;
  std::vector<ShardFile> shards_;
  std::vector<std::uint64_t> first_;  // index of each shard's first record, and the total at the end
};

}  // namespace convoy
