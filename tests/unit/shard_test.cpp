// The shard format: the bytes as documented, reading from files and pipes, and what readers say and give when
// bytes are cut, changed, removed, added or made up.
#include "formats/shard.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "formats/shard_layout.h"
#include "lib/base/error.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::bytes_of_file;
using test::numbered_records;
using test::read_mapped;
using test::read_stream;
using test::ReadResult;
using test::small_info;
using test::write_shard;

using Bytes = std::vector<std::uint8_t>;

// The seed of a random test: printed, and taken from CONVOY_TEST_SEED to repeat or to vary a run.
std::uint64_t test_seed() {
  const char* given = std::getenv("CONVOY_TEST_SEED");
  const std::uint64_t seed = given == nullptr ? 20260101 : std::strtoull(given, nullptr, 10);
  std::printf("CONVOY_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// A second reader of the format, written from man/convoy-shard.5 alone.
struct DocumentedRecord {
  std::int32_t label;
  std::string name;
  std::uint64_t offset;  // in the file
  std::uint64_t length;
  std::uint64_t checksum;
};
struct DocumentedChunk {
  std::uint64_t offset, length, sequence, first_record, record_count, payload_offset, stride, previous;
  std::uint32_t version, kind;
  std::string metadata;
  std::uint64_t header_checksum, body_checksum;
  std::vector<DocumentedRecord> records;
};

std::uint64_t little_endian(const Bytes& bytes, std::uint64_t offset, int count) {
  std::uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | bytes.at(offset + static_cast<std::uint64_t>(i));
  return value;
}

std::vector<DocumentedChunk> documented_chunks(const Bytes& bytes) {
  std::vector<DocumentedChunk> chunks;
  for (std::uint64_t at = 0; at < bytes.size(); at += chunks.back().length) {
    const auto u64 = [&](std::uint64_t offset) { return little_endian(bytes, at + offset, 8); };
    DocumentedChunk chunk{};
    chunk.offset = at;
    chunk.version = static_cast<std::uint32_t>(little_endian(bytes, at + 8, 4));
    chunk.kind = static_cast<std::uint32_t>(little_endian(bytes, at + 12, 4));
    chunk.length = u64(16);
    chunk.sequence = u64(24);
    chunk.first_record = u64(32);
    chunk.record_count = u64(40);
    chunk.metadata.assign(reinterpret_cast<const char*>(&bytes.at(at + 128)), u64(48));
    const std::uint64_t table = u64(56);
    const std::uint64_t names = u64(64);
    chunk.payload_offset = u64(80);
    chunk.stride = u64(88);
    chunk.previous = u64(96);
    chunk.body_checksum = u64(104);
    chunk.header_checksum = u64(120);
    for (std::uint64_t i = 0; i < chunk.record_count; ++i) {
      const std::uint64_t entry = table + 40 * i;
      DocumentedRecord record{};
      record.label = static_cast<std::int32_t>(little_endian(bytes, at + entry, 4));
      const std::uint64_t name_length = little_endian(bytes, at + entry + 4, 4);
      record.name.assign(reinterpret_cast<const char*>(&bytes.at(at + names + u64(entry + 8))), name_length);
      record.offset = at + u64(entry + 16);
      record.length = u64(entry + 24);
      record.checksum = u64(entry + 32);
      chunk.records.push_back(record);
    }
    chunks.push_back(chunk);
  }
  return chunks;
}

// Which bytes carry nothing: behind the payloads, up to the chunk's end.
std::vector<bool> padding_of(const Bytes& bytes) {
  std::vector<bool> padding(bytes.size(), false);
  for (const DocumentedChunk& chunk : documented_chunks(bytes)) {
    if (chunk.kind == 2) continue;
    for (std::uint64_t i = chunk.payload_offset; i < chunk.length; ++i) padding[chunk.offset + i] = true;
    for (const DocumentedRecord& record : chunk.records) {
      for (std::uint64_t i = 0; i < record.length; ++i) padding[record.offset + i] = false;
    }
  }
  return padding;
}

void put_u64(Bytes& bytes, std::uint64_t offset, std::uint64_t value) {
  std::memcpy(&bytes.at(offset), &value, sizeof(value));
}

// Makes the checksums of the chunk at `at` right again after its fields were changed.
void seal(Bytes& bytes, std::uint64_t at) {
  const std::uint64_t payload_offset = little_endian(bytes, at + 80, 8);
  if (payload_offset >= 128 && payload_offset <= bytes.size() - at) {
    put_u64(bytes, at + 104, XXH3_64bits(&bytes.at(at + 128), payload_offset - 128));
  }
  put_u64(bytes, at + 120, XXH3_64bits(&bytes.at(at), 120));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// A file without a disk under it, for the tests that write thousands.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("shard", MFD_CLOEXEC)) {
    if (!fd_.valid()) throw std::runtime_error("memfd_create");
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  void write(const Bytes& bytes) const {
    if (::ftruncate(fd_.get(), 0) != 0 ||
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
      throw std::runtime_error("cannot write " + path());
    }
  }

 private:
  Fd fd_;
};

class Shard : public ::testing::Test {
 protected:
  Bytes make(const DatasetInfo& info, const std::vector<ShardRecord>& records,
             std::uint64_t chunk_bytes = kDefaultChunkBytes) {
    write_shard(folder_ / "made", info, records, chunk_bytes);
    return bytes_of_file(folder_ / "made");
  }
  // Both readers, which must give and say the same; the order of their messages differs.
  ReadResult read(const Bytes& bytes) {
    memory_.write(bytes);
    const ReadResult stream = read_stream(path_);
    const ReadResult mapped = read_mapped(path_);
    EXPECT_EQ(stream.error, mapped.error);
    if (stream.error.empty()) {
      EXPECT_TRUE(stream.records == mapped.records);
      EXPECT_EQ(stream.indexes, mapped.indexes);
      std::vector<std::string> a = stream.damage;
      std::vector<std::string> b = mapped.damage;
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      EXPECT_EQ(a, b);
    }
    return stream;
  }

  test::TemporaryFolder folder_;
  MemoryFile memory_;
  std::string path_ = memory_.path();
};

TEST_F(Shard, HasTheDocumentedBytes) {
  DatasetInfo info = small_info(5, 3, 3, 4);
  info.classes[2].name = "a readable name";
  const auto records = numbered_records(info, 0, 5);
  // Two records of 45 bytes, 40 bytes of table and 7 of name fit 200 bytes; a third one does not.
  const Bytes bytes = make(info, records, 200);
  const auto chunks = documented_chunks(bytes);
  ASSERT_EQ(chunks.size(), 4U);
  const std::string metadata =
      R"({"channels":3,"classes":[{"id":"class0"},{"id":"class1"},{"id":"class2","name":"a readable name"},)"
      R"({"id":"class3"}],"codec":"raw","height":3,"preprocessing":{"background":[0,0,0],"exif":false,)"
      R"("filter":"bicubic","gray":false,"size":256},"width":5})";
  std::uint64_t next_record = 0;
  std::uint64_t previous = 0;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const DocumentedChunk& chunk = chunks[c];
    const bool end = c == 3;
    EXPECT_EQ(std::memcmp(&bytes[chunk.offset], "\x89\x43\x56\x59\x0d\x0a\x1a\x0a", 8), 0);
    EXPECT_EQ(chunk.version, 1U);
    EXPECT_EQ(chunk.kind, end ? 2U : 1U);
    EXPECT_EQ(chunk.length % 4096, 0U);
    EXPECT_EQ(chunk.sequence, c);
    EXPECT_EQ(chunk.first_record, next_record);
    EXPECT_EQ(chunk.previous, previous);
    EXPECT_EQ(chunk.metadata, end ? "" : metadata);
    EXPECT_EQ(chunk.payload_offset % 4096, 0U);
    EXPECT_EQ(chunk.stride, end ? 0U : 45U);
    EXPECT_EQ(chunk.header_checksum, XXH3_64bits(&bytes[chunk.offset], 120));
    EXPECT_EQ(chunk.body_checksum, XXH3_64bits(&bytes[chunk.offset + 128], chunk.payload_offset - 128));
    for (std::size_t i = 0; i < chunk.records.size(); ++i) {
      const DocumentedRecord& record = chunk.records[i];
      const ShardRecord& expected = records[next_record++];
      EXPECT_EQ(record.label, expected.label);
      EXPECT_EQ(record.name, expected.name);
      EXPECT_EQ(record.offset, chunk.offset + chunk.payload_offset + 45 * i);
      ASSERT_EQ(record.length, expected.payload.size());
      EXPECT_TRUE(std::equal(expected.payload.begin(), expected.payload.end(),
                             bytes.begin() + static_cast<std::ptrdiff_t>(record.offset)));
      EXPECT_EQ(record.checksum, XXH3_64bits(expected.payload.data(), expected.payload.size()));
    }
    previous = chunk.header_checksum;
  }
  EXPECT_EQ(next_record, records.size());
  // All that is neither of these is zero.
  const auto padding = padding_of(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (padding[i]) {
      EXPECT_EQ(bytes[i], 0) << i;
    }
  }
}

// The bytes of the dump in the manual: lines "00000010  01 00 ...", of which "*" repeats the one above.
Bytes dump_in_manual(const std::string& page) {
  std::ifstream in(page);
  EXPECT_TRUE(in) << "run from the top of the source tree: cannot open " << page;
  Bytes bytes;
  bool starred = false;
  for (std::string line; std::getline(in, line);) {
    starred = starred || line == "*";
    if (line.size() < 8 || line.find_first_not_of("0123456789abcdef") < 8) continue;
    const std::uint64_t offset = std::stoull(line.substr(0, 8), nullptr, 16);
    while (starred && !bytes.empty() && bytes.size() < offset) {
      bytes.insert(bytes.end(), bytes.end() - 16, bytes.end());
    }
    starred = false;
    if (offset != bytes.size()) continue;
    std::istringstream words(line.substr(8));
    int printed = 0;
    for (std::string word; printed < 16 && words >> word && word.size() == 2; ++printed) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
    }
  }
  return bytes;
}

