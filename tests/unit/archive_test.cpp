// formats/archive: tar with every compression, in order, and reported damage.
#include "formats/archive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "formats/image_stream.h"
#include "lib/base/error.h"
#include "tests/support/archives.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::error_of;
using test::make_tar;
using test::pack;
using test::Packing;
using Bytes = std::vector<std::uint8_t>;

constexpr std::array kPackings = {Packing::plain, Packing::gzip, Packing::zstd, Packing::bzip2, Packing::xz};

Bytes content_of(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  std::uint32_t state = seed;
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

const std::vector<std::pair<std::string, Bytes>>& files() {
  static const std::vector<std::pair<std::string, Bytes>> all = {{"./folder/", {}},
                                                                 {"./folder/a", content_of(1000, 1)},
                                                                 {"empty", {}},
                                                                 {"folder/b", content_of(200000, 2)},
                                                                 {"c", content_of(512, 3)}};
  return all;
}

std::vector<std::pair<std::string, Bytes>> read_back(const Bytes& bytes) {
  MemorySource source(bytes);
  ArchiveReader reader(source, "x.tar");
  std::vector<std::pair<std::string, Bytes>> result;
  while (const auto member = reader.next()) {
    result.emplace_back(member->path, read_all(reader.content(), member->path, 1 << 20));
  }
  return result;
}

TEST(Archive, ReadsEveryPackingAndDialect) {
  const std::vector<std::pair<std::string, Bytes>> expected = {{"folder/a", content_of(1000, 1)},
                                                               {"empty", {}},
                                                               {"folder/b", content_of(200000, 2)},
                                                               {"c", content_of(512, 3)}};
  for (const Packing packing : kPackings) {
    for (const std::string format : {"ustar", "gnutar", "pax", "v7tar"}) {
      const Bytes bytes = make_tar(files(), packing, format);
      const auto kind = detect_content(bytes);
      EXPECT_EQ(kind, packing == Packing::plain ? ContentKind::tar : ContentKind::compressed) << format;
      EXPECT_EQ(read_back(bytes), expected) << format;
    }
  }
}

TEST(Archive, ReadsNamesOutsideAscii) {
  const std::string name = "k\xC3\xA4tzchen/\xE7\x8C\xAB.png";
  for (const std::string format : {"ustar", "gnutar", "pax"}) {
    const auto back = read_back(make_tar({{name, content_of(10, 1)}}, Packing::plain, format));
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(back[0].first, name) << format;
  }
}

TEST(Archive, MembersMayBeLeftUnread) {
  const Bytes bytes = make_tar(files());
  MemorySource source(bytes);
  ArchiveReader reader(source, "x.tar");
  std::vector<std::string> names;
  while (const auto member = reader.next()) {
    names.push_back(member->path);
    static_cast<void>(reader.content().peek(10));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"folder/a", "empty", "folder/b", "c"}));
}

TEST(Archive, ConcatenatedArchivesAreOne) {
  Bytes two = make_tar({{"a", content_of(10, 1)}});
  const Bytes second = make_tar({{"b", content_of(20, 2)}});
  two.insert(two.end(), second.begin(), second.end());
  EXPECT_EQ(read_back(two).size(), 2U);
}

TEST(Archive, ACutIsSaid) {
  const Bytes whole = make_tar(files());
  // A tar ends in empty blocks, which may be missing.
  const std::size_t used = 512 * (2 + 2 + 1 + 1 + 1 + 391 + 1 + 1);
  int said = 0;
  for (std::size_t length = 513; length < used; length += 9973) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    try {
      EXPECT_LT(read_back(cut).size(), 4U) << length;
    } catch (const Error& error) {
      ++said;
      EXPECT_TRUE(std::string(error.what()).starts_with("x.tar: ")) << error.what();
    }
  }
  EXPECT_GT(said, 18);
}

// A disk that cannot be read any further.
class FailingSource : public ByteSource {
 public:
  explicit FailingSource(std::span<const std::uint8_t> bytes) : readable_(bytes) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    if (readable_.empty()) throw Error("disk", "read failed");
    const std::size_t got = std::min(into.size(), readable_.size());
    std::ranges::copy(std::as_bytes(readable_.first(got)), into.begin());
    readable_ = readable_.subspan(got);
    return got;
  }

 private:
  std::span<const std::uint8_t> readable_;
};

TEST(Archive, AFailureToReadIsNoEnd) {
  for (const Packing packing : kPackings) {
    const Bytes whole = make_tar(files(), packing);
    // The blocks at the end of a tar need not be read, nor the sums of compressed data.
    const std::size_t needed =
        packing == Packing::plain ? 512 * (2 + 2 + 1 + 1 + 1 + 391) : whole.size() * 9 / 10;
    for (std::size_t length = 0; length < needed; length += needed / 40) {
      FailingSource source(std::span<const std::uint8_t>(whole).first(length));
      const auto read = [&] {
        ArchiveReader reader(source, "x.tar");
        while (reader.next()) static_cast<void>(read_all(reader.content(), "member", 1 << 20));
      };
      EXPECT_EQ(error_of(read), "disk: read failed") << static_cast<int>(packing) << ", " << length;
    }
  }
}

TEST(Archive, FlippedBytesDoNoHarm) {
  const Bytes whole = make_tar({{"a", content_of(300, 1)}, {"b", content_of(700, 2)}}, Packing::gzip);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes flipped = whole;
    flipped[at] ^= 0x55;
    try {
      static_cast<void>(read_back(flipped));
    } catch (const Error&) {
      continue;
    }
  }
}

TEST(Archive, CompressedFilesUnpack) {
  const Bytes content = content_of(5000, 9);
  for (const Packing packing : kPackings) {
    if (packing == Packing::plain) continue;
    const Bytes packed = pack(content, packing);
    EXPECT_EQ(decompress(packed, "x", 5000), content);
    EXPECT_THROW(static_cast<void>(decompress(packed, "x", 4999)), Error);
    MemorySource source(packed);
    EXPECT_TRUE(ArchiveReader(source, "x").is_plain());
    const Bytes cut(packed.begin(), packed.end() - 20);
    EXPECT_THROW(static_cast<void>(decompress(cut, "x", 5000)), Error);
  }
  EXPECT_THROW(static_cast<void>(decompress(make_tar(files(), Packing::gzip), "x", 1 << 20)), Error);
}

// A compression bomb is not unpacked to the end.
TEST(Archive, BombsAreLimited) {
  const Bytes packed = pack(Bytes(std::size_t{8} << 20, 0), Packing::gzip);
  EXPECT_LT(packed.size(), std::size_t{1} << 20);
  EXPECT_THROW(static_cast<void>(decompress(packed, "x", 1 << 20)), Error);
}

}  // namespace
}  // namespace convoy
