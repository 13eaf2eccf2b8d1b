// formats/shard: what the readers return and report if bytes are cut, changed, removed, added or forged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "formats/shard.h"
#include "formats/shard_layout.h"
#include "formats/shard_walk.h"
#include "tests/support/shard_bytes.h"

namespace convoy {
namespace {

using test::Bytes;
using test::documented_chunks;
using test::DocumentedChunk;
using test::DocumentedRecord;
using test::Fifo;
using test::joined;
using test::little_endian;
using test::numbered_records;
using test::padding_of;
using test::put_u64;
using test::read_stream;
using test::ReadResult;
using test::seal;
using test::small_info;
using test::operator+;  // NOLINT(misc-unused-using-decls): used as an operator

class ShardDamage : public test::ShardTest {};

// The seed of a random test. It is printed, and can be set by CONVOY_TEST_SEED to repeat or vary a run.
std::uint64_t test_seed() {
  const char* given = std::getenv("CONVOY_TEST_SEED");
  const std::uint64_t seed = given == nullptr ? 20260101 : std::strtoull(given, nullptr, 10);
  std::printf("CONVOY_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

TEST_F(ShardDamage, CutAtEveryByteGivesTheWholeRecordsBefore) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 5);
  const Bytes whole = make(info, {records.begin(), records.begin() + 3}, 320) +
                      make(info, {records.begin() + 3, records.end()});
  const auto chunks = documented_chunks(whole);
  ASSERT_EQ(chunks.size(), 5U);
  for (std::uint64_t cut = 0; cut < whole.size(); ++cut) {
    const ReadResult result = read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)});
    std::vector<ShardRecord> expected;
    bool any_chunk = false;
    bool complete = false;  // cut at the end of a stream, which looks like a whole file
    std::size_t next = 0;
    for (const DocumentedChunk& chunk : chunks) {
      if (chunk.kind == 2) complete = complete || cut == chunk.offset + chunk.length;
      const bool table = cut >= chunk.offset + chunk.payload_offset;
      any_chunk = any_chunk || table;
      for (const DocumentedRecord& record : chunk.records) {
        if (table && record.offset + record.length <= cut) expected.push_back(records[next]);
        ++next;
      }
    }
    ASSERT_EQ(result.error.empty(), any_chunk) << cut;
    if (!any_chunk) continue;
    ASSERT_TRUE(result.records == expected) << cut;
    ASSERT_EQ(result.damage.empty(), complete) << cut;
    if (complete) continue;
    // The last message is about the end of the input.
    const std::string& last = result.damage.back();
    const std::uint64_t place = std::stoull(last.substr(last.find("offset ") + 7));
    ASSERT_LE(place, cut) << last;
    ASSERT_GT(place + 8192, cut) << last;
  }
}

TEST_F(ShardDamage, EveryChangedByteCostsAtMostItsRecordOrChunk) {
  std::mt19937_64 random(test_seed());
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 5);
  const Bytes whole = make(info, {records.begin(), records.begin() + 3}, 320) +
                      make(info, {records.begin() + 3, records.end()});
  const auto chunks = documented_chunks(whole);
  const auto padding = padding_of(whole);
  for (std::uint64_t at = 0; at < whole.size(); ++at) {
    Bytes changed = whole;
    changed[at] ^= static_cast<std::uint8_t>(1 + random() % 255);
    const ReadResult result = read(changed);
    ASSERT_EQ(result.error, "") << at;
    std::vector<ShardRecord> expected;
    std::size_t next = 0;
    std::string place;  // must be in the message
    for (const DocumentedChunk& chunk : chunks) {
      const bool hit = at >= chunk.offset && at < chunk.offset + chunk.length;
      const bool in_body = hit && at < chunk.offset + chunk.payload_offset;
      if (in_body) place = ": offset " + std::to_string(chunk.offset) + ": ";
      for (const DocumentedRecord& record : chunk.records) {
        const bool in_payload = at >= record.offset && at < record.offset + record.length;
        if (in_payload) {
          place = ": record " + std::to_string(next) + " (" + record.name + "): offset " +
                  std::to_string(record.offset) + ": payload checksum mismatch";
        }
        if (!in_body && !in_payload) expected.push_back(records[next]);
        ++next;
      }
    }
    ASSERT_TRUE(result.records == expected) << at;
    ASSERT_EQ(place.empty(), padding[at]) << at;
    ASSERT_EQ(result.damage.size(), padding[at] ? 0U : 1U) << at << "\n" << joined(result.damage);
    if (!padding[at]) {
      ASSERT_NE(result.damage[0].find(place), std::string::npos) << result.damage[0];
    }
  }
}