TEST_F(Shard, DumpInTheManualIsWhatTheWriterWrites) {
  DatasetInfo info;
  info.width = 2;
  info.height = 2;
  info.channels = 1;
  info.classes = {{"n01440764", "tench"}, {"n01443537", "goldfish"}};
  info.preprocessing.size = 2;
  info.preprocessing.gray = true;
  const std::vector<ShardRecord> records = {{1, "b.png", {0x10, 0x20, 0x30, 0x40}},
                                            {0, "a.png", {0x50, 0x60, 0x70, 0x80}}};
  const Bytes written = make(info, records);
  EXPECT_EQ(dump_in_manual("man/convoy-shard.5"), written);
}

TEST_F(Shard, GivesBackWhatWasWritten) {
  for (const Codec codec : {Codec::raw, Codec::jpeg}) {
    const DatasetInfo info = small_info(7, 5, 3, 3, codec);
    const auto records = numbered_records(info, 0, 40);
    for (const std::uint64_t chunk_bytes : {std::uint64_t{1}, std::uint64_t{1000}, kDefaultChunkBytes}) {
      const ReadResult result = read(make(info, records, chunk_bytes));
      EXPECT_EQ(result.error, "");
      EXPECT_EQ(joined(result.damage), "");
      EXPECT_TRUE(result.records == records);
    }
    const ShardFile shard(folder_ / "made", [](const std::string&) {});
    EXPECT_EQ(shard.info(), info);
    EXPECT_EQ(shard.size(), records.size());
  }
}

