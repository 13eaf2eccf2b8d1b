// lib/prep/prepare: geometry, resampling compared with a naive reference, colour, orientation, all kinds
// of files.
#include "lib/prep/prepare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "formats/jpeg.h"
#include "formats/png.h"
#include "lib/base/error.h"
#include "lib/prep/color.h"
#include "tests/support/archives.h"
#include "tests/support/error_message.h"
#include "tests/support/images.h"

namespace convoy {
namespace {

using test::make_jpeg;
using test::psnr;
using test::smooth_image;

TEST(Geometry, IsPillows) {
  const auto expect = [](int width, int height, CropGeometry expected) {
    const CropGeometry crop = crop_geometry(width, height, 256);
    EXPECT_EQ(crop.resized_width, expected.resized_width) << width << "x" << height;
    EXPECT_EQ(crop.resized_height, expected.resized_height) << width << "x" << height;
    EXPECT_EQ(crop.left, expected.left) << width << "x" << height;
    EXPECT_EQ(crop.top, expected.top) << width << "x" << height;
  };
  expect(500, 375, {341, 256, 42, 0});
  expect(375, 500, {256, 341, 0, 42});
  expect(256, 256, {256, 256, 0, 0});
  expect(1, 1, {256, 256, 0, 0});
  expect(257, 256, {257, 256, 0, 0});
  expect(65000, 1, {65000 * 256, 256, (65000 * 256 - 256) / 2, 0});
  expect(512, 513, {256, 256, 0, 0});  // 256.5 rounds to even
  expect(512, 515, {256, 258, 0, 1});  // 257.5 rounds to even
}

// Catmull-Rom.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// One row or column in double precision: `count` samples, from `first` on, of `from` resized to `resized`.
// Samples beyond the edges have no weight.
std::vector<double> resample(const std::vector<double>& from, int resized, int first, int count) {
  const double scale = static_cast<double>(from.size()) / resized;
  const double stretch = std::max(scale, 1.0);
  std::vector<double> to;
  for (int i = first; i < first + count; ++i) {
    const double center = (i + 0.5) * scale;
    double sum = 0;
    double weights = 0;
    const int least = std::max(0, static_cast<int>(center - 2 * stretch) - 1);
    const int most = std::min(static_cast<int>(from.size()), static_cast<int>(center + 2 * stretch) + 2);
    for (int j = least; j < most; ++j) {
      const double weight = bicubic((j + 0.5 - center) / stretch);
      sum += weight * from[static_cast<std::size_t>(j)];
      weights += weight;
    }
    to.push_back(sum / weights);
  }
  return to;
}

Image reference(const Image& image, int size) {
  const CropGeometry crop = crop_geometry(image.width, image.height, size);
  Image result{size, size, image.channels, {}};
  result.pixels.resize(static_cast<std::size_t>(std::int64_t{size} * size * image.channels));
  for (int c = 0; c < image.channels; ++c) {
    std::vector<std::vector<double>> rows;
    for (int y = 0; y < image.height; ++y) {
      std::vector<double> row;
      row.reserve(static_cast<std::size_t>(image.width));
      for (int x = 0; x < image.width; ++x) {
        row.push_back(
            image.pixels[static_cast<std::size_t>((std::int64_t{y} * image.width + x) * image.channels + c)]);
      }
      rows.push_back(resample(row, crop.resized_width, crop.left, size));
    }
    for (int x = 0; x < size; ++x) {
      std::vector<double> column;
      column.reserve(rows.size());
      for (const auto& row : rows) column.push_back(row[static_cast<std::size_t>(x)]);
      const auto values = resample(column, crop.resized_height, crop.top, size);
      for (int y = 0; y < size; ++y) {
        const double value = std::clamp(values[static_cast<std::size_t>(y)], 0.0, 255.0);
        result.pixels[static_cast<std::size_t>((std::int64_t{y} * size + x) * image.channels + c)] =
            static_cast<std::uint8_t>(std::lround(value));
      }
    }
  }
  return result;
}

Image noise(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image{width, height, 3, {}};
  for (int i = 0; i < width * height * 3; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(64 + random() % 128));
  return image;
}

// Noise is the worst case for a filter; its range is chosen so that overshoots need no clipping. A value is a
// sum of at most two times 256 products of floats with a relative error of 2^-24 each, which add up to 0.01:
// a value may round to the other side, but never differs by more than 1.
TEST(Resize, AgreesWithTheDefinition) {
  for (const auto& [width, height, size] :
       {std::array{100, 75, 64}, std::array{75, 100, 32}, std::array{333, 250, 48}, std::array{40, 61, 40},
        std::array{20, 15, 32}, std::array{513, 129, 64}, std::array{31, 500, 16}, std::array{1000, 300, 50},
        std::array{3, 2, 33}}) {
    SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height) + " to " + std::to_string(size));
    const Image image = noise(width, height, static_cast<unsigned>(width));
    Preprocessing how;
    how.size = size;
    const Image result = Preparer(how).prepare(image);
    const Image expected = reference(image, size);
    for (int y = 0; y < size; ++y) {
      for (int i = 0; i < size * 3; ++i) {
        const auto at = static_cast<std::size_t>(std::int64_t{y} * size * 3 + i);
        ASSERT_NEAR(result.pixels[at], expected.pixels[at], 1) << "x " << i / 3 << " y " << y;
      }
    }
  }
}

