// lib/shards/dataset: shards opened together are one array of records, with their pixels.
#include "lib/shards/dataset.h"

#include <gtest/gtest.h>

#include <fstream>

#include "formats/jpeg.h"
#include "tests/support/error_message.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::numbered_record;
using test::numbered_records;
using test::small_info;
using test::write_shard;

const DamageHandler kNoDamage = [](const Damage& damage) { ADD_FAILURE() << damage.where(); };

class Datasets : public ::testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::vector<std::uint8_t> scratch_;
};

TEST_F(Datasets, IsOneArrayOfAllRecords) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  std::vector<std::string> paths;
  std::uint64_t first = 0;
  for (const std::uint64_t count : {0, 4, 0, 0, 1, 9, 0}) {
    paths.push_back(folder_ / ("s" + std::to_string(paths.size())));
    write_shard(paths.back(), info, numbered_records(info, first, count), 300);
    first += count;
  }
  const Dataset data(paths, kNoDamage);
  EXPECT_EQ(data.info(), info);
  ASSERT_EQ(data.size(), 14U);
  for (std::uint64_t i = 0; i < data.size(); ++i) {
    const ShardRecord expected = numbered_record(info, i);
    EXPECT_EQ(data.record(i).label, expected.label);
    EXPECT_EQ(data.record(i).name, expected.name);
    const auto pixels = data.pixels(i, scratch_);
    EXPECT_EQ(std::vector(pixels.begin(), pixels.end()), expected.payload);
    EXPECT_EQ(pixels.data(), data.record(i).payload.data()) << "copied";
  }
  EXPECT_EQ(data.place(4), paths[4] + ": record 0 (record4)");
  EXPECT_EQ(data.place(13), paths[5] + ": record 8 (record13)");
}

// Else a large class table would be there as often as there are shards.
TEST_F(Datasets, ShardsHoldTheirMetadataTogether) {
  const std::vector<std::string> paths = {folder_ / "a", folder_ / "b", folder_ / "c"};
  write_shard(paths[0], small_info(8, 8, 3, 3), {});
  write_shard(paths[1], small_info(8, 8, 3, 3), {});
  write_shard(paths[2], small_info(8, 8, 3, 3, Codec::jpeg), {});
  const Dataset data(paths, kNoDamage);
  EXPECT_EQ(&data.shards()[1].info(), &data.shards()[0].info());
  EXPECT_EQ(data.shards()[2].info().codec, Codec::jpeg);
}

TEST_F(Datasets, RefusesMetadataBeyondTheMemory) {
  const std::string path = folder_ / "a";
  write_shard(path, small_info(8, 8, 3, 5000), {});
  const MemoryLimit limit{.bytes = std::uint64_t{2} << 20, .source = "--max-memory"};
  const std::string error = test::error_of([&] { const Dataset data({path}, kNoDamage, limit); });
  EXPECT_NE(error.find("a: metadata of "), std::string::npos) << error;
  EXPECT_NE(error.find("the limit is 2.0 MiB (--max-memory)"), std::string::npos) << error;
  const MemoryLimit enough{.bytes = std::uint64_t{8} << 20, .source = "--max-memory"};
  EXPECT_EQ(Dataset({path}, kNoDamage, enough).info().classes.size(), 5000U);
}

TEST_F(Datasets, RefusesShardsThatDoNotGoTogether) {
  const std::string a = folder_ / "a";
  const std::string b = folder_ / "b";
  const DatasetInfo info = small_info(7, 5, 3, 3);
  write_shard(a, info, {});
  const auto error_with = [&](const DatasetInfo& other) {
    write_shard(b, other, {});
    return test::error_of([&] { const Dataset data({a, b}, kNoDamage); });
  };
  EXPECT_EQ(error_with(small_info(7, 5, 3, 4)), b + ": does not go with " + a + ": 4 classes against 3");
  EXPECT_EQ(error_with(small_info(7, 5, 1, 3)), b + ": does not go with " + a + ": size 7x5x1 against 7x5x3");
  DatasetInfo other = info;
  other.preprocessing.size = 5;
  EXPECT_NE(error_with(other).find("preprocessing"), std::string::npos);
  EXPECT_EQ(error_with(small_info(7, 5, 3, 3, Codec::jpeg)), "");
}