TEST_F(ShardDamage, CountsWhatWasLostWithAChunk) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const Bytes whole = make(info, numbered_records(info, 0, 6), 320);
  const auto chunks = documented_chunks(whole);
  ASSERT_EQ(chunks.size(), 4U);
  const auto drop = [&](std::size_t c) {
    Bytes bytes = whole;
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(chunks[c].offset),
                bytes.begin() + static_cast<std::ptrdiff_t>(chunks[c].offset + chunks[c].length));
    return bytes;
  };
  const std::string at = ": offset " + std::to_string(chunks[1].offset) + ": ";
  EXPECT_EQ(joined(read(drop(0)).damage),
            path_ +
                ": offset 0: before this chunk, the start of its stream is missing: 1 chunk with 2 records "
                "lost\n");
  EXPECT_EQ(joined(read(drop(1)).damage), path_ + at + "before this chunk, 1 chunk with 2 records lost\n");
  EXPECT_EQ(joined(read(drop(2)).damage), path_ + ": offset " + std::to_string(chunks[2].offset) +
                                              ": before this chunk, 1 chunk with 2 records lost\n");
  EXPECT_EQ(joined(read(drop(3)).damage), path_ + ": offset " + std::to_string(chunks[3].offset) +
                                              ": input ends without an end chunk: what followed is lost\n");
  Bytes garbled = whole;
  garbled[chunks[1].offset] = 0;
  EXPECT_EQ(joined(read(garbled).damage),
            path_ + at + "no chunk starts here: 8192 bytes skipped to the next " + "chunk at offset " +
                std::to_string(chunks[2].offset) + ": 1 chunk with 2 records lost\n");
}

TEST_F(ShardDamage, TellsHowManyRecordsAreLost) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const Bytes whole =
      make(info, numbered_records(info, 0, 6), 320);  // three chunks of two records, and the end
  const auto chunks = documented_chunks(whole);
  ASSERT_EQ(chunks.size(), 4U);
  const auto begin = whole.begin();
  const auto at = [&](std::size_t c) { return begin + static_cast<std::ptrdiff_t>(chunks[c].offset); };
  const auto expect = [&](const Bytes& bytes, std::uint64_t lost, bool more, const char* what) {
    const ReadResult result = read(bytes);
    EXPECT_EQ(result.lost, lost) << what << "\n" << joined(result.damage);
    EXPECT_EQ(result.more, more) << what << "\n" << joined(result.damage);
  };
  expect(whole, 0, false, "nothing");
  for (const std::size_t c : {0U, 1U, 2U}) {
    Bytes bytes(begin, at(c));
    bytes.insert(bytes.end(), at(c + 1), whole.end());
    expect(bytes, 2, false, "a chunk taken out");
    bytes = whole;
    bytes[chunks[c].offset] = 0;
    expect(bytes, 2, false, "a damaged header");
    bytes = whole;
    bytes[chunks[c].offset + kChunkHeaderBytes] ^= 1;
    expect(bytes, 2, false, "damaged metadata");
  }
  expect(Bytes(begin, at(3)), 0, true, "no end chunk");
  expect(Bytes(begin, at(2)), 0, true, "the last chunk and the end chunk cut off");
  expect(Bytes(begin, at(3) - 4096 + 10), 2, true, "cut in the payloads");
  expect(Bytes(begin, at(3) + 10), 0, true, "cut in the end chunk's header");
  expect(Bytes(begin, at(3) + 200), 0, false, "cut in the end chunk's padding");
}

