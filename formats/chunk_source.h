// The bytes of a shard by offset, of a mapped file or as they arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/memory.h"

namespace convoy {

class ChunkSource {
 public:
  ChunkSource() = default;
  ChunkSource(const ChunkSource&) = delete;
  ChunkSource& operator=(const ChunkSource&) = delete;
  ChunkSource(ChunkSource&&) = delete;
  ChunkSource& operator=(ChunkSource&&) = delete;
  virtual ~ChunkSource() = default;
  // Bytes [offset, offset + length), fewer only at the end of the input, or if that is more than most().
  // Valid until the next call of a member.
  virtual std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t length) = 0;
  // The most bytes that bytes() gives, counted from what has been released.
  [[nodiscard]] virtual std::uint64_t most() const { return UINT64_MAX; }
  // Promises that nothing before `offset` will be asked for again.
  virtual void release_before(std::uint64_t offset) = 0;
  // Says that what lies before `offset` has been looked at, and is perhaps not asked for again soon.
  virtual void looked_before(std::uint64_t /*offset*/) {}
};

class MappedSource : public ChunkSource {
 public:
  explicit MappedSource(std::span<const std::byte> all) : all_(all) {}
  std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t length) override;
  void release_before(std::uint64_t /*offset*/) override {}

 private:
  std::span<const std::byte> all_;
};

// Bytes that are held at once of a regular file; of more, the file is mapped.
inline constexpr std::uint64_t kMaxHeldOfFile = std::uint64_t{64} << 20;
// Bytes that are held at once of a pipe: more than a chunk with the largest image has.
inline constexpr std::uint64_t kMaxHeldOfPipe = std::uint64_t{1} << 30;

// Never reads further than asked, and holds only what was asked for and has arrived.
class StreamSource : public ChunkSource {
 public:
  // bytes() throws Error if it would have to hold more than the memory allows.
  explicit StreamSource(InputFile& in, const MemoryLimit& memory = {}) : in_(in), memory_(memory) {}
  StreamSource(const StreamSource&) = delete;
  StreamSource& operator=(const StreamSource&) = delete;
  StreamSource(StreamSource&&) = delete;
  StreamSource& operator=(StreamSource&&) = delete;
  ~StreamSource() override;
  std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t length) override;
  [[nodiscard]] std::uint64_t most() const override;
  void release_before(std::uint64_t offset) override;
  void looked_before(std::uint64_t offset) override;
  // The number of bytes moved so far to make room for others, for tests.
  [[nodiscard]] std::uint64_t moved() const { return moved_; }

 private:
  void make_room(std::size_t wanted);
  void map();

  InputFile& in_;
  MemoryLimit memory_;
  std::vector<std::byte> buffer_;  // [begin_, end_) has arrived and is not released
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t base_ = 0;  // offset of the byte at begin_
  std::uint64_t moved_ = 0;
  // The whole file, once it has been mapped, and the part of it that is the input.
  std::span<const std::byte> file_;
  std::span<const std::byte> mapped_;
  std::uint64_t dropped_ = 0;  // pages before this offset were given back
};

}  // namespace convoy
