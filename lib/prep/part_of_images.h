// The images of a part of the inputs, for --part: which they are is known from names, headers and the ends of
// images in a stream, and only those of the part are read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/part.h"
#include "lib/prep/image_source.h"
#include "lib/prep/pool.h"
#include "lib/shards/encoding.h"

namespace convoy {

// Either all images of a source, or a part of them. The images of all parts in order are those that the
// source returns for the whole. Damage that is no image (Loss::records is 0), and what is left out, belong
// to the part of the image behind them, or to the last part.
class PartOfImages {
 public:
  // part: nothing: all images. The source must outlive this and be made with InputOptions::again if there is
  // a part. Goes through all names, and passes over the images before the part. Throws what
  // ImageSource::next() throws, and Error if there are no images at all, or not as many at a second look.
  PartOfImages(ImageSource& source, const std::optional<Part>& part);

  // The next image, or nothing at the end of the part.
  std::optional<ImageInput> next();

  // Images in all parts together; of all images: as ImageSource::total().
  [[nodiscard]] std::uint64_t whole() const { return whole_; }
  // Images in the part; of all images: as ImageSource::total().
  [[nodiscard]] std::uint64_t size() const { return range_.size(); }
  // Whether an image of any part has a class. Only of a part.
  [[nodiscard]] bool any_labelled() const { return any_labelled_; }
  // What could not be read while the images were counted for a part, which other runs must find alike:
  // "a.tar: truncated gzip input", or with " (and 2 more)"; empty if there was nothing.
  [[nodiscard]] const std::string& doubt() const { return doubt_; }
  // ", part 2 of 4 (images 5 to 8 of 16)", to stand behind a count; empty if this is no part.
  [[nodiscard]] std::string appended() const;

 private:
  struct Count {
    std::uint64_t images = 0;
    std::uint64_t readable = 0;  // as far as is known before they are read
    bool any_labelled = false;
    std::uint64_t failures = 0;
    std::string place;  // of the first failure
    std::string reason;
    bool operator==(const Count&) const = default;
  };
  [[nodiscard]] Count count();
  void count_whole();
  [[noreturn]] void throw_fewer() const;
  void pass_over_earlier();

  ImageSource& source_;
  std::optional<Part> part_;
  Part::Range range_;
  std::uint64_t whole_ = 0;
  std::uint64_t left_ = 0;  // images of the part that next() has not returned
  bool any_labelled_ = false;
  std::string doubt_;
  std::string last_place_;  // of the last image that was passed over or returned
};

struct ImageSize {
  int width = 0;
  int height = 0;
};
// The size that all prepared images have: that of `how`, or with --size=none that of the first image that can
// be used, for which images are prepared until there is one. The source must be made with
// InputOptions::again, and is to begin again. Throws Error if no image can be used.
[[nodiscard]] ImageSize common_size(ImageSource& source, const Preprocessing& how, PreparerPool& pool,
                                    ImageMemory& memory, const Encoding& encoding);

}  // namespace convoy
