// JPEG, by libjpeg-turbo: every kind it reads (baseline and progressive, Huffman and arithmetic coding, gray,
// YCbCr, RGB, CMYK, YCCK, any subsampling). Data that libjpeg would patch up with a warning because pixels
// are lost (a cut file, bad codes) are refused.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {

inline constexpr int kDefaultJpegQuality = 95;
// A progressive file needs about ten scans; thousands are an attack on the reader's time.
inline constexpr int kMaxJpegScans = 500;

// What the header says.
struct JpegHeader {
  int width = 0;
  int height = 0;
  bool gray = false;    // one component
  bool planar = false;  // gray or YCbCr: read_planes() serves
  int orientation = 1;  // EXIF's, 1 to 8; 1 where there is none
};

// A decoder that keeps its memory from one image to the next. Use from one thread at a time.
class JpegDecoder {
 public:
  JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  JpegDecoder(JpegDecoder&&) noexcept;
  JpegDecoder& operator=(JpegDecoder&&) noexcept;
  ~JpegDecoder();

  // Starts an image; `bytes` must stay until it is read. Bytes behind the image are ignored. Throws
  // Error(place, reason).
  JpegHeader open(std::span<const std::uint8_t> bytes, std::string_view place, const ImageLimits& limits);
  // Reads the components as they are stored, neither upsampled nor converted, at 1/denominator (1, 2, 4 or 8)
  // of the size; header.planar must hold. Throws Error(place, reason).
  void read_planes(int denominator, PlanarImage& into);
  // Reads gray or RGB pixels at full size. Throws Error(place, reason).
  void read_pixels(Image& into);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A whole JPEG file to gray (1 channel) or RGB pixels. Bytes behind the image are ignored. Throws
// Error(place, reason).
[[nodiscard]] Image decode_jpeg(std::span<const std::uint8_t> bytes, std::string_view place,
                                const ImageLimits& limits = {});

// A baseline JPEG file (gray, or YCbCr 4:2:0) of an image with sides of at most 65500; quality 1 to 100.
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality = kDefaultJpegQuality);

}  // namespace convoy
