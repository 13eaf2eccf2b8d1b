// What kind of content bytes are, and splitting a stream of images that follow one another
// without separators.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/byte_source.h"
#include "formats/image_end.h"
#include "formats/jpeg_index.h"

namespace convoy {

enum class ContentKind { jpeg, png, tar, compressed, shard, idx, empty, unknown };

// The number of bytes that detect_content() looks at.
inline constexpr std::size_t kDetectBytes = 512;
// The number of bytes that are enough to recognise JPEG, PNG, compressed data, shards and IDX.
inline constexpr std::size_t kImageSignatureBytes = 8;

// The number of bytes that tell the kinds of images that are not read; hardly any such image is smaller.
inline constexpr std::size_t kPictureMarkBytes = 16;

// The kind of content, from its first bytes (fewer than kDetectBytes only if there are no more). compressed:
// gzip, zstd, bzip2 or xz.
[[nodiscard]] ContentKind detect_content(std::span<const std::uint8_t> bytes);

// Splits a stream into JPEG and PNG images. An image is returned as soon as its last byte has arrived. Its
// end is found from its structure, so that thumbnails inside do not matter; nothing is decoded. Zero bytes
// and white space between images are skipped. So is what a file has behind its image: the further pictures
// and the video that a photograph announces, and after an image, bytes that are not known to be anything (the
// trailers of cameras).
class ImageSplitter {
 public:
  // The source must outlive it.
  explicit ImageSplitter(ByteSource& source) : source_(source), ends_(source) {}

  struct Piece {
    std::vector<std::uint8_t> bytes;  // one image, perhaps a damaged one, which the decoder will report
    std::string failure;              // if not empty, why this is no image; `bytes` is then its beginning
  };
  // The next image, or nothing at the end. After damage, continues at the next signature of an image.
  // Something of another known kind is returned, as no image, as soon as it is recognised: an image of a kind
  // that is not read from its first 16 bytes, a text such as HTML from 512, anything else from 8192; from
  // fewer if the stream ends or an image follows. All that is returned is the same however the bytes arrive.
  std::optional<Piece> next();
  // The number of bytes that the last next() passed over because they lay behind an image and are not known
  // to be anything.
  [[nodiscard]] std::uint64_t trailer() const { return trailer_; }
  // The number of bytes and parts of images gone through so far, for tests.
  [[nodiscard]] std::uint64_t steps() const { return ends_.steps(); }

 private:
  Piece take_image(std::optional<std::size_t> bytes);
  // Takes bytes up to the next signature of an image at offset `from` or later. Appends to `bytes`, up to a
  // size of `limit`. Returns the number of bytes taken.
  std::uint64_t take_to_signature(std::size_t from, std::vector<std::uint8_t>& bytes, std::size_t limit);

  std::span<const std::uint8_t> beginning(std::size_t bytes);
  // Whether the picture is one that the last image announced.
  bool is_announced(std::size_t bytes);
  // Whether a video that the last image announced comes next; it is then skipped.
  bool skip_video();
  // What is neither JPEG nor PNG, or nothing if it belongs to the image before it.
  std::optional<Piece> pass_over();

  ByteSource& source_;
  ImageEnds ends_;
  bool after_image_ = false;
  bool passing_ = false;  // on the way to the next image, behind something that has been named
  std::uint64_t trailer_ = 0;
  JpegIndex index_;  // of the last image
};

}  // namespace convoy
