// formats/image_end, formats/range_crc: streams that lead a splitter astray. The work is counted at n and 2n
// bytes.
#include "formats/image_end.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "formats/image_stream.h"
#include "formats/png.h"
#include "formats/range_crc.h"
#include "tests/support/images.h"

namespace convoy {
namespace {

using Bytes = std::vector<std::uint8_t>;

class SteppedSource : public ByteSource {
 public:
  SteppedSource(Bytes bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t got = std::min({step_, into.size(), bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), got,
                reinterpret_cast<std::uint8_t*>(into.data()));
    at_ += got;
    return got;
  }

 private:
  Bytes bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
};

void add(Bytes& bytes, std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }

void add_32(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

void add_segment(Bytes& bytes, std::uint8_t marker, std::size_t length) {
  bytes.insert(bytes.end(),
               {0xFF, marker, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
}

void add_chunk(Bytes& bytes, std::string_view type, std::string_view data) {
  add_32(bytes, static_cast<std::uint32_t>(data.size()));
  const std::size_t at = bytes.size();
  add(bytes, type);
  add(bytes, data);
  add_32(bytes, static_cast<std::uint32_t>(::crc32_z(0, bytes.data() + at, bytes.size() - at)));
}

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kJpeg("\xff\xd8", 2);

struct Trap {
  std::string name;
  Bytes (*make)(std::size_t bytes);
};

// A part again and again, until there are so many bytes.
template <typename Part>
Bytes repeated(std::size_t bytes, Part&& part) {
  Bytes all;
  while (all.size() < bytes) part(all);
  return all;
}

const std::vector<Trap>& traps() {
  static const std::vector<Trap> all = {
      {"PNG chunks longer than the input",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           add(b, kPng);
           add_32(b, 200'000'000);
           add(b, "IHDR");
         });
       }},
      {"PNG chunks of half the input, with wrong checksums",
       [](std::size_t n) {
         return repeated(n, [n](Bytes& b) {
           add(b, kPng);
           add_32(b, static_cast<std::uint32_t>(n / 2));
           add(b, "IDAT");
         });
       }},
      {"a row of right PNG chunks without end, full of signatures that lead into it",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           std::string data(kPng);
           data += std::string("\0\0\0\4tEXt", 8);  // ends with the chunk
           add_chunk(b, "tEXt", data);
         });
       }},
      {"PNG chunks with right checksums and a wrong successor",
       [](std::size_t n) {
         Bytes inner = repeated(n, [](Bytes& b) {
           add(b, kPng);
           add_chunk(b, "IDAT", std::string(3000, 'x'));
         });
         return inner;
       }},
      {"JPEG segments that never end",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           add(b, kJpeg);
           add_segment(b, 0xE0, 4);
           add_segment(b, 0xE1, 0x4000);
         });
       }},
      {"a row of JPEG segments without end, each with the beginning of a JPEG",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           add_segment(b, 0xE1, 8);
           add(b, kJpeg);
           add_segment(b, 0xE1, 2);
         });
       }},
      {"the same after scans",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           add_segment(b, 0xDA, 12);
           add(b, kJpeg);
           add_segment(b, 0xDA, 2);
           add_segment(b, 0xE1, 2);
         });
       }},
      {"JPEGs that lead into one long scan at different places",
       [](std::size_t n) {
         Bytes b;
         for (std::size_t i = 0; b.size() < n / 2; ++i) {
           add(b, kJpeg);
           add_segment(b, 0xE1, std::min<std::size_t>(n / 2 - b.size() + 5 * (i % 97) + 2, 0xFFFF));
         }
         b.resize(n, 'x');
         return b;
       }},
      {"the same backwards, into a row of stuffed bytes",
       [](std::size_t n) {
         Bytes b;
         while (b.size() < n / 2) {
           add(b, kJpeg);
           add_segment(b, 0xE1, std::min<std::size_t>(2 * (n / 2 - b.size()), 0xFFFF));
         }
         while (b.size() < n) b.insert(b.end(), {0xFF, 0});
         return b;
       }},
      {"either kind by turns, with marks of other formats",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) {
           add(b, kJpeg);
           add_segment(b, 0xE2, 0x7000);
           add(b, std::string_view("MPF\0II*\0\x08\0\0\0\xff\xff", 14));
           add(b, kPng);
           add_32(b, 70'000);
           add(b, "eXIf");
           add(b, "\x1f\x8b\x08");
           add(b, std::string_view("\0\0\0\x20"
                                   "ftypheic",
                                   12));
         });
       }},
      {"smallest JPEGs with a byte between them",
       [](std::size_t n) {
         return repeated(n, [](Bytes& b) { b.insert(b.end(), {0xFF, 0xD8, 0xFF, 0xD9, 'x'}); });
       }},
  };
  return all;
}