// The planes of a subsampled JPEG are resized as stored. The result must equal that of resizing the decoded
// pixels, except for the upsampling of chroma.
TEST(Prepare, PlanesAgreeWithPixels) {
  const Image image = smooth_image(211, 163, 3);
  for (const auto& [h, v] : {std::pair{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}, {4, 2}}) {
    const auto bytes = make_jpeg(image, {.h = h, .v = v});
    Preprocessing how;
    how.size = 64;
    Preparer preparer(how);
    EXPECT_GT(psnr(preparer.prepare(bytes, "a.jpg"), preparer.prepare(decode_jpeg(bytes, "a.jpg"))), 38)
        << h << "x" << v;
  }
}

// Large images are decoded at a fraction of their size.
TEST(Prepare, ScaledDecodingAgreesWithPixels) {
  const Image image = smooth_image(501, 398, 3);
  const auto bytes = make_jpeg(image, {});
  for (const int size : {60, 30, 15}) {
    Preprocessing how;
    how.size = size;
    Preparer preparer(how);
    EXPECT_GT(psnr(preparer.prepare(bytes, "a.jpg"), preparer.prepare(decode_jpeg(bytes, "a.jpg"))), 38)
        << size;
  }
}

TEST(Prepare, APreparerForgetsNothingAndRemembersNothing) {
  Preprocessing how;
  how.size = 40;
  Preparer preparer(how);
  const auto first = make_jpeg(smooth_image(90, 70, 3, 1), {});
  const auto gray = make_jpeg(smooth_image(120, 65, 1, 2), {.colors = 1, .h = 1, .v = 1});
  const Image fresh = Preparer(how).prepare(first, "a.jpg");
  EXPECT_EQ(preparer.prepare(first, "a.jpg").pixels, fresh.pixels);
  static_cast<void>(preparer.prepare(gray, "b.jpg"));
  const auto cut = std::span(first).first(first.size() / 2);
  EXPECT_THROW(static_cast<void>(preparer.prepare(cut, "c.jpg")), Error);
  // More geometries than are cached.
  for (int i = 0; i < 80; ++i) static_cast<void>(preparer.prepare(smooth_image(41 + i, 60, 3)));
  EXPECT_EQ(preparer.prepare(first, "a.jpg").pixels, fresh.pixels);
}