TEST_F(Shard, WithoutRecordsStillHasItsMetadata) {
  const DatasetInfo info = small_info(7, 5, 1, 2);
  const ReadResult result = read(make(info, {}));
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(joined(result.damage), "");
  EXPECT_TRUE(result.records.empty());
  const ShardFile shard(path_, [](const std::string&) {});
  EXPECT_EQ(shard.info(), info);
  EXPECT_EQ(shard.size(), 0U);
}

TEST_F(Shard, BytesDependOnTheRecordsAlone) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 9);
  const Bytes once = make(info, records);
  EXPECT_EQ(once, make(info, records));
  auto others = records;
  std::swap(others[0], others[1]);
  EXPECT_NE(once, make(info, others));
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(Shard, Concatenates) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto all = numbered_records(info, 0, 9);
  const Bytes a = make(info, {all.begin(), all.begin() + 4}, 300);
  const Bytes none = make(info, {});
  const Bytes b = make(info, {all.begin() + 4, all.end()});
  const ReadResult result = read(none + a + none + none + b + none);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(joined(result.damage), "");
  EXPECT_TRUE(result.records == all);
}

TEST_F(Shard, OfDifferentDataSetsDoNotConcatenate) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const Bytes a = make(info, numbered_records(info, 0, 2));
  const auto error_with = [&](const DatasetInfo& other) {
    const std::string error = read(a + make(other, numbered_records(other, 0, 2))).error;
    EXPECT_NE(error.find("offset " + std::to_string(a.size() + 128) + ": "), std::string::npos) << error;
    return error;
  };
  DatasetInfo other = info;
  other.classes[1].id = "cat";
  EXPECT_NE(error_with(other).find("class 1 is 'class1' against 'cat'"), std::string::npos);
  EXPECT_NE(error_with(small_info(5, 7, 3, 3)).find("7x5x3 against 5x7x3"), std::string::npos);
  EXPECT_NE(error_with(small_info(7, 5, 3, 4)).find("3 classes against 4"), std::string::npos);
  EXPECT_NE(error_with(small_info(7, 5, 3, 3, Codec::jpeg)).find("codec raw against jpeg"),
            std::string::npos);
  other = info;
  other.preprocessing.exif = true;
  EXPECT_NE(error_with(other).find("\"exif\":true"), std::string::npos);
}

