// Small images for tests, encoded with the libraries directly, independently of the code under test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/image.h"

namespace convoy::test {

// A smooth picture with 1 or 3 channels, different for every seed. Lossy coding and resampling change
// it little.
[[nodiscard]] Image smooth_image(int width, int height, int channels, unsigned seed = 1);

// How to write a JPEG.
struct JpegKind {
  int colors = 3;     // 1: gray, 3: RGB data, 4: inverted CMYK made from RGB
  bool rgb = false;   // 3 colours stored as RGB, not YCbCr
  bool ycck = false;  // 4 colours stored as YCCK
  int h = 2;          // sampling of the first component; the others have 1
  int v = 2;
  bool progressive = false;
  bool separate = false;  // baseline with a scan for each component
  bool arithmetic = false;
  int restart = 0;  // rows of blocks between restart markers
  bool odd_ids = false;
  int orientation = 0;  // EXIF's, in big-endian order; 0: none
  int quality = 95;
};
[[nodiscard]] std::vector<std::uint8_t> make_jpeg(const Image& image, const JpegKind& kind);

// Peak signal-to-noise ratio in dB of two images of the same size; 99 if they are equal.
[[nodiscard]] double psnr(const Image& a, const Image& b);

}  // namespace convoy::test