struct Work {
  std::uint64_t steps = 0;
  std::uint64_t moved = 0;
  std::uint64_t given = 0;  // bytes of all pieces
};

Work work_of(const Bytes& bytes, std::size_t step) {
  SteppedSource source(bytes, step);
  ImageSplitter splitter(source);
  Work work;
  while (const auto piece = splitter.next()) work.given += piece->bytes.size();
  work.steps = splitter.steps();
  work.moved = source.moved();
  return work;
}

TEST(ImageEnd, NoSignatureCostsMoreThanItsShareOfTheInput) {
  constexpr std::size_t kBytes = std::size_t{1} << 17;
  for (const Trap& trap : traps()) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{1} << 20}) {
      const Work once = work_of(trap.make(kBytes), step);
      const Work twice = work_of(trap.make(2 * kBytes), step);
      EXPECT_LT(twice.steps, 3 * once.steps) << trap.name << ", " << once.steps << " and " << twice.steps;
      EXPECT_LE(once.moved, 8 * kBytes) << trap.name;
      EXPECT_LE(twice.moved, 16 * kBytes) << trap.name;
      EXPECT_LE(twice.given, 3 * kBytes) << trap.name;
    }
  }
}

// What is said of an input does not depend on what was remembered of it: the beginnings are named one by one.
TEST(ImageEnd, AnImageBehindTrapsIsFound) {
  const Bytes image = encode_png(test::smooth_image(5, 5, 1));
  for (const Trap& trap : traps()) {
    Bytes bytes = trap.make(20000);
    bytes.insert(bytes.end(), image.begin(), image.end());
    SteppedSource source(bytes, 1000);
    ImageSplitter splitter(source);
    Bytes last;
    while (auto piece = splitter.next()) last = std::move(piece->bytes);
    EXPECT_EQ(last, image) << trap.name;
  }
}

// Once the input has ended, no look for more moves what is there.
TEST(ByteSource, ASmallStepAfterALargeLookMovesNothing) {
  SteppedSource source(Bytes(1 << 20, 'x'), 1000);
  EXPECT_EQ(source.peek(std::size_t{200} << 20).size(), std::size_t{1} << 20);
  const std::uint64_t before = source.moved();
  while (!source.peek(std::size_t{200} << 20).empty()) source.take(16);
  EXPECT_EQ(source.moved(), before);
}

TEST(RangeCrc, IsThatOfTheBytes) {
  std::mt19937_64 random(7);
  Bytes bytes(60000);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  RangeCrc sums;
  std::size_t offset = 0;
  while (offset < 50000) {
    const std::span<const std::uint8_t> there = std::span(bytes).subspan(offset);
    const std::size_t from = random() % 100;
    const std::size_t to = from + random() % (there.size() - from);
    EXPECT_EQ(sums.of(there, offset, from, to), ::crc32_z(0, there.data() + from, to - from));
    offset += random() % 900;
  }
}

TEST(OffsetSet, HoldsRangesAndForgets) {
  OffsetSet set;
  set.add(10, 12);
  set.add(100, 101);
  EXPECT_TRUE(set.has(10) && set.has(11) && set.has(100));
  EXPECT_FALSE(set.has(9) || set.has(12) || set.has(101));
  EXPECT_EQ(set.first(12, 1000), 100U);
  EXPECT_EQ(set.first(12, 50), 50U);
  set.forget_before(90);
  EXPECT_TRUE(set.has(100));
  EXPECT_FALSE(set.has(10));
  set.forget_before(200);
  EXPECT_FALSE(set.reaches(200));
  set.add(150, 210);
  EXPECT_TRUE(set.has(209));
}

}  // namespace
}  // namespace convoy
