#include "lib/prep/shard_images.h"

#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace convoy {
namespace {

ImageInput failed(const Damage& damage, std::string_view name) {
  ImageInput input;
  input.name = name;
  set_failure(input, damage);
  return input;
}

}  // namespace

ShardImages::ShardImages(const std::string& path, std::string name, const MemoryLimit& memory)
    : path_(path), name_(std::move(name)), data_(open(memory)) {}

Dataset ShardImages::open(const MemoryLimit& memory) {
  try {
    return Dataset(ShardFile(
        path_, [this](const Damage& damage) { failures_.push_back(failed(damage, name_)); }, name_, memory));
  } catch (const FormatError& error) {
    // predict's JSON has only the reason, so the offset goes into it.
    throw Error(name_, offset_text(error.offset()) + ": " + error.reason());
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
  input.place = data_.place(at_);
  try {
    std::vector<std::uint8_t> scratch;
    const auto pixels = data_.pixels(at_, scratch);
    const DatasetInfo& info = data_.info();
    input.pixels = Image{info.width, info.height, info.channels, {pixels.begin(), pixels.end()}};
    input.prepared = true;
  } catch (const Error& error) {
    input = failed(damage_of(error, input.place), record.name);
  }
  ++at_;
  return input;
}

}  // namespace convoy
