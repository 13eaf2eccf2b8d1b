// formats/tar_blocks, formats/unpacked: archives that make libarchive work out of proportion.
#include "formats/tar_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "formats/archive.h"
#include "formats/archive_handle.h"
#include "formats/unpacked.h"
#include "lib/base/error.h"
#include "tests/support/archives.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kBlock = 512;

// Gives `step` bytes at a time.
class SteppedSource : public ByteSource {
 public:
  SteppedSource(const Bytes& bytes, std::size_t step) : rest_(bytes), step_(step) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t got = std::min({step_, into.size(), rest_.size()});
    std::ranges::copy(std::as_bytes(rest_.first(got)), into.begin());
    rest_ = rest_.subspan(got);
    return got;
  }

 private:
  std::span<const std::uint8_t> rest_;
  std::size_t step_;
};

void put(Bytes& bytes, std::size_t at, std::string_view text) {
  std::ranges::copy(text, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string octal(std::uint64_t number, std::size_t digits) {
  std::string text;
  for (; digits > 0; --digits, number /= 8) text.insert(text.begin(), static_cast<char>('0' + number % 8));
  return text;
}

// Appends a header and its body, padded.
void add_member(Bytes& tar, std::string_view name, char type, std::string_view body) {
  Bytes header(kBlock);
  put(header, 0, name);
  put(header, 100, "0000644");
  put(header, 124, octal(body.size(), 11));
  put(header, 148, "        ");
  header[156] = static_cast<std::uint8_t>(type);
  put(header, 257, "ustar");
  put(header, 263, "00");
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : header) sum += byte;
  put(header, 148, octal(sum, 6) + '\0');
  tar.insert(tar.end(), header.begin(), header.end());
  tar.insert(tar.end(), body.begin(), body.end());
  tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock);
}

std::string record(const std::string& key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

std::string list_of(int users) {
  std::string list;
  for (int i = 0; i < users; ++i) list += (i == 0 ? "user:u" : ",user:u") + std::to_string(i) + ":r--";
  return list;
}

// An archive of one file, whose extended header has the records.
Bytes tar_with(const std::string& records, char type = 'x') {
  Bytes tar;
  add_member(tar, "header", type, records);
  add_member(tar, "short", '0', "content");
  tar.resize(tar.size() + 2 * kBlock);
  return tar;
}

// The entries of access control lists that libarchive makes, each of which it compares with all before it.
int list_entries(const Bytes& tar, bool as_they_are, std::size_t step = 1 << 16) {
  SteppedSource source(tar, step);
  ArchiveHandle handle(source, "x", {archive_read_support_format_tar});
  if (as_they_are) handle.blocks().leave_as_they_are();
  handle.check(archive_read_open1(handle.get()));
  archive_entry* const entry = handle.read_header();
  EXPECT_NE(entry, nullptr);
  if (entry == nullptr) return -1;
  return archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS | ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) +
         archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_NFS4);
}

TEST(TarBlocks, NoListReachesLibarchive) {
  for (const int users : {100, 200}) {
    const Bytes access = tar_with(record("mtime", "1") + record("SCHILY.acl.access", list_of(users)));
    EXPECT_GE(list_entries(access, true), users) << "without the blocks";
    EXPECT_EQ(list_entries(access, false), 0);
    const Bytes both = tar_with(record("SCHILY.acl.default", list_of(users)) + record("path", "long") +
                                record("SCHILY.acl.access", list_of(users)));
    EXPECT_EQ(list_entries(both, false), 0);
    const Bytes ace = tar_with(
        record("SCHILY.acl.ace", "user:u:r-------------:-------:allow,user:v:r-------------:-------:allow"));
    EXPECT_EQ(list_entries(ace, true), 2);
    EXPECT_EQ(list_entries(ace, false), 0);
    const Bytes solaris = tar_with("1000001" + std::string(1, '\0') + list_of(users), 'A');
    EXPECT_GE(list_entries(solaris, true), users);
    EXPECT_EQ(list_entries(solaris, false), 0);
  }
}

