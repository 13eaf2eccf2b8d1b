// formats/png: round trips, transparency over a background, damage and decompression bombs refused.
#include "formats/png.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <iterator>

#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/images.h"

namespace {

std::size_t g_inflated = 0;  // bytes that zlib has unpacked

}  // namespace

// Stands before zlib's own, for libpng too, and counts.
extern "C" int inflate(z_streamp stream, int flush) {
  static const auto real = reinterpret_cast<int (*)(z_streamp, int)>(::dlsym(RTLD_NEXT, "inflate"));
  const uLong before = stream->total_out;
  const int status = real(stream, flush);
  g_inflated += stream->total_out - before;
  return status;
}

namespace convoy {
namespace {

using test::smooth_image;

// A PNG in one of libpng's simple formats, or with a palette of two colours.
std::vector<std::uint8_t> make_png(std::uint32_t format, int width, int height, const void* pixels,
                                   const void* palette = nullptr) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.width = static_cast<png_uint_32>(width);
  description.height = static_cast<png_uint_32>(height);
  description.format = format;
  description.colormap_entries = palette != nullptr ? 2 : 0;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(description);
  std::vector<std::uint8_t> png(bytes);
  EXPECT_NE(png_image_write_to_memory(&description, png.data(), &bytes, 0, pixels, 0, palette), 0);
  png.resize(bytes);
  return png;
}

std::string error_of(std::span<const std::uint8_t> bytes, const ImageLimits& limits = {}) {
  return test::error_of([&] { static_cast<void>(decode_png(bytes, "a.png", limits)); });
}

TEST(Png, ComesBackBitForBit) {
  for (const int channels : {1, 3}) {
    const Image image = smooth_image(37, 21, channels);
    const Image decoded = decode_png(encode_png(image), "a.png");
    EXPECT_EQ(decoded.width, 37);
    EXPECT_EQ(decoded.height, 21);
    EXPECT_EQ(decoded.channels, channels);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
}

TEST(Png, TransparentPixelsShowTheBackground) {
  const std::vector<std::uint8_t> rgba = {200, 100, 0, 255, 200, 100, 0, 0, 200, 100, 0, 51};
  const Image image = decode_png(make_png(PNG_FORMAT_RGBA, 3, 1, rgba.data()), "a.png", {}, {0, 200, 255});
  // The third pixel is one fifth colour and four fifths background.
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{200, 100, 0, 0, 200, 255, 40, 180, 204}));
}

TEST(Png, GrayWithAlphaStaysGrayOverGray) {
  const std::vector<std::uint8_t> graya = {90, 255, 90, 0};
  const auto bytes = make_png(PNG_FORMAT_GA, 2, 1, graya.data());
  EXPECT_EQ(decode_png(bytes, "a.png", {}, {7, 7, 7}).pixels, (std::vector<std::uint8_t>{90, 7}));
  EXPECT_EQ(decode_png(bytes, "a.png", {}, {1, 2, 3}).pixels,
            (std::vector<std::uint8_t>{90, 90, 90, 1, 2, 3}));
}

TEST(Png, PaletteWithAlpha) {
  const std::vector<std::uint8_t> palette = {255, 0, 0, 255, 0, 255, 0, 0};
  const std::vector<std::uint8_t> indexes = {0, 1, 0, 1};
  const auto bytes = make_png(PNG_FORMAT_RGBA_COLORMAP, 2, 2, indexes.data(), palette.data());
  EXPECT_EQ(decode_png(bytes, "a.png", {}, {9, 9, 9}).pixels,
            (std::vector<std::uint8_t>{255, 0, 0, 9, 9, 9, 255, 0, 0, 9, 9, 9}));
}

TEST(Png, SixteenBitsAreScaled) {
  const std::vector<std::uint16_t> linear = {0, 65535};
  const Image image = decode_png(make_png(PNG_FORMAT_LINEAR_Y, 2, 1, linear.data()), "a.png");
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{0, 255}));
}

// A file that lacks no more than its last chunk has all pixels.
TEST(Png, ACutIsRefusedUnlessItCostsNoPixel) {
  constexpr std::size_t kLastChunk = 12;
  for (const int channels : {1, 3}) {
    const auto whole = encode_png(smooth_image(40, 30, channels));
    const Image expected = decode_png(whole, "a.png");
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      if (length < whole.size() - kLastChunk) {
        ASSERT_NE(error_of(cut), "") << length << " of " << whole.size();
      } else {
        ASSERT_EQ(decode_png(cut, "a.png").pixels, expected.pixels) << length;
      }
    }
  }
}

