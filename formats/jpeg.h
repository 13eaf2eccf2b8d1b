// JPEG, with libjpeg-turbo: every kind that it reads (baseline and progressive, Huffman and arithmetic
// coding, gray, YCbCr, RGB, CMYK, YCCK, any subsampling). Files with lost pixels (cut short, bad codes),
// which libjpeg would patch up with a warning, are errors. A file whose end marker alone is missing has all
// pixels, unless it is arithmetic-coded: that code may end anywhere, so nobody can tell.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {

inline constexpr int kDefaultJpegQuality = 95;
// A progressive file needs about ten scans; thousands are an attempt to keep the decoder busy.
inline constexpr int kMaxJpegScans = 500;
// Limit on the pixels of all scans: each scan may take a few bytes of the file, and all blocks of the image
// are gone through for it. The largest image that is decoded may have 64 scans.
inline constexpr std::uint64_t kMaxScannedPixels = 64 * kMaxImagePixels;

// What the header says.
struct JpegHeader {
  int width = 0;
  int height = 0;
  bool gray = false;    // one component
  bool planar = false;  // gray or YCbCr: read_planes() can be used
  int orientation = 1;  // EXIF's, 1 to 8; 1 if there is none
  // What the decoder holds of the whole image besides the pixels that it returns: the coefficients of a file
  // with several scans.
  std::uint64_t coefficient_bytes = 0;
};

// A decoder that reuses its memory from image to image. Use from one thread at a time.
class JpegDecoder {
 public:
  JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  JpegDecoder(JpegDecoder&&) noexcept;
  JpegDecoder& operator=(JpegDecoder&&) noexcept;
  ~JpegDecoder();

  // Starts an image; `bytes` must stay valid until it is read. Bytes after the image are ignored. Throws
  // Error(place, reason).
  JpegHeader open(std::span<const std::uint8_t> bytes, std::string_view place, const ImageLimits& limits);
  // What read_planes(denominator, ...) will take for the planes.
  [[nodiscard]] std::uint64_t plane_bytes(int denominator);
  // Reads the components as they are stored, neither upsampled nor converted, at 1/denominator (1, 2, 4 or 8)
  // of their size. Requires header.planar. Throws Error(place, reason).
  void read_planes(int denominator, PlanarImage& into);
  // Reads gray or RGB pixels at full size. Throws Error(place, reason).
  void read_pixels(Image& into);
  // The number of warnings of libjpeg so far, for tests.
  [[nodiscard]] std::uint64_t warnings() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes a whole JPEG file to gray (1 channel) or RGB pixels. Bytes after the image are ignored. Throws
// Error(place, reason).
[[nodiscard]] Image decode_jpeg(std::span<const std::uint8_t> bytes, std::string_view place,
                                const ImageLimits& limits = {});

// What encode_jpeg() takes at most for each pixel, in blocks of 16x16.
inline constexpr std::uint64_t kJpegEncoderBytesPerPixel = 6;
// Encodes an image with sides of at most 65500 as baseline JPEG (gray, or YCbCr 4:2:0); quality: 1 to 100.
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality = kDefaultJpegQuality);

}  // namespace convoy
