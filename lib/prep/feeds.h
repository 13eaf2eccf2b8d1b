// What ImageSource reads from: an open operand, and the images in it. Only image_source.cpp and feeds.cpp
// include this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "formats/byte_source.h"
#include "lib/base/file.h"
#include "lib/prep/image_source.h"

namespace convoy {

// An operand open for reading, perhaps looked into already.
struct ImageSource::Opened {
  InputFile file;
  FileSource source;
  bool from_start;  // nothing of it was read before, as may be of standard input
  explicit Opened(const std::string& path) : file(path), source(file), from_start(file.position() == 0) {}
};

// Where images come from within one operand.
class ImageSource::Feed {
 public:
  Feed() = default;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  Feed(Feed&&) = delete;
  Feed& operator=(Feed&&) = delete;
  virtual ~Feed() = default;
  // What is wrong with one image is its failure. Throws Error where the operand itself fails; it goes on when
  // called again.
  virtual std::optional<ImageInput> next() = 0;
};

}  // namespace convoy
