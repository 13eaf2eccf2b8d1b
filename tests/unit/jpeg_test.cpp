// formats/jpeg: every kind of JPEG against the image that was encoded, planes against pixels, damage refused.
#include "formats/jpeg.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "formats/jpeg_exif.h"
#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/images.h"

namespace convoy {
namespace {

using test::JpegKind;
using test::make_jpeg;
using test::psnr;
using test::smooth_image;

std::string error_of(const std::vector<std::uint8_t>& bytes, const ImageLimits& limits = {}) {
  return test::error_of([&] { static_cast<void>(decode_jpeg(bytes, "a.jpg", limits)); });
}

// Decoding a smooth image from JPEG at quality 95 gives more than 30 dB for every kind, including the
// coarsest subsampling: all that differs is due to the coding. A swapped channel or an inverted ink gives
// less than 15 dB.
constexpr double kSameImage = 30;

TEST(Jpeg, ReadsEveryKind) {
  const Image image = smooth_image(67, 45, 3);
  const std::vector<std::pair<std::string, JpegKind>> kinds = {
      {"4:4:4", {.h = 1, .v = 1}},
      {"4:2:2", {.h = 2, .v = 1}},
      {"4:2:0", {.h = 2, .v = 2}},
      {"4:4:0", {.h = 1, .v = 2}},
      {"4:1:1", {.h = 4, .v = 1}},
      {"4:1:0", {.h = 4, .v = 2}},
      {"RGB", {.rgb = true, .h = 1, .v = 1}},
      {"CMYK", {.colors = 4, .h = 1, .v = 1}},
      {"YCCK", {.colors = 4, .ycck = true}},
      {"progressive", {.progressive = true}},
      {"arithmetic", {.arithmetic = true}},
      {"restart markers", {.restart = 1}},
      {"odd component IDs", {.odd_ids = true}},
  };
  for (const auto& [name, kind] : kinds) {
    SCOPED_TRACE(name);
    const Image decoded = decode_jpeg(make_jpeg(image, kind), "a.jpg");
    ASSERT_EQ(decoded.width, 67);
    ASSERT_EQ(decoded.height, 45);
    ASSERT_EQ(decoded.channels, 3);
    EXPECT_GT(psnr(decoded, image), kSameImage);
  }
}

TEST(Jpeg, GrayStaysGray) {
  const Image image = smooth_image(33, 17, 1);
  const Image decoded = decode_jpeg(make_jpeg(image, {.colors = 1, .h = 1, .v = 1}), "a.jpg");
  EXPECT_EQ(decoded.channels, 1);
  EXPECT_GT(psnr(decoded, image), kSameImage);
}

TEST(Jpeg, EncodesWhatItDecodes) {
  for (const int channels : {1, 3}) {
    const Image image = smooth_image(50, 41, channels);
    const Image decoded = decode_jpeg(encode_jpeg(image, 95), "a.jpg");
    EXPECT_EQ(decoded.channels, channels);
    EXPECT_GT(psnr(decoded, image), kSameImage);
  }
  EXPECT_LT(encode_jpeg(smooth_image(200, 200, 3), 20).size(),
            encode_jpeg(smooth_image(200, 200, 3), 95).size());
}

// Noise at quality 100 gives the largest JPEG.
TEST(Jpeg, EncodesNoise) {
  Image noise{64, 64, 3, {}};
  std::uint32_t state = 1;
  for (int i = 0; i < 64 * 64 * 3; ++i) {
    state = state * 1664525 + 1013904223;
    noise.pixels.push_back(state >> 31 != 0 ? 255 : 0);
  }
  EXPECT_EQ(decode_jpeg(encode_jpeg(noise, 100), "a.jpg").width, 64);
}

TEST(Jpeg, PlanesHaveTheStoredSamples) {
  const Image image = smooth_image(101, 77, 3);
  JpegDecoder decoder;
  PlanarImage planes;
  const JpegHeader header = decoder.open(make_jpeg(image, {.h = 4, .v = 2}), "a.jpg", {});
  EXPECT_TRUE(header.planar);
  // The bytes above are gone; open() needs bytes that stay valid.
  const auto bytes = make_jpeg(image, {.h = 4, .v = 2});
  decoder.open(bytes, "a.jpg", {});
  decoder.read_planes(1, planes);
  EXPECT_EQ(planes.components[0].plane.width(), 101);
  EXPECT_EQ(planes.components[0].plane.height(), 77);
  EXPECT_EQ(planes.components[0].x_scale, 1.0);
  EXPECT_EQ(planes.components[1].plane.width(), 26);
  EXPECT_EQ(planes.components[1].plane.height(), 39);
  EXPECT_EQ(planes.components[1].x_scale, 0.25);
  EXPECT_EQ(planes.components[1].y_scale, 0.5);
  for (int y = 0; y < 77; ++y) {
    for (int x = 0; x < 101; ++x) {
      const std::uint8_t* rgb = &image.pixels[static_cast<std::size_t>((std::int64_t{y} * 101 + x) * 3)];
      const double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
      ASSERT_NEAR(planes.components[0].plane.row(y)[x], luma, 6) << x << "," << y;
    }
  }
}

TEST(Jpeg, PlanesAtHalfSizeKeepTheirScale) {
  const auto bytes = make_jpeg(smooth_image(101, 77, 3), {.h = 2, .v = 2});
  for (const int denominator : {2, 4, 8}) {
    JpegDecoder decoder;
    PlanarImage planes;
    decoder.open(bytes, "a.jpg", {});
    decoder.read_planes(denominator, planes);
    EXPECT_EQ(planes.width, 101);
    for (const auto& component : planes.components) {
      EXPECT_EQ(component.plane.width(), std::ceil(101 * component.x_scale));
      EXPECT_EQ(component.plane.height(), std::ceil(77 * component.y_scale));
    }
    EXPECT_EQ(planes.components[0].x_scale, 1.0 / denominator);
  }
}

TEST(Jpeg, ReadsOrientation) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto bytes = make_jpeg(smooth_image(9, 9, 3), {.orientation = orientation});
    EXPECT_EQ(JpegDecoder().open(bytes, "a.jpg", {}).orientation, orientation);
  }
  const auto none = make_jpeg(smooth_image(9, 9, 3), {});
  EXPECT_EQ(JpegDecoder().open(none, "a.jpg", {}).orientation, 1);
}

