// What bytes are, by their content, and images that follow one another in a stream without anything between.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/byte_source.h"

namespace convoy {

enum class ContentKind { jpeg, png, tar, compressed, shard, empty, unknown };

// As many bytes as detect_content() looks at.
inline constexpr std::size_t kDetectBytes = 512;
// As many tell JPEG, PNG, compressed data and shards from the rest.
inline constexpr std::size_t kImageSignatureBytes = 8;

// Told from the first bytes (fewer than kDetectBytes only where there are no more). compressed: gzip, zstd,
// bzip2 or xz.
[[nodiscard]] ContentKind detect_content(std::span<const std::uint8_t> bytes);

// JPEG and PNG images one after another. An image is given as soon as its last byte is there. Its bytes are
// found by its structure, so that thumbnails inside do not count; nothing is decoded. Zero bytes and white
// space between images are passed over.
class ImageSplitter {
 public:
  // The source must outlive it.
  explicit ImageSplitter(ByteSource& source) : source_(source) {}

  struct Piece {
    std::vector<std::uint8_t> bytes;  // one image, perhaps a damaged one: the decoder says
    std::string failure;              // else why there is no image here; bytes: the first of what is here
  };
  // The next image, or nothing at the end. After damage it goes on with the next signature of an image.
  std::optional<Piece> next();

 private:
  bool append(std::vector<std::uint8_t>& image, std::size_t bytes);
  bool append_jpeg(std::vector<std::uint8_t>& image);
  bool append_entropy_coded(std::vector<std::uint8_t>& image);
  bool append_png(std::vector<std::uint8_t>& image);
  // Takes bytes up to the next signature of an image, looking for it from byte `from` on; the first `limit`
  // of them go into `bytes`. Returns how many there were.
  std::uint64_t take_to_signature(std::size_t from, std::vector<std::uint8_t>& bytes, std::size_t limit);

  ByteSource& source_;
};

}  // namespace convoy
