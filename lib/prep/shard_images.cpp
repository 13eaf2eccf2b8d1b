#include "lib/prep/shard_images.h"

#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

ImageInput failed(const std::string& message, std::string_view name, Loss loss) {
  ImageInput input;
  input.name = name;
  std::tie(input.place, input.failure) = split_damage(message);
  input.loss = loss;
  return input;
}

}  // namespace

ShardImages::ShardImages(const std::string& path, std::string name)
    : path_(path), name_(std::move(name)), data_(open()) {}

// A copy of a pipe has a path that says nothing to the user.
Dataset ShardImages::open() {
  try {
    return Dataset({path_}, [this](const Damage& damage) {
      const std::string message = name_ + ": " + reason_of(Error(damage.message), path_);
      failures_.push_back(failed(message, name_, damage.loss));
    });
  } catch (const Error& error) {
    throw Error(name_, reason_of(error, path_));
  }
}

std::optional<ImageInput> ShardImages::next() {
  ImageInput input;
  if (!failures_.empty()) {
    input = std::move(failures_.front());
    failures_.pop_front();
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
    input = failed(input.place + ": " + reason_of(error, data_.place(at_)), input.name, {});
  }
  ++at_;
  return input;
}

}  // namespace convoy
