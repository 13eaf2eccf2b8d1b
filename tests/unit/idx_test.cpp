// formats/idx: every type and order of dimensions, sizes against the header, values against their limits.
#include "formats/idx.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <string>

#include "formats/dataset_info.h"
#include "tests/support/archives.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Dims = std::vector<std::uint32_t>;

constexpr std::array kIntegers = {IdxType::unsigned_byte, IdxType::signed_byte, IdxType::int16,
                                  IdxType::int32};

std::size_t size_of(IdxType type) {
  if (type == IdxType::unsigned_byte || type == IdxType::signed_byte) return 1;
  if (type == IdxType::int16) return 2;
  return type == IdxType::float64 ? 8 : 4;
}

Bytes header(IdxType type, const Dims& dims) {
  Bytes bytes{0, 0, static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(dim >> shift));
  }
  return bytes;
}

// A file, written digit by digit to the base 256: independent of the shifts of the code under test.
Bytes idx(IdxType type, const Dims& dims, const std::vector<std::int64_t>& values) {
  Bytes bytes = header(type, dims);
  for (const std::int64_t value : values) {
    const auto digits = static_cast<int>(size_of(type));
    double rest = static_cast<double>(value);
    if (value < 0) rest += std::pow(256.0, digits);
    for (int digit = digits - 1; digit >= 0; --digit) {
      const double unit = std::pow(256.0, digit);
      bytes.push_back(static_cast<std::uint8_t>(std::floor(rest / unit)));
      rest = std::fmod(rest, unit);
    }
  }
  return bytes;
}

