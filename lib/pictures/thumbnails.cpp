#include "lib/pictures/thumbnails.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/prep/image_source.h"
#include "lib/prep/pool.h"
#include "lib/prep/prepare.h"

namespace convoy {
namespace {

Image in_rgb(Image image) {
  if (image.channels == 3) return image;
  Image result{image.width, image.height, 3, {}};
  result.pixels.reserve(3 * image.pixels.size());
  for (const std::uint8_t gray : image.pixels) result.pixels.insert(result.pixels.end(), {gray, gray, gray});
  return result;
}

// Makes thumbnails, one after another.
class Maker {
 public:
  Maker(int side, const ImageMemory& memory)
      : side_(side), memory_(memory), whole_(kWhole, {}, 0, &memory), small_(smaller(side), {}, 0, &memory) {}

  [[nodiscard]] Image make(ImageInput& input) {
    Image image = in_rgb(prepare_input(input, whole_, &memory_));
    if (2 * std::max(image.width, image.height) <= side_) return image;
    // Its part of the memory has been claimed for decoding.
    return small_.prepare(image, input.place);
  }

 private:
  static inline const Preprocessing kWhole{.size = 0};
  static Preprocessing smaller(int side) {
    Preprocessing how;
    how.size = side;
    return how;
  }
  int side_;
  const ImageMemory& memory_;
  Preparer whole_;
  Preparer small_;
};

// A table may hold anything: not what would be read for ever, as a FIFO or all that is below a folder. What
// is not there is an operand, so that it is said.
bool may_be_file(const std::string& name) {
  if (name.empty() || name == kStdStreamName || name.find('\0') != std::string::npos) return false;
  std::error_code unknown;
  const auto type = std::filesystem::status(name, unknown).type();
  return type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found;
}

// Of a source that is not there, every image would be called missing.
void require_sources(const std::vector<std::string>& sources) {
  for (const std::string& source : sources) {
    std::error_code unknown;
    if (source != kStdStreamName &&
        std::filesystem::status(source, unknown).type() == std::filesystem::file_type::not_found) {
      throw Error(source, "No such file or directory");
    }
  }
}

InputOptions inputs_of(const std::map<std::string, std::uint64_t>& wanted, const ThumbnailRules& rules) {
  InputOptions inputs;
  inputs.operands = rules.sources;
  if (rules.sources.empty()) {
    for (const auto& [name, count] : wanted) {
      if (may_be_file(name)) inputs.operands.push_back(name);
    }
  }
  inputs.labelled = false;
  inputs.whole_paths = true;
  inputs.shards_and_lists = !rules.sources.empty();
  inputs.memory_limit = rules.memory;
  return inputs;
}

}  // namespace

int zoom_for(const Image& image, int side) {
  return std::max(1, side / std::max({image.width, image.height, 1}));
}

Thumbnails find_thumbnails(const std::map<std::string, std::uint64_t>& wanted, const ThumbnailRules& rules) {
  require_sources(rules.sources);
  InputOptions inputs = inputs_of(wanted, rules);
  std::vector<ClassInfo> classes;  // of the last shard that was opened
  inputs.check_shard = [&](const DatasetInfo& info, const std::string& /*name*/) { classes = info.classes; };
  ImageMemory memory(rules.memory, 0, 0, 1);
  inputs.memory = &memory;
  std::optional<ImageSource> source;
  if (!inputs.operands.empty()) source.emplace(inputs);
  Maker maker(rules.side, memory);
  Thumbnails found;
  std::uint64_t missing = 0;
  for (const auto& [name, count] : wanted) missing += count;
  while (missing > 0 && source) {
    std::optional<ImageInput> input = source->next();
    if (!input) break;
    const auto asked = wanted.find(input->name);
    if (asked == wanted.end()) continue;
    std::vector<Thumbnail>& of_name = found[input->name];
    // Every name is an operand once, so that a file is found once, however often it is wanted.
    if (of_name.size() >= asked->second) continue;
    Thumbnail one;
    if (input->label >= 0 && static_cast<std::size_t>(input->label) < classes.size()) {
      one.truth = classes[static_cast<std::size_t>(input->label)].id;
    }
    admit(*input, memory);
    try {
      one.image = maker.make(*input);
    } catch (const Error& error) {
      one.failure = error.reason();
    }
    const std::uint64_t times = rules.sources.empty() ? asked->second : 1;
    for (std::uint64_t i = 0; i < times; ++i) of_name.push_back(one);
    missing -= times;
  }
  for (const auto& [name, count] : wanted) {
    std::vector<Thumbnail>& of_name = found[name];
    if (of_name.empty())
      of_name.push_back({.image = {},
                         .truth = {},
                         .failure = "is not among the images: is --images what predict or eval was given?"});
    // More results of a name than images: of the same image, probably.
    while (of_name.size() < count) of_name.push_back(Thumbnail(of_name.back()));
  }
  return found;
}

}  // namespace convoy
