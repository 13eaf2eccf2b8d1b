#include "tests/fuzz/common/pictures.h"

#include "formats/png.h"
#include "tests/support/images.h"

namespace convoy::fuzz {
namespace {

constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::size_t kStartBytes = 2;  // FF D8

}  // namespace

std::vector<Bytes> small_jpegs() {
  const Image color = test::smooth_image(17, 13, 3);
  const Image gray = test::smooth_image(9, 20, 1);
  std::vector<Bytes> all = {test::make_jpeg(color, {}),
                            test::make_jpeg(gray, {.colors = 1}),
                            test::make_jpeg(color, {.rgb = true}),
                            test::make_jpeg(color, {.colors = 4}),
                            test::make_jpeg(color, {.colors = 4, .ycck = true}),
                            test::make_jpeg(color, {.h = 1, .v = 1, .progressive = true}),
                            test::make_jpeg(color, {.separate = true, .quality = 60}),
                            test::make_jpeg(color, {.arithmetic = true}),
                            test::make_jpeg(color, {.restart = 1, .odd_ids = true, .orientation = 6})};
  all.push_back(without_segments(all[0], 0xDB));
  all.push_back(without_segments(all[0], 0xC4));
  return all;
}

std::vector<Bytes> small_pngs() {
  return {encode_png(test::smooth_image(7, 5, 3)), encode_png(test::smooth_image(5, 9, 1))};
}

Bytes without_segments(Input jpeg, std::uint8_t marker) {
  Bytes kept(jpeg.begin(), jpeg.begin() + kStartBytes);
  std::size_t at = kStartBytes;
  while (at + 4 <= jpeg.size() && jpeg[at + 1] != kStartOfScan) {
    const std::size_t end = std::min(jpeg.size(), at + 2 + jpeg[at + 2] * 256U + jpeg[at + 3]);
    if (jpeg[at + 1] != marker)
      kept.insert(kept.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at),
                  jpeg.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  kept.insert(kept.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at), jpeg.end());
  return kept;
}

Bytes with_segment(Input jpeg, std::uint8_t marker, Input content) {
  const std::size_t length = content.size() + 2;
  Bytes file(jpeg.begin(), jpeg.begin() + kStartBytes);
  for (const std::size_t byte : {std::size_t{0xFF}, std::size_t{marker}, length >> 8, length & 0xFF}) {
    file.push_back(static_cast<std::uint8_t>(byte));
  }
  file.insert(file.end(), content.begin(), content.end());
  file.insert(file.end(), jpeg.begin() + kStartBytes, jpeg.end());
  return file;
}

}  // namespace convoy::fuzz
