#include "tests/support/images.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs <cstdio> and <cstdlib> before it.
#include <jpeglib.h>

namespace convoy::test {

Image smooth_image(int width, int height, int channels, unsigned seed) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const double phase = seed * 0.7 + c * 1.9;
        const double value = 128 + 60 * std::sin(phase + 6.0 * x / width) +
                             50 * std::cos(1.3 * phase + 5.0 * y / height + 2.0 * x / width);
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(value)));
      }
    }
  }
  return image;
}

namespace {

void write_exif(jpeg_compress_struct& codec, int orientation) {
  const std::vector<std::uint8_t> segment = {
      'E', 'x', 'i', 'f',  0,    0, 'M', 'M', 0, 42, 0, 0, 0,
      8,   0,   1,   0x01, 0x12, 0, 3,   0,   0, 0,  1, 0, static_cast<std::uint8_t>(orientation),
      0,   0,   0,   0,    0,    0};
  jpeg_write_marker(&codec, JPEG_APP0 + 1, segment.data(), static_cast<unsigned>(segment.size()));
}

void configure(jpeg_compress_struct& codec, const JpegKind& kind) {
  jpeg_set_defaults(&codec);
  if (kind.rgb) jpeg_set_colorspace(&codec, JCS_RGB);
  if (kind.colors == 4) jpeg_set_colorspace(&codec, kind.ycck ? JCS_YCCK : JCS_CMYK);
  jpeg_set_quality(&codec, kind.quality, TRUE);
  for (int c = 0; c < codec.num_components; ++c) {
    codec.comp_info[c].h_samp_factor = c == 0 ? kind.h : 1;
    codec.comp_info[c].v_samp_factor = c == 0 ? kind.v : 1;
    if (kind.odd_ids) codec.comp_info[c].component_id = 40 + 3 * c;
  }
  if (kind.odd_ids) codec.write_JFIF_header = FALSE;
  codec.restart_in_rows = kind.restart;
  codec.arith_code = kind.arithmetic ? TRUE : FALSE;
  if (kind.progressive) jpeg_simple_progression(&codec);
  if (kind.separate) {
    static constexpr std::array<jpeg_scan_info, 3> kScans = {
        {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}}};
    codec.scan_info = kScans.data();
    codec.num_scans = static_cast<int>(kScans.size());
  }
}

}  // namespace

std::vector<std::uint8_t> make_jpeg(const Image& image, const JpegKind& kind) {
  jpeg_compress_struct codec{};
  jpeg_error_mgr errors{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&codec, &bytes, &size);
  codec.image_width = static_cast<JDIMENSION>(image.width);
  codec.image_height = static_cast<JDIMENSION>(image.height);
  codec.input_components = kind.colors;
  codec.in_color_space = kind.colors == 1 ? JCS_GRAYSCALE : kind.colors == 3 ? JCS_RGB : JCS_CMYK;
  configure(codec, kind);
  jpeg_start_compress(&codec, TRUE);
  if (kind.orientation != 0) write_exif(codec, kind.orientation);
  std::vector<std::uint8_t> row;
  for (int y = 0; y < image.height; ++y) {
    row.clear();
    for (int x = 0; x < image.width; ++x) {
      const std::uint8_t* pixel =
          &image.pixels[static_cast<std::size_t>((std::int64_t{y} * image.width + x) * image.channels)];
      for (int c = 0; c < std::min(kind.colors, 3); ++c) row.push_back(pixel[image.channels == 1 ? 0 : c]);
      if (kind.colors == 4) row.push_back(255);  // no black ink, as Adobe writes it
    }
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&codec, &pointer, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  std::vector<std::uint8_t> result(bytes, bytes + size);
  std::free(bytes);
  return result;
}

double psnr(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = static_cast<double>(a.pixels[i]) - b.pixels[i];
    sum += difference * difference;
  }
  if (sum == 0) return 99;
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / sum);
}

}  // namespace convoy::test