TEST(Prepare, ChannelsAreAsAsked) {
  Preprocessing how;
  how.size = 20;
  how.gray = true;
  Preparer gray(how);
  how.gray = false;
  Preparer color(how);
  const Image image = smooth_image(50, 40, 3);
  const auto jpeg = make_jpeg(image, {.h = 1, .v = 1});
  const Image luma_of_jpeg = gray.prepare(jpeg, "a.jpg");
  ASSERT_EQ(luma_of_jpeg.channels, 1);
  // Gray is the luma of the colours: of pixels and of planes, before and after resizing.
  EXPECT_GT(psnr(luma_of_jpeg, with_channels(color.prepare(image), 1)), 40);
  EXPECT_GT(psnr(gray.prepare(image), with_channels(color.prepare(image), 1)), 50);
  const Image gray_file = color.prepare(encode_png(smooth_image(50, 40, 1)), "a.png");
  ASSERT_EQ(gray_file.channels, 3);
  for (std::size_t i = 0; i < gray_file.pixels.size(); i += 3) {
    ASSERT_EQ(gray_file.pixels[i], gray_file.pixels[i + 1]);
    ASSERT_EQ(gray_file.pixels[i], gray_file.pixels[i + 2]);
  }
}

TEST(Prepare, SizeNoneKeepsThePixels) {
  Preprocessing how;
  how.size = 0;
  const Image image = smooth_image(50, 40, 3);
  EXPECT_EQ(Preparer(how).prepare(encode_png(image), "a.png").pixels, image.pixels);
  const auto jpeg = make_jpeg(image, {});
  EXPECT_EQ(Preparer(how).prepare(jpeg, "a.jpg").pixels, decode_jpeg(jpeg, "a.jpg").pixels);
}

// Distinct colours, so that a wrong matrix shows: compares our conversion with that of libjpeg.
TEST(Color, IsJfifs) {
  Image image{16, 16, 3, {}};
  for (int i = 0; i < 256; ++i) image.pixels.insert(image.pixels.end(), {230, 20, 90});
  const auto bytes = make_jpeg(image, {.h = 1, .v = 1, .quality = 100});
  Preprocessing how;
  how.size = 16;
  const Image ours = Preparer(how).prepare(bytes, "a.jpg");
  const Image theirs = decode_jpeg(bytes, "a.jpg");
  for (std::size_t i = 0; i < ours.pixels.size(); ++i) ASSERT_NEAR(ours.pixels[i], theirs.pixels[i], 1);
}

// An image stored in any of the eight orientations is prepared to the same pixels, whether an odd or an even
// number of pixels is cut off.
TEST(Exif, EveryOrientationIsSeenAlike) {
  Preprocessing how;
  how.exif = true;
  for (const auto& [width, height] : {std::pair{61, 40}, {60, 40}, {40, 63}}) {
    const Image seen = noise(width, height, 5);
    for (const int size : {40, 0}) {
      how.size = size;
      Preparer preparer(how);
      const Image expected = preparer.prepare(seen);
      for (int orientation = 1; orientation <= 8; ++orientation) {
        // The inverse of a rotation is the opposite rotation; all others are their own inverse.
        const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
        const Image stored = oriented(seen, inverse);
        // PNG's eXIf chunk would be lossless, but libpng's simple writer has none: JPEG at quality 100.
        const auto bytes = make_jpeg(stored, {.h = 1, .v = 1, .orientation = orientation, .quality = 100});
        const Image result = preparer.prepare(bytes, "a.jpg");
        ASSERT_EQ(result.width, expected.width);
        EXPECT_GT(psnr(result, expected), 35) << "orientation " << orientation << " size " << size;
      }
    }
  }
}