Bytes counted(const Dims& dims, std::size_t values) {
  Bytes bytes = header(IdxType::unsigned_byte, dims);
  for (std::size_t i = 0; i < values; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

// All images of a file. known: whether the reader is told the file's size, as of a regular file.
struct Read {
  IdxLayout layout;
  std::vector<Bytes> images;
};
Read read_images(const Bytes& bytes, bool known = true, const ImageLimits& limits = {}) {
  MemorySource source(bytes);
  IdxImages images(IdxReader(source, "x", known ? bytes.size() : 0), limits);
  Read read{images.layout(), {}};
  while (auto image = images.next()) {
    EXPECT_EQ(image->width, read.layout.width);
    EXPECT_EQ(image->height, read.layout.height);
    EXPECT_EQ(image->channels, read.layout.channels);
    read.images.push_back(std::move(image->pixels));
  }
  return read;
}

IdxLabels read_labels(const Bytes& bytes) {
  MemorySource source(bytes);
  IdxReader reader(source, "x", bytes.size());
  return read_idx_labels(reader);
}

std::string error_of(const Bytes& bytes, bool known = true) {
  return test::error_of([&] { static_cast<void>(read_images(bytes, known)); });
}
std::string label_error(const Bytes& bytes) {
  return test::error_of([&] { static_cast<void>(read_labels(bytes)); });
}

TEST(Idx, ChecksEverySize) {
  const std::string not_idx = "x: offset 0: not an IDX file: it does not begin with two zero bytes";
  EXPECT_EQ(error_of({0x89, 'C', 'o', 'n'}), not_idx);
  EXPECT_EQ(error_of({0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}),
            "x: a PNG image where an IDX file is expected");
  EXPECT_EQ(error_of({'<', 'h', 't', 'm', 'l', '>', '\n', '\n', '\n'}),
            "x: an HTML page where an IDX file is expected: the download failed");
  EXPECT_EQ(error_of({}), "x: an empty file where an IDX file is expected");
  EXPECT_EQ(
      error_of({0, 0, 0x0A, 1}),
      "x: offset 2: IDX type 10 is none of 8, 9, 11, 12 (integers), 13 and 14 (floating-point numbers)");
  EXPECT_EQ(error_of({0, 0, 8, 0}), "x: offset 3: 0 dimensions are not from 1 to 8");
  EXPECT_EQ(error_of({0, 0, 8, 9}), "x: offset 3: 9 dimensions are not from 1 to 8");
  EXPECT_EQ(error_of({0, 0, 8, 1, 0, 0, 0}), "x: offset 7: the file ends in its header");
  EXPECT_EQ(error_of(counted({1, 2, 3}, 6)), "");
  EXPECT_EQ(error_of(counted({1, 2, 3}, 5)), "x: offset 21: the header promises 6 values, the file has 5");
  EXPECT_EQ(error_of(counted({1, 2, 3}, 7)), "x: offset 22: the header promises 6 values, the file has 7");
  EXPECT_EQ(error_of(counted({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, 1)), "x: offset 4: dimensions too large");
  Bytes wide = idx(IdxType::int32, {1, 1, 2}, {1, 2});
  wide.pop_back();
  EXPECT_EQ(error_of(wide),
            "x: offset 23: the header promises 2 values of 4 bytes, the file has 1 and a part of one");
}

// Of a pipe or compressed file, the size is known only at its end.
TEST(Idx, PassesOverImagesWithoutLookingAtTheirValues) {
  // Values from -3, of which those of the first images are no pixels.
  std::vector<std::int64_t> values(5 * 2 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>(i) - 3;
  for (const IdxType type : {IdxType::signed_byte, IdxType::int16, IdxType::int32}) {
    const Bytes plain = idx(type, {5, 2, 3}, values);
    for (const Bytes& bytes : {plain, test::pack(plain, test::Packing::gzip)}) {
      MemorySource source(bytes);
      IdxImages images(IdxReader(source, "x", 0), {});
      EXPECT_TRUE(images.skip());
      EXPECT_EQ(images.next()->pixels, (Bytes{3, 4, 5, 6, 7, 8}));
      EXPECT_TRUE(images.skip());
      EXPECT_TRUE(images.skip());
      EXPECT_EQ(images.next()->pixels, (Bytes{21, 22, 23, 24, 25, 26}));
      EXPECT_FALSE(images.skip());
    }
    Bytes cut = plain;
    cut.pop_back();
    MemorySource source(cut);
    IdxImages images(IdxReader(source, "x", 0), {});
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(images.skip());
    EXPECT_THROW(images.skip(), FormatError);
  }
}

TEST(Idx, ChecksSizesThatComeLate) {
  EXPECT_EQ(error_of(counted({2, 2, 3}, 12), false), "");
  EXPECT_EQ(error_of(counted({2, 2, 3}, 11), false),
            "x: offset 27: the header promises 12 values, the file has 11");
  EXPECT_EQ(error_of(counted({2, 2, 3}, 13), false),
            "x: offset 28: the file goes on behind the 12 values that its header promises");
  EXPECT_EQ(error_of(test::pack(counted({2, 2, 3}, 11), test::Packing::gzip)),
            "x: offset 27: the header promises 12 values, the file has 11");
  // A few bytes that promise 10^12 images, and the largest image that the limits allow.
  EXPECT_EQ(error_of(counted({0xFFFFFFFF, 28, 28}, 5), false),
            "x: offset 21: the header promises 3367254359280 values, the file has 5");
  EXPECT_EQ(error_of(counted({1, 11585, 11585}, 5), false),
            "x: offset 21: the header promises 134212225 values, the file has 5");
}

TEST(Idx, NamesLittleEndianOrder) {
  EXPECT_EQ(error_of({3, 8, 0, 0, 1, 0, 0, 0}),
            "x: offset 0: not an IDX file: it does not begin with two zero bytes (in little-endian order?)");
  EXPECT_EQ(error_of(counted({2U << 24, 1U << 24, 3U << 24}, 6)),
            "x: offset 4: dimensions too large (in little-endian order?)");
  EXPECT_EQ(error_of(counted({2U << 24, 1, 3}, 6)),
            "x: offset 22: the header promises 100663296 values, the file has 6");
  EXPECT_EQ(label_error(counted({6U << 24}, 6)),
            "x: offset 14: the header promises 100663296 values, the file has 6 "
            "(in little-endian order?)");
  EXPECT_EQ(label_error(idx(IdxType::int32, {2}, {0, 5 << 24})),
            "x: offset 12: label 83886080 (5 in little-endian order) of image 1 is not from 0 to 1048575");
}

// One small set of images in every type and every order of dimensions.
TEST(Idx, ReadsEveryTypeAndOrder) {
  constexpr std::uint32_t kCount = 5;
  constexpr std::uint32_t kHeight = 4;
  constexpr std::uint32_t kWidth = 7;
  for (const std::uint32_t channels : {1U, 3U}) {
    const auto pixel = [](IdxType type, std::uint32_t n, std::uint32_t y, std::uint32_t x, std::uint32_t c) {
      const std::uint32_t all = n * 61 + y * 37 + x * 11 + c * 101;
      return static_cast<std::int64_t>(type == IdxType::signed_byte ? all % 128 : all % 256);
    };
    for (const IdxType type : kIntegers) {
      std::vector<std::int64_t> last;
      std::vector<std::int64_t> first;
      std::vector<Bytes> expected(kCount);
      for (std::uint32_t n = 0; n < kCount; ++n) {
        for (std::uint32_t y = 0; y < kHeight; ++y) {
          for (std::uint32_t x = 0; x < kWidth; ++x) {
            for (std::uint32_t c = 0; c < channels; ++c) {
              last.push_back(pixel(type, n, y, x, c));
              expected[n].push_back(static_cast<std::uint8_t>(pixel(type, n, y, x, c)));
            }
          }
        }
        for (std::uint32_t c = 0; c < channels; ++c) {
          for (std::uint32_t y = 0; y < kHeight; ++y) {
            for (std::uint32_t x = 0; x < kWidth; ++x) first.push_back(pixel(type, n, y, x, c));
          }
        }
      }
      std::vector<Bytes> files = {idx(type, {kCount, kHeight, kWidth, channels}, last),
                                  idx(type, {kCount, channels, kHeight, kWidth}, first)};
      if (channels == 1) files.push_back(idx(type, {kCount, kHeight, kWidth}, last));
      for (const Bytes& file : files) {
        for (const auto packing : {test::Packing::plain, test::Packing::gzip, test::Packing::xz}) {
          const Read read = read_images(packing == test::Packing::plain ? file : test::pack(file, packing),
                                        packing == test::Packing::plain);
          EXPECT_EQ(read.images, expected) << static_cast<int>(type) << " " << channels;
          EXPECT_EQ(read.layout.count, kCount);
          EXPECT_FALSE(read.layout.ambiguous);
        }
      }
    }
  }
}

TEST(Idx, TheLastDimensionWins) {
  Read read = read_images(counted({2, 3, 5, 3}, 90));
  EXPECT_EQ(read.layout.height, 3);
  EXPECT_EQ(read.layout.width, 5);
  EXPECT_EQ(read.layout.channels, 3);
  EXPECT_TRUE(read.layout.ambiguous);
  read = read_images(counted({2, 3, 5, 4}, 120));
  EXPECT_EQ(read.layout.height, 5);
  EXPECT_EQ(read.layout.width, 4);
  EXPECT_TRUE(read.layout.planes_first);
}

TEST(Idx, NamesWhatIsNoImage) {
  EXPECT_EQ(error_of(counted({6}, 6)),
            "x: not images: 1 dimension (6) instead of number, height, width and perhaps 1 or 3 channels");
  EXPECT_EQ(
      error_of(counted({1, 1, 1, 1, 2}, 2)),
      "x: not images: 5 dimensions (1 x 1 x 1 x 1 x 2) instead of number, height, width and perhaps 1 or "
      "3 channels");
  EXPECT_EQ(
      error_of(counted({2, 5, 5, 4}, 200)),
      "x: not images: of 2 x 5 x 5 x 4, the last dimension is 4, not 1 or 3 channels, and neither is the "
      "second, 5");
  EXPECT_EQ(error_of(counted({3, 0, 4}, 0)), "x: empty image: 4x0 pixels");
  EXPECT_EQ(error_of(counted({0, 70000, 4}, 0)),
            "x: 4x70000 pixels: a side is longer than the limit of 65535");
  EXPECT_EQ(read_images(counted({0, 2, 4}, 0)).images.size(), 0U);
  EXPECT_EQ(error_of(header(IdxType::float32, {0, 2, 2})),
            "x: offset 2: images of floating-point numbers (IDX type 13): store whole numbers from 0 to 255");
}

TEST(Idx, NamesTheFirstValueThatIsNoPixel) {
  EXPECT_EQ(error_of(idx(IdxType::int16, {2, 1, 2}, {0, 255, 256, -1})),
            "x: offset 20: the value 256 (1 in little-endian order) of image 1 is not from 0 to 255");
  EXPECT_EQ(error_of(idx(IdxType::int32, {2, 1, 2}, {0, 255, 7, -2})),
            "x: offset 28: the value -2 of image 1 is not from 0 to 255");
  EXPECT_EQ(error_of(idx(IdxType::signed_byte, {1, 1, 2}, {127, -128})),
            "x: offset 17: the value -128 of image 0 is not from 0 to 255");
}

TEST(Idx, ReadsLabelsOfEveryType) {
  const std::vector<std::int32_t> expected = {0, 9, 127};
  for (const IdxType type : kIntegers) {
    EXPECT_EQ(read_labels(idx(type, {3}, {0, 9, 127})).values, expected);
    EXPECT_EQ(read_labels(idx(type, {3, 1}, {0, 9, 127})).values, expected);
    EXPECT_EQ(read_labels(idx(type, {3, 1, 1}, {0, 9, 127})).values, expected);
    // As QMNIST's: the class, then numbers of the writer and the glyph.
    const IdxLabels columns = read_labels(idx(type, {3, 3}, {0, 5, -1, 9, 6, -1, 127, 7, 0}));
    EXPECT_EQ(columns.values, expected);
    EXPECT_EQ(columns.columns, 3U);
  }
  EXPECT_EQ(read_labels(idx(IdxType::int32, {2}, {kMaxClasses - 1, 0})).values[0], kMaxClasses - 1);
  EXPECT_EQ(read_labels(idx(IdxType::unsigned_byte, {2}, {255, 128})).values,
            (std::vector<std::int32_t>{255, 128}));
}

TEST(Idx, NamesWhatIsNoLabel) {
  EXPECT_EQ(label_error(idx(IdxType::int32, {3, 2}, {0, 1, 5, 1, -1, 0})),
            "x: offset 28: label -1 of image 2 is not from 0 to 1048575");
  EXPECT_EQ(label_error(idx(IdxType::int32, {1}, {kMaxClasses})),
            "x: offset 8: label 1048576 (4096 in little-endian order) of image 0 is not from 0 to 1048575");
  EXPECT_EQ(label_error(header(IdxType::float64, {0})),
            "x: offset 2: labels of floating-point numbers (IDX type 14): store whole numbers");
  EXPECT_EQ(label_error(counted({1, 2, 3}, 6)), "x: not labels: 3 dimensions instead of 1 or 2");
  EXPECT_EQ(label_error(counted({2, 0}, 0)), "x: not labels: 0 columns, not 1 to 32");
  EXPECT_EQ(label_error(counted({1, 64}, 64)), "x: not labels: 64 columns, not 1 to 32");
  EXPECT_EQ(label_error(counted({3}, 4)), "x: offset 11: the header promises 3 values, the file has 4");
  EXPECT_EQ(label_error(idx(IdxType::unsigned_byte, {3, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0})),
            "x: each row of 3 columns is zeros and a single one: store the number of the class instead");
  EXPECT_EQ(label_error(idx(IdxType::unsigned_byte, {3, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 1})), "");
  const std::string many =
      label_error(test::pack(header(IdxType::unsigned_byte, {0xFFFFFFFF}), test::Packing::gzip));
  EXPECT_EQ(many, "x: more labels than the limit of 268435456");
}

TEST(Idx, IsToldByItsMagic) {
  for (const std::uint8_t type : Bytes{8, 9, 11, 12, 13, 14}) EXPECT_TRUE(is_idx(Bytes{0, 0, type, 3, 9}));
  EXPECT_FALSE(is_idx(Bytes{0, 0, 10, 3}));
  EXPECT_FALSE(is_idx(Bytes{0, 0, 8, 0}));
  EXPECT_FALSE(is_idx(Bytes{0, 0, 8, 9}));
  EXPECT_FALSE(is_idx(Bytes{0, 1, 8, 3}));
  EXPECT_FALSE(is_idx(Bytes{0, 0, 8}));
}

TEST(Idx, ReadsFashionMnist) {
  const std::string folder = "/usr/share/datasets/fashion-mnist/";
  const auto read_file = [&](const std::string& name) {
    std::ifstream file(folder + name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  };
  const Bytes images = read_file("t10k-images-idx3-ubyte.gz");
  if (images.empty()) GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  const Read read = read_images(images);
  EXPECT_EQ(read.images.size(), 10000U);
  EXPECT_EQ(read.layout.width, 28);
  EXPECT_EQ(read_labels(read_file("t10k-labels-idx1-ubyte.gz")).values[0], 9);
}

}  // namespace
}  // namespace convoy
