// An image as the inputs of imgprep and predict give it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/image.h"
#include "formats/shard.h"
#include "lib/base/error.h"

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
  std::string failure;              // why it cannot be had, without the place; empty: it can
  Loss loss = {};                   // with a failure: it may be that of many records of a shard
};

// Gives the input the place, reason and loss of the damage.
void set_failure(ImageInput& input, const Damage& damage);
// Makes the error the input's failure. If the error is about another place, the whole message is the reason.
void set_failure(ImageInput& input, const Error& error);

}  // namespace convoy