TEST(Png, SurvivesEveryFlippedByte) {
  const auto whole = encode_png(smooth_image(12, 9, 3));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xFF}) {
      auto flipped = whole;
      flipped[at] ^= static_cast<std::uint8_t>(change);
      // Checksums cover everything but the content of ancillary chunks, so the image is right or refused.
      try {
        const Image image = decode_png(flipped, "a.png", {.max_side = 4096, .max_pixels = 1 << 20});
        EXPECT_EQ(image.width, 12);
      } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("a.png: "));
      }
    }
  }
}

TEST(Png, AHeaderThatPromisesTooMuchIsRefused) {
  // The signature, and an IHDR of 100000 x 100000 pixels with a correct checksum.
  std::vector<std::uint8_t> bytes = {0x89, 'P', 'N',  'G',  '\r', '\n', 0x1A, '\n', 0,    0,
                                     0,    13,  'I',  'H',  'D',  'R',  0,    1,    0x86, 0xA0,
                                     0,    1,   0x86, 0xA0, 8,    2,    0,    0,    0};
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 12; i < bytes.size(); ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(~crc >> shift));
  EXPECT_NE(error_of(bytes).find("100000x100000"), std::string::npos) << error_of(bytes);
}

TEST(Png, LimitsAreChecked) {
  const auto bytes = encode_png(smooth_image(40, 30, 3));
  EXPECT_NE(error_of(bytes, {.max_side = 39}), "");
  EXPECT_NE(error_of(bytes, {.max_pixels = 1199}), "");
  EXPECT_EQ(error_of(bytes, {.max_side = 40, .max_pixels = 1200}), "");
}

std::vector<std::uint8_t> chunk(std::string_view type, std::span<const std::uint8_t> data) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(data.size() + 12);
  const auto add_32 = [&](std::uint64_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  add_32(data.size());
  std::ranges::copy(type, std::back_inserter(bytes));
  std::ranges::copy(data, std::back_inserter(bytes));
  add_32(::crc32_z(0, bytes.data() + 4, bytes.size() - 4));
  return bytes;
}

std::vector<std::uint8_t> zeros_packed(std::size_t bytes) {
  const std::vector<std::uint8_t> zeros(bytes);
  std::vector<std::uint8_t> packed(::compressBound(bytes));
  uLongf size = packed.size();
  EXPECT_EQ(::compress2(packed.data(), &size, zeros.data(), bytes, 9), Z_OK);
  packed.resize(size);
  return packed;
}

// Behind the signature and IHDR.
constexpr std::size_t kBehindHeader = 33;

// Texts and profiles take little room and unpack to much; no pixel depends on them.
TEST(Png, UnpacksNothingButPixels) {
  const Image image = smooth_image(9, 5, 3);
  const auto plain = encode_png(image);
  const auto packed = zeros_packed(std::size_t{15} << 20);
  for (const std::string_view type : {"zTXt", "iTXt", "iCCP", "tEXt", "sPLT", "prIv"}) {
    std::vector<std::uint8_t> data = {'a', 0, 0};
    if (type == "iTXt") data = {'a', 0, 1, 0, 0, 0};
    data.insert(data.end(), packed.begin(), packed.end());
    const auto bomb = chunk(type, data);
    auto bytes = plain;
    for (int i = 0; i < 50; ++i) bytes.insert(bytes.begin() + kBehindHeader, bomb.begin(), bomb.end());
    g_inflated = 0;
    EXPECT_EQ(decode_png(bytes, "a.png").pixels, image.pixels);
    EXPECT_LT(g_inflated, 1 << 20) << type;
  }
}

// Data that unpack to more than the pixels need are not unpacked to their end.
TEST(Png, LooksForTheEndOfPixelsNoFurtherThanTheirSize) {
  const auto plain = encode_png(smooth_image(4, 4, 1));
  std::vector<std::uint8_t> bytes(plain.begin(), plain.begin() + kBehindHeader);
  const auto data = chunk("IDAT", zeros_packed(std::size_t{128} << 20));
  bytes.insert(bytes.end(), data.begin(), data.end());  // and no IEND
  g_inflated = 0;
  EXPECT_NE(error_of(bytes), "");
  EXPECT_LT(g_inflated, 40 << 20);
  // libpng passes over a little more than the pixels.
  const auto more = chunk("IDAT", zeros_packed(100));
  const auto end = chunk("IEND", {});
  bytes.resize(kBehindHeader);
  bytes.insert(bytes.end(), more.begin(), more.end());
  bytes.insert(bytes.end(), end.begin(), end.end());
  EXPECT_EQ(error_of(bytes), "");
}

}  // namespace
}  // namespace convoy