TEST_F(ShardDamage, NoticesAChunkOfAnotherStream) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  Bytes a = make(info, numbered_records(info, 0, 6), 320);
  const Bytes b = make(info, numbered_records(info, 100, 6), 320);
  const auto chunks = documented_chunks(a);
  // The same counts, sizes and offsets: only the chain of checksums shows the exchange.
  std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(chunks[1].offset), chunks[1].length,
              a.begin() + static_cast<std::ptrdiff_t>(chunks[1].offset));
  const ReadResult result = read(a);
  EXPECT_EQ(result.records.size(), 6U);
  EXPECT_EQ(result.damage.size(), 2U) << joined(result.damage);
}

// Whether `bytes` consists of some of the streams, each whole: nothing then shows that there were others.
// Padding may differ.
bool is_whole_streams(const Bytes& bytes, const std::vector<Bytes>& streams) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto fits = [&](const Bytes& stream) {
      if (stream.size() > bytes.size() - at) return false;
      const auto padding = padding_of(stream);
      for (std::size_t i = 0; i < stream.size(); ++i) {
        if (!padding[i] && stream[i] != bytes[at + i]) return false;
      }
      return true;
    };
    const auto found = std::find_if(streams.begin(), streams.end(), fits);
    if (found == streams.end()) return false;
    at += found->size();
  }
  return true;
}

// Damages the bytes in one random way.
void damage(Bytes& bytes, std::mt19937_64& random) {
  if (bytes.empty()) return;
  // Half of the positions are at the start or end of something.
  const auto place = [&] {
    const std::uint64_t any = random() % bytes.size();
    return static_cast<std::ptrdiff_t>(random() % 2 == 0 ? any : any / 4096 * 4096);
  };
  const auto from = place();
  const auto to = std::min<std::ptrdiff_t>(place() % 20000 + from, std::ssize(bytes));
  const auto begin = bytes.begin();
  switch (random() % 7) {
    case 0:
      bytes.resize(static_cast<std::size_t>(from));
      break;
    case 1:
      bytes.erase(begin + from, begin + to);
      break;
    case 2:
      std::fill(begin + from, begin + to, static_cast<std::uint8_t>(random()));
      break;
    case 3: {
      Bytes more(random() % 10000);
      for (auto& byte : more) byte = static_cast<std::uint8_t>(random());
      bytes.insert(begin + from, more.begin(), more.end());
      break;
    }
    case 4: {
      const Bytes copy(begin + from, begin + to);
      const auto where = place();
      bytes.insert(begin + where, copy.begin(), copy.end());
      break;
    }
    default:
      for (std::uint64_t i = random() % 8 + 1; i > 0; --i) {
        bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
      }
  }
}

TEST_F(ShardDamage, NoAccidentGoesUnnoticed) {
  std::mt19937_64 random(test_seed());
  constexpr int kPool = 12;
  constexpr int kRounds = 2500;
  for (const Codec codec : {Codec::raw, Codec::jpeg}) {
    const DatasetInfo info = small_info(7, 5, 3, 3, codec);
    std::vector<Bytes> streams;
    std::vector<std::vector<ShardRecord>> contents;
    for (int i = 0; i < kPool; ++i) {
      contents.push_back(numbered_records(info, static_cast<std::uint64_t>(i) * 100, random() % 8));
      streams.push_back(make(info, contents.back(), 1 + random() % 1000));
    }
    for (int round = 0; round < kRounds; ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      Bytes bytes;
      std::map<std::string, ShardRecord> written;
      for (std::uint64_t i = random() % 4 + 1; i > 0; --i) {
        const std::size_t which = random() % kPool;
        bytes = bytes + streams[which];
        for (const ShardRecord& record : contents[which]) written[record.name] = record;
      }
      for (std::uint64_t i = random() % 3 + 1; i > 0; --i) damage(bytes, random);
      const ReadResult result = read(bytes);
      if (!result.error.empty()) continue;
      std::map<std::string, ShardRecord> lost = written;
      for (const ShardRecord& record : result.records) {
        ASSERT_TRUE(written.count(record.name) == 1 && written[record.name] == record) << record.name;
        lost.erase(record.name);
      }
      if (result.damage.empty() && !lost.empty()) {
        ASSERT_TRUE(is_whole_streams(bytes, streams)) << lost.begin()->first << " lost without a word";
      }
    }
  }
}

std::uint64_t peak_memory() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
}