TEST(Exif, TurnsAsTheStandardSays) {
  // Stored: 2 wide, 1 high, left pixel 1, right pixel 2.
  const Image stored{2, 1, 1, {1, 2}};
  using Pixels = std::vector<std::uint8_t>;
  EXPECT_EQ(oriented(stored, 1).pixels, (Pixels{1, 2}));
  EXPECT_EQ(oriented(stored, 2).pixels, (Pixels{2, 1}));
  EXPECT_EQ(oriented(stored, 3).pixels, (Pixels{2, 1}));
  EXPECT_EQ(oriented(stored, 4).pixels, (Pixels{1, 2}));
  // 6: column 0 of the stored image is the top; 8: it is the bottom.
  const Image turned = oriented(stored, 6);
  EXPECT_EQ(turned.width, 1);
  EXPECT_EQ(turned.height, 2);
  EXPECT_EQ(turned.pixels, (Pixels{1, 2}));
  EXPECT_EQ(oriented(stored, 8).pixels, (Pixels{2, 1}));
  EXPECT_EQ(oriented(stored, 5).pixels, (Pixels{1, 2}));
  EXPECT_EQ(oriented(stored, 7).pixels, (Pixels{2, 1}));
  // 6 again, for a column: row 0 of the stored image is on the right.
  EXPECT_EQ(oriented(Image{1, 2, 1, {1, 2}}, 6).pixels, (Pixels{2, 1}));
}

TEST(Prepare, ExtremeShapes) {
  Preparer preparer{Preprocessing{}};
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 2}, {65000, 1}, {1, 65000}, {2, 3}, {3000, 7}}) {
    const Image image{width, height, 3,
                      std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3), 77)};
    for (const auto& bytes : {encode_png(image), encode_jpeg(image)}) {
      const Image result = preparer.prepare(bytes, "a");
      ASSERT_EQ(result.pixels.size(), 256U * 256 * 3);
      const auto [least, most] = std::minmax_element(result.pixels.begin(), result.pixels.end());
      EXPECT_NEAR(*least, 77, 1) << width << "x" << height;
      EXPECT_NEAR(*most, 77, 1) << width << "x" << height;
    }
  }
}

TEST(Prepare, CompressedImagesAndWhatIsNone) {
  Preprocessing how;
  how.size = 20;
  Preparer preparer(how);
  const auto jpeg = make_jpeg(smooth_image(50, 40, 3), {});
  EXPECT_EQ(preparer.prepare(test::pack(jpeg, test::Packing::gzip), "a").pixels,
            preparer.prepare(jpeg, "a").pixels);
  const auto error_of = [&](const std::vector<std::uint8_t>& bytes) {
    return test::error_of([&] { static_cast<void>(preparer.prepare(bytes, "a")); });
  };
  EXPECT_EQ(error_of({}), "a: empty file");
  EXPECT_EQ(error_of({0x89, 'i'}), "a: neither JPEG nor PNG");
  EXPECT_EQ(error_of({'h', 'i'}), "a: a text where an image is expected");
  EXPECT_EQ(error_of({'G', 'I', 'F', '8', '9', 'a', 0}), "a: a GIF image: convert it to PNG");
  EXPECT_EQ(error_of(test::make_tar({{"x", {1}}})), "a: a tar archive where an image is expected");
  EXPECT_EQ(error_of(test::pack({'h', 'i'}, test::Packing::gzip)), "a: a text where an image is expected");
}

// An image of the right size stays as it is; another is prepared as if that size had been asked for.
TEST(Prepare, ImagesAreFittedToASetWhoseSizesWereKept) {
  Preprocessing kept;
  kept.size = 0;
  Preprocessing sized = kept;
  sized.size = 24;
  for (const bool gray : {false, true}) {
    kept.gray = sized.gray = gray;
    Preparer fitting(kept, {}, 24);
    Preparer resizing(sized);
    for (const auto& [width, height] :
         {std::pair(24, 24), std::pair(24, 30), std::pair(200, 150), std::pair(9, 11)}) {
      const Image image = smooth_image(width, height, 3);
      for (const auto& bytes : {encode_jpeg(image), encode_png(image)}) {
        const Image fitted = fitting.prepare(bytes, "a");
        const bool fits = width == 24 && height == 24;
        EXPECT_EQ(fitting.fitted(), !fits);
        EXPECT_EQ(fitted.pixels, (fits ? Preparer(kept) : Preparer(sized)).prepare(bytes, "a").pixels);
        EXPECT_EQ(fitted.pixels.size(), resizing.prepare(bytes, "a").pixels.size());
      }
    }
  }
}

}  // namespace
}  // namespace convoy
