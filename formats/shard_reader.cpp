#include <utility>

#include "formats/shard.h"
#include "formats/shard_walk.h"
#include "lib/base/error.h"

namespace convoy {

struct ShardReader::State {
  State(InputFile& in, DamageHandler on_damage, const MemoryLimit& memory)
      : source(in, memory), walker(source, in.name(), std::move(on_damage), memory) {}

  StreamSource source;
  ChunkWalker walker;
  std::optional<ChunkPlace> chunk;
  std::uint64_t next_in_chunk = 0;
  std::uint64_t last_index = 0;
};

ShardReader::ShardReader(InputFile& in, DamageHandler on_damage, const MemoryLimit& memory)
    : state_(std::make_unique<State>(in, std::move(on_damage), memory)) {
  state_->chunk = state_->walker.next();
  if (!state_->chunk) throw Error(in.name(), "no whole chunk with records or metadata");
}
ShardReader::ShardReader(ShardReader&&) noexcept = default;
ShardReader::~ShardReader() = default;

const DatasetInfo& ShardReader::info() const { return state_->walker.info(); }

std::uint64_t ShardReader::index() const { return state_->last_index; }

std::optional<RecordView> ShardReader::next_view() {
  State& state = *state_;
  while (state.chunk) {
    if (state.next_in_chunk == state.chunk->count) {
      state.chunk = state.walker.next();
      state.next_in_chunk = 0;
      continue;
    }
    const std::uint64_t in_chunk = state.next_in_chunk++;
    const auto bytes = state.source.bytes(state.chunk->offset, state.chunk->header.length);
    const RecordView view = view_record(bytes, state.chunk->offset, state.chunk->header, in_chunk);
    state.last_index = state.chunk->first + in_chunk;
    const std::uint64_t sum = checksum_of(state.source, std::as_bytes(view.payload), view.offset);
    if (sum == view.checksum) return view;
    state.walker.report_record(state.last_index, view, kPayloadDamaged);
  }
  return std::nullopt;
}

std::optional<ShardRecord> ShardReader::next() {
  const auto view = next_view();
  if (!view) return std::nullopt;
  return ShardRecord{view->label, std::string(view->name), {view->payload.begin(), view->payload.end()}};
}

}  // namespace convoy