TEST_F(ShardDamage, MadeUpHeadersNeitherCrashNorAllocate) {
  std::mt19937_64 random(test_seed());
  const DatasetInfo info = small_info(7, 5, 3, 3, Codec::jpeg);
  const auto records = numbered_records(info, 0, 6);
  const Bytes whole = make(info, records, 300);
  const auto chunks = documented_chunks(whole);
  const std::vector<std::uint64_t> values = {0,          1,          40,         127,     128,
                                             4095,       4096,       8192,       1 << 20, 1ULL << 32,
                                             1ULL << 36, 1ULL << 60, 1ULL << 63, ~0ULL,   ~0ULL - 4095};
  const std::uint64_t before = peak_memory();
  for (int round = 0; round < 5000; ++round) {
    Bytes bytes = whole;
    const DocumentedChunk& chunk = chunks[random() % chunks.size()];
    for (std::uint64_t fields = random() % 2 + 1; fields > 0; --fields) {
      std::uint64_t at = chunk.offset + 16 + 8 * (random() % 11);
      if (random() % 2 == 0 && !chunk.records.empty()) {
        const std::uint64_t table = little_endian(whole, chunk.offset + 56, 8);
        at = chunk.offset + table + 40 * (random() % chunk.records.size()) + 8 * (random() % 4);
      }
      const std::uint64_t old = little_endian(whole, at, 8);
      const std::uint64_t value = values[random() % values.size()];
      put_u64(bytes, at, random() % 2 == 0 ? value : old + value);
    }
    seal(bytes, chunk.offset);
    const ReadResult result = read(bytes);
    // Names and labels may have been forged too, but not payloads.
    for (const ShardRecord& record : result.records) {
      const auto same = [&](const ShardRecord& one) { return one.payload == record.payload; };
      ASSERT_TRUE(record.payload.empty() || std::any_of(records.begin(), records.end(), same)) << round;
      ASSERT_GE(record.label, -1);
      ASSERT_LT(record.label, 3);
    }
  }
  EXPECT_LT(peak_memory() - before, std::uint64_t{64} << 20);
}

TEST_F(ShardDamage, AHeaderCannotMakeAPipeReaderAllocate) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 4);
  Bytes bytes = make(info, records);
  put_u64(bytes, 16, std::uint64_t{1} << 36);  // the first chunk's length
  seal(bytes, 0);
  const std::uint64_t before = peak_memory();
  const Fifo fifo(folder_ / "fifo", bytes);
  const ReadResult result = read_stream(fifo.path());
  EXPECT_TRUE(result.records == records);
  EXPECT_EQ(result.damage.size(), 2U) << joined(result.damage);  // the cut, and the broken chain
  EXPECT_LT(peak_memory() - before, std::uint64_t{64} << 20);
}

// Records whose names are all the same bytes: of 40 bytes each, they would be listed with 64 KiB each.
TEST_F(ShardDamage, NamesThatShareTheirBytesCostTheirChunk) {
  const DatasetInfo info = small_info(1, 1, 1, 1);
  const auto listed = [&](std::uint64_t count, std::uint64_t shared) {
    std::vector<ShardRecord> records = numbered_records(info, 0, count);
    for (ShardRecord& record : records) record.name = {};
    records[0].name = std::string(60000, 'n');
    Bytes bytes = make(info, records);
    const std::uint64_t table = little_endian(bytes, 56, 8);
    for (std::uint64_t i = 1; i < count; ++i) {
      const std::uint64_t label_and_length = table + i * 40;
      put_u64(bytes, label_and_length, (shared << 32) | little_endian(bytes, label_and_length, 4));
      put_u64(bytes, label_and_length + 8, 0);
    }
    seal(bytes, 0);
    const std::uint64_t end = little_endian(bytes, 16, 8);
    put_u64(bytes, end + 96, little_endian(bytes, 120, 8));
    seal(bytes, end);
    const ReadResult result = read(bytes);
    std::uint64_t names = 0;
    for (const ShardRecord& record : result.records) names += record.name.size();
    EXPECT_LT(names, bytes.size()) << "the work is in proportion";
    EXPECT_EQ(result.records.empty(), shared > 0);
    return joined(result.damage);
  };
  for (const std::uint64_t count : {100, 200}) {
    EXPECT_EQ(listed(count, 0), "");
    EXPECT_NE(listed(count, 60000)
                  .find("record table entry 1: name that shares its bytes with others: chunk "
                        "of " +
                        std::to_string(count) + " records lost"),
              std::string::npos);
    EXPECT_NE(listed(count, 1).find("entry 1: name that shares"), std::string::npos);
  }
}

