#include <algorithm>

#include "formats/shard.h"
#include "formats/shard_walk.h"
#include "lib/base/error.h"

namespace convoy {

bool RecordView::intact() const { return shard_checksum(std::as_bytes(payload)) == checksum; }

ShardFile::ShardFile(const std::string& path, const DamageHandler& on_damage, const std::string& name,
                     const MemoryLimit& memory)
    : file_(path, name) {
  MappedSource source(file_.bytes());
  ChunkWalker walker(source, file_.name(), on_damage, memory);
  while (const auto place = walker.next()) {
    const ChunkHeader& header = place->header;
    chunks_.push_back({place->first, place->offset, place->count, header.table_offset, header.names_offset});
    records_ += place->count;
  }
  if (chunks_.empty()) throw Error(file_.name(), "no whole chunk with records or metadata");
  info_ = std::make_shared<const DatasetInfo>(walker.info());
}

RecordView ShardFile::record(std::uint64_t index) const {
  // The last chunk that starts at or before the index. A chunk without records starts at the same index as
  // the next one, which is then taken.
  const auto after = std::upper_bound(chunks_.begin(), chunks_.end(), index,
                                      [](std::uint64_t i, const Chunk& chunk) { return i < chunk.first; });
  const Chunk& chunk = *(after - 1);
  ChunkHeader header;
  header.table_offset = chunk.table;
  header.names_offset = chunk.names;
  return view_record(file_.bytes().subspan(chunk.offset), chunk.offset, header, index - chunk.first);
}

}  // namespace convoy
