#include "lib/data/shard_images.h"

#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace convoy {

ShardImages::ShardImages(const std::string& path, std::string name)
    : path_(path), name_(std::move(name)), data_(open()) {}

// A copy of a pipe has a path that says nothing to the user.
Dataset ShardImages::open() {
  try {
    return Dataset({path_}, [this](const std::string& message) { damage_.push_back(message); });
  } catch (const Error& error) {
    throw Error(name_, reason_of(error, path_));
  }
}

std::optional<ImageInput> ShardImages::next() {
  ImageInput input;
  if (!damage_.empty()) {
    input.name = input.place = name_;
    input.failure = reason_of(Error(damage_.front()), path_);
    damage_.pop_front();
    return input;
  }
  if (at_ == data_.size()) return std::nullopt;
  const RecordView record = data_.record(at_);
  input.name = record.name;
  input.label = record.label;
  input.place = name_ + ": record " + std::to_string(at_) + " (" + input.name + ")";
  try {
    std::vector<std::uint8_t> scratch;
    const auto pixels = data_.pixels(at_, scratch);
    const DatasetInfo& info = data_.info();
    input.pixels = Image{info.width, info.height, info.channels, {pixels.begin(), pixels.end()}};
    input.prepared = true;
  } catch (const Error& error) {
    input.failure = reason_of(error, data_.place(at_));
  }
  ++at_;
  return input;
}

}  // namespace convoy
