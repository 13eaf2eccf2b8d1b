// formats/shard: the bytes as documented, and reading from files and pipes.
#include "formats/shard.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/shard_bytes.h"

namespace convoy {
namespace {

using test::Bytes;
using test::documented_chunks;
using test::DocumentedChunk;
using test::DocumentedRecord;
using test::Fifo;
using test::joined;
using test::numbered_records;
using test::padding_of;
using test::read_mapped;
using test::read_stream;
using test::ReadResult;
using test::seal;
using test::small_info;
using test::operator+;  // NOLINT(misc-unused-using-decls): used as an operator

class Shard : public test::ShardTest {};

// The text is put together without a JSON of the classes, which would take some 200 bytes for each.
TEST(DatasetText, IsThatOfTheJson) {
  for (const int classes : {0, 1, 2, 1024, 1025, 3000}) {
    DatasetInfo info = small_info(5, 3, 3, classes);
    if (classes > 1) {
      info.classes[0] = {R"("classes":[)", "a \"quoted\" name \\ \xc3\xa9"};
      info.classes[1] = {"]", "},{"};
    }
    EXPECT_EQ(dataset_text(info), to_json(info).dump()) << classes;
    EXPECT_EQ(parse_dataset_info(dataset_text(info), "x", "x"), info) << classes;
  }
}

// What no version has written is refused by its name, and not passed over.
TEST(DatasetText, KnowsAllMembers) {
  const std::string good = dataset_text(small_info(5, 3, 3, 1));
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return test::error_of([&] { static_cast<void>(parse_dataset_info(text, "x", "x")); });
  };
  EXPECT_EQ(error_with("bicubic", "lanczos"),
            "x: preprocessing filter 'lanczos' is not known: only bicubic is");
  EXPECT_EQ(error_with("bicubic", ""), "x: preprocessing filter '' is not known: only bicubic is");
  EXPECT_NE(error_with("\"bicubic\"", "7").find("filter"), std::string::npos);
  EXPECT_NE(error_with("\"exif\":false", "\"exif\":0").find("exif"), std::string::npos);
  EXPECT_NE(error_with("\"gray\":false", "\"gray\":1").find("gray"), std::string::npos);
  EXPECT_NE(error_with("\"size\":256", "\"size\":-1").find("size"), std::string::npos);
  EXPECT_NE(error_with("[0,0,0]", "[0,0,256]").find("background"), std::string::npos);
  EXPECT_NE(error_with("\"raw\"", "\"gif\"").find("codec"), std::string::npos);
  EXPECT_NE(error_with("\"gray\"", "\"grey\":1,\"gray\"").find("grey"), std::string::npos);
  EXPECT_NE(error_with("\"width\"", "\"depth\":1,\"width\"").find("depth"), std::string::npos);
  EXPECT_NE(error_with("\"id\"", "\"color\":1,\"id\"").find("color"), std::string::npos);
}

TEST_F(Shard, HasTheDocumentedBytes) {
  DatasetInfo info = small_info(5, 3, 3, 4);
  info.classes[2].name = "a readable name";
  const auto records = numbered_records(info, 0, 5);
  // Two records of 45 bytes, 40 bytes of table and 7 of name fit into 200 bytes; a third one does not.
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
  // All other bytes are zero.
  const auto padding = padding_of(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (padding[i]) {
      EXPECT_EQ(bytes[i], 0) << i;
    }
  }
}

// The bytes of the dump in the manual: lines "00000010  01 00 ..."; "*" repeats the line above.
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
    const ShardFile shard(folder_ / "made", [](const Damage&) {});
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
  const ShardFile shard(path_, [](const Damage&) {});
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
    std::string error = read(a + make(other, numbered_records(other, 0, 2))).error;
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
  EXPECT_NE(read({0x89, 'a'}).error.find("offset 0: not a shard"), std::string::npos);
  EXPECT_NE(read(Bytes(100000)).error.find(": zero bytes where a shard is expected"), std::string::npos);
  EXPECT_NE(read({'a'}).error.find(": a text where a shard is expected"), std::string::npos);
  EXPECT_NE(read({'G', 'I', 'F', '8', '9', 'a', 0}).error.find(": a GIF image where a shard is expected"),
            std::string::npos);
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
  // A shard of a later version, with correct checksums.
  for (std::uint64_t at = 0; at < bytes.size(); at += 4096) {
    if (bytes[at] != 0x89) continue;
    bytes[at + 8] = 2;
    seal(bytes, at);
  }
  EXPECT_NE(read(bytes).error.find("shard version 2; this program reads version 1"), std::string::npos);
}

}  // namespace
}  // namespace convoy
