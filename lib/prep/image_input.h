// An image as the inputs of imgprep and predict give it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/image.h"
#include "formats/shard.h"

namespace convoy {

// One image, not decoded yet, or why there is none.
struct ImageInput {
  std::string name;   // of the record: "n01440764/a.JPEG", "stdin:1"
  std::string place;  // for messages: the operand with it
  std::int32_t label = kNoLabel;
  std::string path;                 // the file to read, unless one of these holds the image:
  std::vector<std::uint8_t> bytes;  // encoded
  std::optional<Image> pixels;      // decoded
  bool prepared = false;            // a record of a shard: its pixels are to be taken as they are
  std::string failure;              // why it cannot be had; empty: it can
  Loss loss = {};                   // with a failure: it may be that of many records of a shard
};

// The reason alone of an error about `place`: what() without "place: ".
[[nodiscard]] std::string reason_of(const std::exception& error, std::string_view place);

}  // namespace convoy