// A row of chunks that claim 2^36 bytes each: the reader of a pipe looks for the end of each of them.
TEST_F(ShardDamage, LongChunksCostAPipeReaderNoMoreThanTheirBytes) {
  const DatasetInfo info = small_info(1, 1, 1, 1);
  Bytes one = make(info, numbered_records(info, 0, 1));
  one.resize(4096);
  put_u64(one, 16, std::uint64_t{1} << 36);
  seal(one, 0);
  const auto moved = [&](std::size_t chunks) {
    Bytes bytes;
    for (std::size_t i = 0; i < chunks; ++i) bytes.insert(bytes.end(), one.begin(), one.end());
    const Fifo fifo(folder_ / ("fifo" + std::to_string(chunks)), bytes);
    InputFile in(fifo.path());
    StreamSource source(in);
    std::size_t losses = 0;
    ChunkWalker walker(source, "fifo", [&](const Damage&) { ++losses; });
    while (walker.next()) {
    }
    EXPECT_GE(losses, chunks);
    return source.moved();
  };
  const std::uint64_t once = moved(1000);
  const std::uint64_t twice = moved(2000);
  EXPECT_LT(twice, 3 * once);
  EXPECT_LT(twice, std::uint64_t{2000} * 4096 * 4);
}

// The beginning of the first chunk, made to be of a length that no reader should hold.
Bytes long_chunk(const Bytes& whole, std::uint64_t length) {
  Bytes chunk = whole;
  chunk.resize(documented_chunks(whole)[0].length);
  put_u64(chunk, 16, length);
  seal(chunk, 0);
  return chunk;
}

// A regular file has its size, and is mapped if a chunk is large.
TEST_F(ShardDamage, ALargeChunkOfAFileIsNotHeld) {
  constexpr std::uint64_t kLength = std::uint64_t{6} << 30;
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 4);
  const Bytes whole = make(info, records);
  const std::string path = folder_ / "sparse";
  const Bytes head = long_chunk(whole, kLength);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(head.size()));
  std::filesystem::resize_file(path, kLength);
  const std::uint64_t before = peak_memory();
  const ReadResult result = read_stream(path);
  EXPECT_TRUE(result.records == records);
  EXPECT_EQ(result.damage.size(), 1U) << joined(result.damage);  // there is no end chunk
  EXPECT_LT(peak_memory() - before, std::uint64_t{200} << 20);
}

TEST_F(ShardDamage, ALargeChunkThroughAPipeIsRefused) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const std::string path = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  ::signal(SIGPIPE, SIG_IGN);
  const Bytes head = long_chunk(make(info, numbered_records(info, 0, 4)), std::uint64_t{6} << 30);
  const std::jthread writer([&] {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const Bytes zeros(std::size_t{8} << 20);
    ::ssize_t written = ::write(fd.get(), head.data(), head.size());
    for (int i = 0; i < 200 && written > 0; ++i) written = ::write(fd.get(), zeros.data(), zeros.size());
  });
  const ReadResult result = read_stream(path);
  EXPECT_NE(result.error.find("a chunk of 6.0 GiB, of which a pipe's reader holds 1.0 GiB: give the file"),
            std::string::npos)
      << result.error;
}

TEST_F(ShardDamage, WrongLabelsInATableCostTheChunk) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  Bytes bytes = make(info, numbered_records(info, 0, 4));
  const std::uint64_t table = little_endian(bytes, 56, 8);
  bytes[table] = 3;
  seal(bytes, 0);
  const ReadResult result = read(bytes);
  EXPECT_TRUE(result.records.empty());
  EXPECT_NE(joined(result.damage).find("label outside the class table: chunk of 4 records lost"),
            std::string::npos)
      << joined(result.damage);
}

}  // namespace
}  // namespace convoy