TEST(Jpeg, OrientationOfBrokenExifIsOne) {
  const std::vector<std::uint8_t> whole = {'I',  'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12,
                                           0x01, 3,   0,  1, 0, 0, 0, 6, 0, 0, 0};
  EXPECT_EQ(exif_orientation(whole), 6);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(exif_orientation(std::span(whole).first(length)), 1) << length;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = whole;
      flipped[at] ^= static_cast<std::uint8_t>(1 << bit);
      const int orientation = exif_orientation(flipped);
      EXPECT_TRUE(orientation >= 1 && orientation <= 8);
    }
  }
}

const std::vector<std::pair<std::string, JpegKind>>& kinds_to_cut() {
  static const std::vector<std::pair<std::string, JpegKind>> kinds = {
      {"baseline", {}},
      {"4:4:4", {.h = 1, .v = 1}},
      {"gray", {.colors = 1, .h = 1, .v = 1}},
      {"CMYK", {.colors = 4, .h = 1, .v = 1}},
      {"YCCK", {.colors = 4, .ycck = true}},
      {"progressive", {.progressive = true}},
      {"a scan for each component", {.separate = true}},
      {"progressive gray", {.colors = 1, .h = 1, .v = 1, .progressive = true}},
      {"restart markers", {.restart = 1}},
      {"arithmetic", {.arithmetic = true}},
  };
  return kinds;
}

// Decodes to pixels, and to planes if `denominator` is not 0; empty if that is refused.
std::vector<std::uint8_t> pixels_of(const std::vector<std::uint8_t>& bytes, int denominator = 0) {
  try {
    JpegDecoder decoder;
    const JpegHeader header = decoder.open(bytes, "a.jpg", {});
    if (denominator == 0 || !header.planar) {
      Image image;
      decoder.read_pixels(image);
      return image.pixels;
    }
    PlanarImage planes;
    decoder.read_planes(denominator, planes);
    std::vector<std::uint8_t> samples;
    for (int c = 0; c < (planes.color == PlanarImage::Color::gray ? 1 : 3); ++c) {
      const auto& plane = planes.components.at(static_cast<std::size_t>(c)).plane;
      for (int y = 0; y < plane.height(); ++y) {
        samples.insert(samples.end(), plane.row(y), plane.row(y) + plane.width());
      }
    }
    return samples;
  } catch (const Error&) {
    return {};
  }
}