TEST_F(Datasets, ChecksPayloadsWhenTheyAreRead) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const std::string path = folder_ / "x";
  write_shard(path, info, numbered_records(info, 0, 3));
  std::uint64_t offset = 0;
  {
    const Dataset data({path}, kNoDamage);
    offset = data.record(1).offset;
  }
  auto bytes = test::bytes_of_file(path);
  bytes[offset + 50] ^= 1;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const Dataset data({path}, kNoDamage);
  EXPECT_EQ(data.size(), 3U);
  EXPECT_EQ(data.pixels(0, scratch_).size(), 105U);
  EXPECT_EQ(test::error_of([&] { static_cast<void>(data.pixels(1, scratch_)); }),
            path + ": record 1 (record1): offset " + std::to_string(offset) + ": payload checksum mismatch");
  EXPECT_EQ(data.pixels(2, scratch_).size(), 105U);
}

// Smooth colours, which JPEG preserves well.
Image ramp(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        image.pixels.push_back(static_cast<std::uint8_t>(60 + 3 * x + 2 * y + 20 * c));
      }
    }
  }
  return image;
}

TEST_F(Datasets, DecodesJpegPayloads) {
  const DatasetInfo info = small_info(32, 24, 3, 2, Codec::jpeg);
  const std::string path = folder_ / "x";
  const Image color = ramp(32, 24, 3);
  write_shard(path, info,
              {{0, "color", encode_jpeg(color, 95)},
               {1, "gray", encode_jpeg(ramp(32, 24, 1), 95)},
               {1, "small", encode_jpeg(ramp(16, 24, 3), 95)},
               {1, "no image", {1, 2, 3}}});
  const Dataset data({path}, kNoDamage);
  const auto pixels = data.pixels(0, scratch_);
  ASSERT_EQ(pixels.size(), color.pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) ASSERT_NEAR(pixels[i], color.pixels[i], 8) << i;
  // Gray is RGB with equal values.
  const auto gray = data.pixels(1, scratch_);
  ASSERT_EQ(gray.size(), color.pixels.size());
  for (std::size_t i = 0; i < gray.size(); i += 3) {
    ASSERT_EQ(gray[i], gray[i + 1]);
    ASSERT_EQ(gray[i], gray[i + 2]);
    ASSERT_NEAR(gray[i], ramp(32, 24, 1).pixels[i / 3], 8) << i;
  }
  EXPECT_EQ(test::error_of([&] { static_cast<void>(data.pixels(2, scratch_)); }),
            path + ": record 2 (small): JPEG of 16x24 in a data set of 32x24");
  EXPECT_EQ(test::error_of([&] {
              static_cast<void>(data.pixels(3, scratch_));
            }).find(path + ": record 3 (no image): "),
            0U);
}

TEST_F(Datasets, RefusesColourAmongGrayImages) {
  const std::string path = folder_ / "x";
  write_shard(path, small_info(32, 24, 1, 2, Codec::jpeg), {{0, "color", encode_jpeg(ramp(32, 24, 3), 95)}});
  const Dataset data({path}, kNoDamage);
  EXPECT_EQ(test::error_of([&] { static_cast<void>(data.pixels(0, scratch_)); }),
            path + ": record 0 (color): JPEG in colour in a data set of gray images");
}

TEST_F(Datasets, AnotherJpegSizeCannotMakeItAllocate) {
  const std::string path = folder_ / "x";
  write_shard(path, small_info(8, 8, 3, 2, Codec::jpeg), {{0, "large", encode_jpeg(ramp(640, 480, 3), 50)}});
  const Dataset data({path}, kNoDamage);
  EXPECT_NE(test::error_of([&] { static_cast<void>(data.pixels(0, scratch_)); }), "");
}

}  // namespace
}  // namespace convoy
