// What ImageSource reads from: an open operand, and the images in it. Only image_source.cpp and feeds.cpp
// include this.
#pragma once

#include <optional>
#include <string>

#include "formats/byte_source.h"
#include "lib/base/file.h"
#include "lib/prep/image_source.h"

namespace convoy {

// An operand that is open for reading, and perhaps has been looked into.
struct ImageSource::Opened {
  InputFile file;
  FileSource source;
  bool from_start;  // false if standard input had been read from before
  explicit Opened(const std::string& path) : file(path), source(file), from_start(file.position() == 0) {}
};

// Returns the images of one operand.
class ImageSource::Feed {
 public:
  Feed() = default;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  Feed(Feed&&) = delete;
  Feed& operator=(Feed&&) = delete;
  virtual ~Feed() = default;
  // The next image, or nothing at the end. What is wrong with one image becomes its failure. Throws Error if
  // the operand itself fails; the next call continues after the damage.
  virtual std::optional<ImageInput> next() = 0;
};

}  // namespace convoy