// Whatever is cut off, or comes instead: an image is refused or has the pixels of the whole file.
TEST(Jpeg, ACutIsRefusedUnlessItCostsNoPixel) {
  const Image image = smooth_image(40, 30, 3);
  for (const auto& [name, kind] : kinds_to_cut()) {
    SCOPED_TRACE(name);
    const auto whole = make_jpeg(image, kind);
    for (const int denominator : {0, 1, 4}) {
      const auto expected = pixels_of(whole, denominator);
      ASSERT_FALSE(expected.empty());
      std::size_t kept = 0;
      for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::vector<std::uint8_t> cut(whole.begin(),
                                            whole.begin() + static_cast<std::ptrdiff_t>(length));
        const auto pixels = pixels_of(cut, denominator);
        if (pixels.empty()) continue;
        ++kept;
        ASSERT_EQ(pixels, expected) << length << " of " << whole.size();
      }
      // Without the end marker or its second byte; the last byte of the scan may be filled up alone.
      EXPECT_GE(kept, kind.arithmetic ? 0U : 2U);
      EXPECT_LE(kept, kind.arithmetic ? 0U : 4U);
    }
  }
  EXPECT_EQ(error_of({0xFF, 0xD8, 0xFF}), "a.jpg: JPEG: Premature end of JPEG file");
}

// The file without its scan number `scan`, but with its end marker.
std::vector<std::uint8_t> without_scan(const std::vector<std::uint8_t>& whole, std::size_t scan) {
  std::vector<std::size_t> begins;
  for (std::size_t at = 2; at + 1 < whole.size(); ++at) {
    if (whole[at] == 0xFF && whole[at + 1] == 0xDA) begins.push_back(at);
  }
  std::size_t end = begins.at(scan) + 2;
  while (whole[end] != 0xFF || whole[end + 1] == 0) ++end;
  std::vector<std::uint8_t> rest(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(begins.at(scan)));
  rest.insert(rest.end(), whole.begin() + static_cast<std::ptrdiff_t>(end), whole.end());
  return rest;
}

// An end marker does not make up for a component that is not there.
TEST(Jpeg, AMissingScanIsRefused) {
  const Image image = smooth_image(40, 30, 3);
  const auto separate = make_jpeg(image, {.separate = true});
  for (const std::size_t scan : {0U, 1U, 2U}) {
    for (const int denominator : {0, 1, 4}) {
      EXPECT_TRUE(pixels_of(without_scan(separate, scan), denominator).empty()) << scan;
    }
  }
  EXPECT_EQ(error_of(without_scan(separate, 2)), "a.jpg: JPEG: a component without a scan");
  EXPECT_TRUE(pixels_of(without_scan(make_jpeg(image, {.progressive = true}), 0)).empty());
}

TEST(Jpeg, WhatACameraAppendsCostsNoPixel) {
  const Image image = smooth_image(40, 30, 3);
  const std::vector<std::vector<std::uint8_t>> trailers = {
      {'S', 'E', 'F', 'T'},          {0xFF, 0x5D, 0, 9, 1, 2}, {0xFF},
      {0xFF, 0xD8, 0xFF, 0xE0, 1},   {0xFF, 0xE1, 0xFF, 0xFF}, {0xFF, 0xC0, 0, 2},
      {0, 0, 1, 0x0A, 0xFF, 0x02, 7}};
  for (const auto& [name, kind] : kinds_to_cut()) {
    SCOPED_TRACE(name);
    const auto whole = make_jpeg(image, kind);
    const auto expected = pixels_of(whole);
    for (const auto& trailer : trailers) {
      auto bytes = whole;
      bytes.insert(bytes.end(), trailer.begin(), trailer.end());
      EXPECT_EQ(pixels_of(bytes), expected);
      if (kind.arithmetic) continue;
      bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(whole.size()) - 2,
                  bytes.begin() + static_cast<std::ptrdiff_t>(whole.size()));
      EXPECT_EQ(pixels_of(bytes), expected) << "without an end marker, before byte " << int{trailer[0]};
    }
  }
}

// The pixels of an image do not depend on the images before it.
TEST(Jpeg, NoTablesStayForTheNextImage) {
  const Image image = smooth_image(24, 20, 3);
  const auto without = [](std::vector<std::uint8_t> bytes, std::uint8_t marker) {
    for (std::size_t at = 2; at + 4 < bytes.size() && bytes[at + 1] != 0xDA;) {
      const std::size_t length = (std::size_t{bytes[at + 2]} << 8 | bytes[at + 3]) + 2;
      if (bytes[at + 1] == marker) {
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
      } else {
        at += length;
      }
    }
    return bytes;
  };
  const auto whole = make_jpeg(image, {});
  const std::vector<std::vector<std::uint8_t>> files = {whole, make_jpeg(image, {.quality = 30}),
                                                        make_jpeg(image, {.progressive = true}),
                                                        without(whole, 0xDB), without(whole, 0xC4)};
  JpegDecoder decoder;
  const auto with_used = [&](const std::vector<std::uint8_t>& bytes) -> std::vector<std::uint8_t> {
    try {
      Image out;
      decoder.open(bytes, "a.jpg", {});
      decoder.read_pixels(out);
      return out.pixels;
    } catch (const Error&) {
      return {};
    }
  };
  for (const auto& before : files) {
    for (const auto& file : files) {
      static_cast<void>(with_used(before));
      EXPECT_EQ(with_used(file), pixels_of(file));
    }
  }
  EXPECT_TRUE(pixels_of(files[3]).empty()) << "without quantisation tables";
}

