// What ImageSource reads from: an open operand, and the images in it. Only image_source.cpp, feeds.cpp
// and idx_feed.cpp include this.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "formats/byte_source.h"
#include "formats/idx.h"
#include "lib/base/file.h"
#include "lib/prep/image_source.h"

namespace convoy {

// An operand that is open for reading, and perhaps has been looked into.
struct ImageSource::Opened {
  InputFile file;
  FileSource source;
  bool from_start;  // false if standard input had been read from before
  // name: as of InputFile.
  explicit Opened(const std::string& path, const std::string& name = {})
      : file(path, name), source(file), from_start(file.position() == 0) {}
};

// An IDX file that is being read.
struct ImageSource::IdxStream {
  std::unique_ptr<Opened> opened;
  IdxReader reader;
};

// A file of images among the operands of --idx, and the labels that follow it.
struct ImageSource::IdxOperand {
  IdxHeader header;
  std::string path;                   // to open it again
  std::unique_ptr<IdxStream> stream;  // of what cannot be opened twice
  std::optional<IdxLabels> labels;
  std::string labels_name;
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
  // the operand itself fails; the next call continues after the damage. With Reading::names, there is neither
  // content nor what is wrong with it, but the images are the same.
  virtual std::optional<ImageInput> next(Reading reading) = 0;
};

}  // namespace convoy
