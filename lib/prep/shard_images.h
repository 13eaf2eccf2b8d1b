// The records of a shard as images that are already prepared.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "lib/prep/image_input.h"
#include "lib/shards/dataset.h"

namespace convoy {

class ShardImages {
 public:
  // name: of the shard in messages. memory: what its metadata may take. Throws Error if `path`
  // is not a shard.
  ShardImages(const std::string& path, std::string name, const MemoryLimit& memory);
  ShardImages(const ShardImages&) = delete;
  ShardImages& operator=(const ShardImages&) = delete;
  ShardImages(ShardImages&&) = delete;
  ShardImages& operator=(ShardImages&&) = delete;
  ~ShardImages() = default;

  [[nodiscard]] const DatasetInfo& info() const { return data_.info(); }
  // The next record, with its name in the shard, or nothing at the end. A damaged record or part of the shard
  // is an input with a failure.
  std::optional<ImageInput> next();

 private:
  [[nodiscard]] Dataset open(const MemoryLimit& memory);

  std::string path_;
  std::string name_;
  std::deque<ImageInput> failures_;  // found when the shard was opened
  Dataset data_;
  std::uint64_t at_ = 0;
};

}  // namespace convoy
