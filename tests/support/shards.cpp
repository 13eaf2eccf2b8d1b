#include "tests/support/shards.h"

#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

#include "lib/base/error.h"

namespace convoy::test {

DatasetInfo small_info(int width, int height, int channels, int classes, Codec codec) {
  DatasetInfo info;
  info.width = width;
  info.height = height;
  info.channels = channels;
  info.codec = codec;
  for (int i = 0; i < classes; ++i) info.classes.push_back({"class" + std::to_string(i), ""});
  return info;
}

ShardRecord numbered_record(const DatasetInfo& info, std::uint64_t id) {
  constexpr std::uint64_t kMostBytes = 200;
  std::mt19937_64 random(id);
  const std::uint64_t size = info.codec == Codec::raw ? static_cast<std::uint64_t>(info.width) *
                                                            static_cast<std::uint64_t>(info.height) *
                                                            static_cast<std::uint64_t>(info.channels)
                                                      : 1 + random() % kMostBytes;
  ShardRecord record;
  record.label = info.classes.empty() ? kNoLabel : static_cast<std::int32_t>(id % info.classes.size());
  record.name = "record" + std::to_string(id);
  record.payload.resize(size);
  for (std::uint8_t& byte : record.payload) byte = static_cast<std::uint8_t>(random());
  return record;
}

std::vector<ShardRecord> numbered_records(const DatasetInfo& info, std::uint64_t first, std::uint64_t count) {
  std::vector<ShardRecord> records;
  for (std::uint64_t id = first; id < first + count; ++id) records.push_back(numbered_record(info, id));
  return records;
}

void write_shard(const std::string& path, const DatasetInfo& info, const std::vector<ShardRecord>& records,
                 std::uint64_t chunk_bytes) {
  OutputFile out(path, OutputFile::Content::binary);
  ShardWriter writer(out, info, chunk_bytes);
  for (const ShardRecord& record : records) writer.add(record.label, record.name, record.payload);
  writer.finish();
  out.commit();
}

namespace {

void report(ReadResult& result, const Damage& damage) {
  result.damage.push_back(damage.where() + ": " + damage.reason);
  result.lost += damage.loss.records;
  result.more = result.more || damage.loss.more;
}

}  // namespace

ReadResult read_stream(const std::string& path) {
  ReadResult result;
  try {
    InputFile in(path);
    ShardReader reader(in, [&](const Damage& damage) { report(result, damage); });
    while (auto record = reader.next()) {
      result.records.push_back(std::move(*record));
      result.indexes.push_back(reader.index());
    }
  } catch (const Error& error) {
    result.error = error.what();
  }
  return result;
}

ReadResult read_mapped(const std::string& path) {
  ReadResult result;
  try {
    const ShardFile shard(path, [&](const Damage& damage) { report(result, damage); });
    for (std::uint64_t i = 0; i < shard.size(); ++i) {
      const RecordView view = shard.record(i);
      if (view.intact()) {
        result.records.push_back(
            {view.label, std::string(view.name), {view.payload.begin(), view.payload.end()}});
        result.indexes.push_back(i);
      } else {
        report(result, {.place = record_place(path, i, view.name),
                        .offset = view.offset,
                        .reason = std::string(kPayloadDamaged)});
      }
    }
  } catch (const Error& error) {
    result.error = error.what();
  }
  return result;
}

std::vector<std::uint8_t> bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace convoy::test
