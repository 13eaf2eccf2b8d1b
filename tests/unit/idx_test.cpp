// formats/idx: sizes against the header, matching pairs, gzip.
#include "formats/idx.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

std::string idx(const std::vector<std::uint32_t>& dims, std::size_t values) {
  std::string bytes{0, 0, 8, static_cast<char>(dims.size())};
  for (const std::uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(dim >> shift);
  }
  for (std::size_t i = 0; i < values; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string error_of(const std::string& bytes) {
  return test::error_of([&] { static_cast<void>(parse_idx({bytes.begin(), bytes.end()}, "x")); });
}

class IdxFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  std::string pair_error(const std::string& images, const std::string& labels) {
    return test::error_of(
        [&] { static_cast<void>(read_idx_pair(write("i", images), write("l", labels), {})); });
  }
  test::TemporaryFolder folder_;
};

TEST(Idx, ChecksEverySize) {
  EXPECT_EQ(error_of(idx({2, 3}, 6)), "");
  EXPECT_EQ(error_of("\x89PNG"), "x: offset 0: not an IDX file: it does not begin with two zero bytes");
  EXPECT_EQ(error_of(""), "x: offset 0: not an IDX file: it does not begin with two zero bytes");
  EXPECT_EQ(error_of({0, 0, 0x0D, 1}), "x: offset 2: IDX type 13 is not 8, unsigned byte");
  EXPECT_EQ(error_of({0, 0, 8, 0}), "x: offset 3: 0 dimensions are not from 1 to 8");
  EXPECT_EQ(error_of({0, 0, 8, 9}), "x: offset 3: 9 dimensions are not from 1 to 8");
  EXPECT_EQ(error_of({0, 0, 8, 1, 0, 0, 0}), "x: offset 7: the file ends in its header");
  EXPECT_EQ(error_of(idx({2, 3}, 5)), "x: offset 17: the header promises 6 values, the file has 5");
  EXPECT_EQ(error_of(idx({2, 3}, 7)), "x: offset 18: the header promises 6 values, the file has 7");
  EXPECT_EQ(error_of(idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, 1)), "x: offset 8: dimensions too large");
}

TEST_F(IdxFiles, APairGivesImages) {
  const IdxPair pair = read_idx_pair(write("i", idx({3, 2, 4}, 24)), write("l", idx({3}, 3)), {});
  EXPECT_EQ(pair.count, 3U);
  const Image image = pair.image(2);
  EXPECT_EQ(image.width, 4);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(pair.labels, (std::vector<std::uint8_t>{0, 1, 2}));
}

TEST_F(IdxFiles, APairFits) {
  EXPECT_NE(pair_error(idx({3, 2, 4}, 24), idx({2}, 2)).find("2 labels for the 3 images"), std::string::npos);
  EXPECT_NE(pair_error(idx({3}, 3), idx({3}, 3)).find("not images"), std::string::npos);
  EXPECT_NE(pair_error(idx({3, 2, 4}, 24), idx({3, 1}, 3)).find("not labels"), std::string::npos);
  EXPECT_NE(pair_error(idx({3, 2, 4, 2}, 48), idx({3}, 3)).find("not images"), std::string::npos);
  EXPECT_NE(pair_error(idx({3, 0, 4}, 0), idx({3}, 3)).find("empty image"), std::string::npos);
  EXPECT_EQ(pair_error(idx({3, 2, 4, 3}, 72), idx({3}, 3)), "");
}

TEST_F(IdxFiles, ReadsFashionMnist) {
  const std::string images = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
  if (!std::ifstream(images)) GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  const IdxPair pair =
      read_idx_pair(images, "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz", {});
  EXPECT_EQ(pair.count, 10000U);
  EXPECT_EQ(pair.width, 28);
  EXPECT_EQ(pair.labels[0], 9);
}

}  // namespace
}  // namespace convoy
