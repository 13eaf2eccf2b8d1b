// An input image of imgprep or predict.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/byte_source.h"
#include "formats/image.h"
#include "formats/shard.h"
#include "lib/base/error.h"
#include "lib/prep/image_memory.h"

namespace convoy {

// One image, usually not decoded yet, or the reason why there is none.
struct ImageInput {
  std::string name;   // of the record: "n01440764/a.JPEG", "stdin:1"
  std::string place;  // for messages: the name, with the operand that has it
  std::int32_t label = kNoLabel;
  std::string path;                 // the file to read, unless one of these has the image:
  std::vector<std::uint8_t> bytes;  // encoded
  std::optional<Image> pixels;      // decoded
  bool prepared = false;            // a record of a shard: its pixels are used unchanged
  std::string no_class = {};        // why the image must not be used even if it can be decoded
  std::string failure;              // why there is no image, without the place; empty: there is one
  bool by_system = false;           // whether the failure is one of the machine: SystemError, std::bad_alloc
  std::string refused_class = {};   // the class whose every image has this failure; empty: none has
  bool shared_failure = false;      // whether the failure is about the class, as for many images
  Loss loss = {};                   // with a failure, which may cost many records of a shard
  ImageMemory::Share memory = {};   // that it may take
};

// The content of an image that is read from front to back: of what no decoder reads, only the beginning,
// which says what it is. Throws Error(place, reason) if an image is larger than kMaxImageFileBytes.
[[nodiscard]] std::vector<std::uint8_t> read_image(ByteSource& content, std::string_view place);
// The same of a file.
// on_size: called with the number of bytes to read and the first of them, before the rest is read; may throw.
// Not of a pipe, whose size nobody knows.
using OnImageSize = std::function<void(std::uint64_t bytes, std::span<const std::uint8_t> head)>;
[[nodiscard]] std::vector<std::byte> read_image_file(const std::string& path,
                                                     const OnImageSize& on_size = {});

// Gives the input the place, reason and loss of the damage.
void set_failure(ImageInput& input, const Damage& damage);
// Makes the error the input's failure. If the error is about another place, the whole message is the reason.
void set_failure(ImageInput& input, const Error& error);
// The same for a failure of the machine.
void set_failure(ImageInput& input, const SystemError& error);

}  // namespace convoy