TEST(Jpeg, SurvivesEveryFlippedByte) {
  for (const bool progressive : {false, true}) {
    const auto whole = make_jpeg(smooth_image(24, 20, 3), {.progressive = progressive});
    JpegDecoder decoder;
    Image image;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {0x01, 0x80, 0xFF}) {
        auto flipped = whole;
        flipped[at] ^= static_cast<std::uint8_t>(change);
        try {
          const JpegHeader header = decoder.open(flipped, "a.jpg", {.max_side = 4096, .max_pixels = 1 << 20});
          decoder.read_pixels(image);
          ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(header.width) *
                                             static_cast<std::size_t>(header.height) *
                                             static_cast<std::size_t>(image.channels));
        } catch (const Error& error) {
          ASSERT_TRUE(std::string(error.what()).starts_with("a.jpg: "));
        }
      }
    }
    decoder.open(whole, "a.jpg", {});
    decoder.read_pixels(image);
    EXPECT_EQ(image.pixels, decode_jpeg(whole, "a.jpg").pixels)
        << "a decoder is as good as new after an error";
  }
}

TEST(Jpeg, LimitsAreChecked) {
  const auto bytes = make_jpeg(smooth_image(40, 30, 3), {});
  EXPECT_NE(error_of(bytes, {.max_side = 39}).find("limit"), std::string::npos);
  EXPECT_NE(error_of(bytes, {.max_pixels = 1199}).find("limit"), std::string::npos);
  EXPECT_EQ(error_of(bytes, {.max_side = 40, .max_pixels = 1200}), "");
}

TEST(Jpeg, BytesBehindTheImageAreIgnored) {
  auto bytes = make_jpeg(smooth_image(16, 16, 3), {});
  bytes.insert(bytes.end(), 100, std::uint8_t{'x'});
  EXPECT_EQ(error_of(bytes), "");
}

// A progressive file that repeats its scans thousands of times would take endless time.
TEST(Jpeg, LimitsScans) {
  const auto whole = make_jpeg(smooth_image(16, 16, 1), {.colors = 1, .h = 1, .v = 1, .progressive = true});
  // The first scan, which has DC coefficients only, from its header to the next marker.
  const std::vector<std::uint8_t> marker = {0xFF, 0xDA};
  const auto first = std::search(whole.begin(), whole.end(), marker.begin(), marker.end());
  ASSERT_NE(first, whole.end());
  const auto end =
      std::adjacent_find(first + 2, whole.end(), [](int a, int b) { return a == 0xFF && b != 0; });
  ASSERT_NE(end, whole.end());
  std::vector<std::uint8_t> bomb(whole.begin(), end);
  for (int i = 0; i < 2 * kMaxJpegScans; ++i) bomb.insert(bomb.end(), first, end);
  bomb.insert(bomb.end(), end, whole.end());
  EXPECT_NE(error_of(bomb).find("scans"), std::string::npos) << error_of(bomb);
}