TEST(TarBlocks, EveryStepGivesTheSame) {
  const Bytes tar = tar_with(record("SCHILY.acl.access", list_of(300)) + record("path", "a/long name"));
  for (const std::size_t step : {1, 7, 511, 512, 513, 1024, 5000}) {
    EXPECT_EQ(list_entries(tar, false, step), 0) << step;
    SteppedSource source(tar, step);
    ArchiveReader reader(source, "x");
    const auto entry = reader.next();
    ASSERT_TRUE(entry) << step;
    EXPECT_EQ(entry->path, "a/long name") << step;
    const Bytes content = read_all(reader.content(), "x", 100);
    EXPECT_EQ(std::string(content.begin(), content.end()), "content") << step;
    EXPECT_FALSE(reader.next()) << step;
  }
}

TEST(TarBlocks, OtherBytesStayAsTheyAre) {
  // Records outside an extended header, in one whose records are broken, and behind a false checksum.
  const std::string records = record("SCHILY.acl.access", "user:a:r--");
  Bytes tar;
  add_member(tar, "file", '0', records);
  add_member(tar, "value", 'x', record("comment", records));
  add_member(tar, "broken", 'x', "7 " + records);
  add_member(tar, "false", 'x', records);
  tar[tar.size() - 2 * kBlock + 150] = '7';
  tar.resize(tar.size() + 100, 'z');
  for (const std::size_t step : {1, 512, 4096}) {
    SteppedSource source(tar, step);
    TarBlocks blocks(source);
    Bytes given;
    for (auto block = blocks.next(); !block.empty(); block = blocks.next()) {
      given.insert(given.end(), block.begin(), block.end());
    }
    EXPECT_EQ(given, tar) << step;
    EXPECT_EQ(blocks.given(), tar.size());
  }
}

TEST(TarBlocks, SkippedBytesKeepTheBlocksInStep) {
  Bytes tar(3 * kBlock, 'z');
  add_member(tar, "x", 'x', record("SCHILY.acl.access", list_of(3)));
  SteppedSource source(tar, kBlock);
  TarBlocks blocks(source);
  EXPECT_EQ(blocks.next().size(), kBlock);
  EXPECT_EQ(blocks.skip(kBlock + 100), kBlock + 100);
  std::string given;
  for (auto block = blocks.next(); !block.empty(); block = blocks.next()) {
    given += as_text(std::as_bytes(block));
  }
  EXPECT_EQ(given.size(), tar.size() - 2 * kBlock - 100);
  EXPECT_NE(given.find(" -CHILY.acl.access="), std::string::npos);
}

// `times` frames that unpack to 8 MiB of zeros each.
Bytes zeros(test::Packing packing, int times) {
  const Bytes one = test::pack(Bytes(std::size_t{8} << 20, 0), packing);
  Bytes all;
  for (int i = 0; i < times; ++i) all.insert(all.end(), one.begin(), one.end());
  return all;
}

// The bytes that are unpacked before it ends, with or without an error.
std::uint64_t unpacked_of(const Bytes& packed, std::string& error) {
  MemorySource source(packed);
  std::uint64_t unpacked = 0;
  error = test::error_of([&] {
    Unpacked bytes(source, "x");
    for (auto there = bytes.peek(1); !there.empty(); there = bytes.peek(1)) {
      unpacked += there.size();
      bytes.take(there.size());
    }
  });
  return unpacked;
}

TEST(Unpacked, ABombIsNotUnpackedToTheEnd) {
  std::string error;
  for (const int times : {100, 200}) {
    const Bytes zstd = zeros(test::Packing::zstd, times);
    EXPECT_LT(unpacked_of(zstd, error), kAlwaysUnpacked + kMostUnpackedPerByte * zstd.size()) << times;
    EXPECT_EQ(error, "x: unpacks to more than 1100 times its size, which is not read");
    EXPECT_LT(unpacked_of(test::pack(zeros(test::Packing::gzip, times), test::Packing::gzip), error),
              2 * kAlwaysUnpacked)
        << times;
    EXPECT_EQ(error, "x: unpacks to more than 1100 times its size, which is not read");
  }
}

TEST(Unpacked, WhatDeflateCanReachIsRead) {
  std::string error;
  EXPECT_EQ(unpacked_of(zeros(test::Packing::gzip, 40), error), std::uint64_t{40} << 23);
  EXPECT_EQ(error, "");
  EXPECT_EQ(unpacked_of(zeros(test::Packing::zstd, 20), error), std::uint64_t{20} << 23);
  EXPECT_EQ(error, "");
}

}  // namespace
}  // namespace convoy
