#include "tests/support/shard_bytes.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace convoy::test {

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

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

void seal(Bytes& bytes, std::uint64_t at) {
  const std::uint64_t payload_offset = little_endian(bytes, at + 80, 8);
  if (payload_offset >= 128 && payload_offset <= bytes.size() - at) {
    put_u64(bytes, at + 104, XXH3_64bits(&bytes.at(at + 128), payload_offset - 128));
  }
  put_u64(bytes, at + 120, XXH3_64bits(&bytes.at(at), 120));
}

Fifo::Fifo(std::string path, Bytes bytes) : path_(std::move(path)) {
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

Bytes ShardTest::make(const DatasetInfo& info, const std::vector<ShardRecord>& records,
                      std::uint64_t chunk_bytes) const {
  write_shard(folder_ / "made", info, records, chunk_bytes);
  return bytes_of_file(folder_ / "made");
}

ReadResult ShardTest::read(const Bytes& bytes) const {
  memory_.write(bytes);
  ReadResult stream = read_stream(path_);
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

}  // namespace convoy::test