TEST_F(Shard, WriterRefusesWhatReadersWould) {
  const DatasetInfo info = small_info(2, 2, 1, 3);
  OutputFile out(folder_ / "refused", OutputFile::Content::binary);
  ShardWriter writer(out, info);
  const Bytes pixels(4);
  EXPECT_THROW(writer.add(3, "a", pixels), Error);
  EXPECT_THROW(writer.add(-2, "a", pixels), Error);
  EXPECT_THROW(writer.add(0, "a", Bytes(5)), Error);
  EXPECT_THROW(writer.add(0, "a", Bytes()), Error);
  EXPECT_THROW(writer.add(0, std::string(65536, 'a'), pixels), Error);
  writer.add(-1, std::string(65535, 'a'), pixels);
  EXPECT_EQ(writer.records(), 1U);
  writer.finish();
  EXPECT_THROW(writer.add(0, "a", pixels), Error);
  const auto refused = [&](const DatasetInfo& bad) { EXPECT_THROW(ShardWriter(out, bad), Error); };
  DatasetInfo bad = info;
  bad.channels = 2;
  refused(bad);
  bad = info;
  bad.classes[1].id = "class0";
  refused(bad);
  bad.classes[1].id = "a\tb";
  refused(bad);
  bad.classes[1].id = "\xff";
  refused(bad);
  bad.classes[1].id = "";
  refused(bad);
  refused(small_info(65536, 1, 1, 1));
  refused(small_info(0, 1, 1, 1));
}

// A FIFO that gives `bytes`, a few at a time.
class Fifo {
 public:
  Fifo(std::string path, Bytes bytes) : path_(std::move(path)) {
    if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
    writer_ = std::jthread([path = path_, bytes = std::move(bytes)] {
      std::ofstream out(path, std::ios::binary);
      std::size_t step = 1;
      for (std::size_t at = 0; at < bytes.size() && out; at += step, step = step % 4999 * 3 + 1) {
        step = std::min(step, bytes.size() - at);
        out.write(reinterpret_cast<const char*>(&bytes[at]), static_cast<std::streamsize>(step)).flush();
      }
    });
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::jthread writer_;
};

TEST_F(Shard, IsReadFromAPipe) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 30);
  const Bytes bytes = make(info, records, 500) + make(info, records);
  const Fifo streamed(folder_ / "fifo1", bytes);
  const ReadResult stream = read_stream(streamed.path());
  EXPECT_EQ(stream.error + joined(stream.damage), "");
  EXPECT_EQ(stream.records.size(), 60U);
  const Fifo spooled(folder_ / "fifo2", bytes);
  const ReadResult mapped = read_mapped(spooled.path());
  EXPECT_EQ(mapped.error + joined(mapped.damage), "");
  EXPECT_TRUE(stream.records == mapped.records);
}