void add_segment(std::vector<std::uint8_t>& bytes, std::uint8_t marker,
                 const std::vector<std::uint8_t>& payload) {
  const std::size_t length = payload.size() + 2;
  bytes.insert(bytes.end(),
               {0xFF, marker, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
  bytes.insert(bytes.end(), payload.begin(), payload.end());
}

// A gray progressive JPEG of side x side pixels, all 0: one scan of DC coefficients, one bit for each block,
// and scans of AC coefficients of a few bytes.
std::vector<std::uint8_t> cheap_scans(std::size_t side, int scans) {
  const auto high = static_cast<std::uint8_t>(side >> 8);
  const std::size_t blocks = side / 8 * (side / 8);
  std::vector<std::uint8_t> bytes = {0xFF, 0xD8};
  std::vector<std::uint8_t> quantisation(65, 1);
  quantisation[0] = 0;
  add_segment(bytes, 0xDB, quantisation);
  add_segment(bytes, 0xC2, {8, high, 0, high, 0, 1, 1, 0x11, 0});
  // The code of DC symbol 0 is 0. Those of AC are 0 for a run of 16384 blocks and 14 bits more, 10 for one
  // block.
  add_segment(bytes, 0xC4, {0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  add_segment(bytes, 0xC4, {0x10, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE0, 0});
  add_segment(bytes, 0xDA, {1, 1, 0, 0, 0, 0});
  bytes.insert(bytes.end(), blocks / 8, 0);
  std::string bits;
  for (std::size_t i = 0; i < blocks / 32767; ++i) bits += "011111111111111";
  for (std::size_t i = 0; i < blocks % 32767; ++i) bits += "10";
  while (bits.size() % 8 != 0) bits += '1';
  for (int i = 1; i < scans; ++i) {
    add_segment(bytes, 0xDA, {1, 1, 0, 1, 63, 0});
    for (std::size_t bit = 0; bit < bits.size(); bit += 8) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoi(bits.substr(bit, 8), nullptr, 2)));
      if (bytes.back() == 0xFF) bytes.push_back(0);
    }
  }
  bytes.insert(bytes.end(), {0xFF, 0xD9});
  return bytes;
}

// A scan of a few bytes costs a walk through all blocks, so large images may have fewer of them.
TEST(Jpeg, LimitsThePixelsOfAllScans) {
  constexpr int kMost = static_cast<int>(kMaxScannedPixels / (8192 * 8192));
  ASSERT_LT(kMost, kMaxJpegScans);
  EXPECT_EQ(error_of(cheap_scans(1024, kMaxJpegScans)), "");
  EXPECT_EQ(error_of(cheap_scans(8192, kMaxJpegScans)),
            "a.jpg: JPEG: more than " + std::to_string(kMost) + " scans of 8192x8192 pixels");
}

// libjpeg would keep them, and walk through all of them for each one more.
TEST(Jpeg, SegmentsBeforeTheImageAreNotKept) {
  const auto image = make_jpeg(smooth_image(16, 16, 3), {.orientation = 6});
  std::vector<std::uint8_t> bytes(image.begin(), image.begin() + 2);
  for (int i = 0; i < 1'000'000; ++i) add_segment(bytes, i % 2 == 0 ? 0xE1 : 0xFE, {});
  bytes.insert(bytes.end(), image.begin() + 2, image.end());
  struct rusage before {};
  struct rusage after {};
  ::getrusage(RUSAGE_SELF, &before);
  JpegDecoder decoder;
  EXPECT_EQ(decoder.open(bytes, "a.jpg", {}).orientation, 6);
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 << 10);  // KiB
  EXPECT_EQ(error_of(bytes), "");
}

TEST(Jpeg, ASegmentThatIsCutShortIsAnError) {
  const auto image = make_jpeg(smooth_image(16, 16, 3), {});
  for (const std::vector<std::uint8_t>& cut :
       {std::vector<std::uint8_t>{0xFF, 0xE1}, {0xFF, 0xE1, 0}, {0xFF, 0xE1, 0xFF, 0xFF, 'E', 'x'}}) {
    std::vector<std::uint8_t> bytes = {image[0], image[1]};
    for (const std::uint8_t byte : cut) bytes.push_back(byte);
    EXPECT_EQ(error_of(bytes), "a.jpg: JPEG: Premature end of JPEG file");
  }
}

// libjpeg would go through the 65533 bytes that are not there two at a time, with a warning for each.
TEST(Jpeg, ASegmentThatIsNotThereTakesNoWork) {
  const std::vector<std::vector<std::uint8_t>> beginnings = {
      {0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF}, {0xFF, 0xD8, 0xFF, 0xFE, 0xFF, 0xFF},
      {0xFF, 0xD8, 0xFF, 0xDB, 0xFF, 0xFF}, {0xFF, 0xD8, 0xFF, 0xC4, 0xFF, 0xFF},
      {0xFF, 0xD8, 0xFF, 0xC0, 0xFF, 0xFF}, {0xFF, 0xD8, 0xFF, 0xEE, 0xFF, 0xFF},
      {0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF}, {0xFF, 0xD8, 0xFF, 0xDA, 0xFF, 0xFF}};
  for (const auto& bytes : beginnings) {
    JpegDecoder decoder;
    EXPECT_THROW((void)decoder.open(bytes, "a.jpg", {}), Error);
    EXPECT_LE(decoder.warnings(), 2U) << int{bytes[3]};
  }
}

}  // namespace
}  // namespace convoy