TEST_F(Shard, OtherFilesAreNamedForWhatTheyAreNot) {
  EXPECT_NE(read({}).error.find("empty input, not a shard"), std::string::npos);
  EXPECT_NE(read(Bytes(100000)).error.find("not a shard"), std::string::npos);
  EXPECT_NE(read({'a'}).error.find("not a shard"), std::string::npos);
  Bytes bytes = make(small_info(7, 5, 3, 3), {});
  const auto replaced = [&](const std::string& what, const std::string& by) {
    Bytes maimed;
    for (std::size_t i = 0; i < bytes.size();) {
      const bool found = i + what.size() <= bytes.size() && std::equal(what.begin(), what.end(), &bytes[i]);
      if (found) maimed.insert(maimed.end(), by.begin(), by.end());
      if (!found) maimed.push_back(bytes[i]);
      i += found ? what.size() : 1;
    }
    return maimed;
  };
  EXPECT_NE(read(replaced("\r\n", "\n")).error.find("transferred as text"), std::string::npos);
  EXPECT_NE(read(replaced("\n", "\r\n")).error.find("transferred as text"), std::string::npos);
  // A shard of a later version, with the right checksums.
  for (std::uint64_t at = 0; at < bytes.size(); at += 4096) {
    if (bytes[at] != 0x89) continue;
    bytes[at + 8] = 2;
    seal(bytes, at);
  }
  EXPECT_NE(read(bytes).error.find("shard version 2; this program reads version 1"), std::string::npos);
}

TEST_F(Shard, CutAtEveryByteGivesTheWholeRecordsBefore) {
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
    bool complete = false;  // at the end of a stream, which nobody can tell from a file that was meant so
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
    // The last message is about the place where the input ends.
    const std::string& last = result.damage.back();
    const std::uint64_t place = std::stoull(last.substr(last.find("offset ") + 7));
    ASSERT_LE(place, cut) << last;
    ASSERT_GT(place + 8192, cut) << last;
  }
}

TEST_F(Shard, EveryChangedByteCostsAtMostItsRecordOrChunk) {
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
    std::string place;  // what the message must have
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

TEST_F(Shard, CountsWhatWasLostWithAChunk) {
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

TEST_F(Shard, NoticesAChunkOfAnotherStream) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  Bytes a = make(info, numbered_records(info, 0, 6), 320);
  const Bytes b = make(info, numbered_records(info, 100, 6), 320);
  const auto chunks = documented_chunks(a);
  // The same counts, sizes and place; only the chain of checksums tells.
  std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(chunks[1].offset), chunks[1].length,
              a.begin() + static_cast<std::ptrdiff_t>(chunks[1].offset));
  const ReadResult result = read(a);
  EXPECT_EQ(result.records.size(), 6U);
  EXPECT_EQ(result.damage.size(), 2U) << joined(result.damage);
}

// Whether `bytes` is some of the streams, whole, one after another: nobody can see that there were others.
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

// One random accident.
void damage(Bytes& bytes, std::mt19937_64& random) {
  if (bytes.empty()) return;
  // Half of the places are where something begins or ends.
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

TEST_F(Shard, NoAccidentGoesUnnoticed) {
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

TEST_F(Shard, MadeUpHeadersNeitherCrashNorAllocate) {
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
    // Names and labels may have been made up as well, payloads not.
    for (const ShardRecord& record : result.records) {
      const auto same = [&](const ShardRecord& one) { return one.payload == record.payload; };
      ASSERT_TRUE(record.payload.empty() || std::any_of(records.begin(), records.end(), same)) << round;
      ASSERT_GE(record.label, -1);
      ASSERT_LT(record.label, 3);
    }
  }
  EXPECT_LT(peak_memory() - before, std::uint64_t{64} << 20);
}

TEST_F(Shard, AHeaderCannotMakeAPipeReaderAllocate) {
  const DatasetInfo info = small_info(7, 5, 3, 3);
  const auto records = numbered_records(info, 0, 4);
  Bytes bytes = make(info, records);
  put_u64(bytes, 16, std::uint64_t{1} << 36);  // the first chunk's length
  seal(bytes, 0);
  const std::uint64_t before = peak_memory();
  const Fifo fifo(folder_ / "fifo", bytes);
  const ReadResult result = read_stream(fifo.path());
  EXPECT_TRUE(result.records == records);
  EXPECT_EQ(result.damage.size(), 2U) << joined(result.damage);  // the cut, and the chain that is broken
  EXPECT_LT(peak_memory() - before, std::uint64_t{64} << 20);
}

TEST_F(Shard, WrongLabelsInATableCostTheChunk) {
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
