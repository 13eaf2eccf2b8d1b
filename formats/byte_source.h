// Bytes from front to back of anything: a file, a pipe, a member of an archive, memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "lib/base/file.h"

namespace convoy {

// Reads ahead only as far as it is asked to peek, in single reads of what is available, so that it never
// waits for bytes after the last one that a coprocess has sent.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  ByteSource(ByteSource&&) = delete;
  ByteSource& operator=(ByteSource&&) = delete;
  virtual ~ByteSource() = default;

  // The next bytes, without taking them: at least `least`, fewer only if the input ends. Valid until the
  // next call. Memory grows with what arrives, and each byte is moved a bounded number of times, however
  // often the source is asked and however little is taken.
  std::span<const std::uint8_t> peek(std::size_t least);
  // Takes the first `bytes` bytes of what peek() returned.
  void take(std::size_t bytes) {
    begin_ += bytes;
    taken_ += bytes;
  }
  // The number of bytes taken and skipped so far: the offset of the next one.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  // The number of bytes that were moved so far to make room for others, for tests.
  [[nodiscard]] std::uint64_t moved() const { return moved_; }
  // Skips up to `bytes` bytes and returns how many there were.
  std::uint64_t skip(std::uint64_t bytes);

 protected:
  // Reads at least one byte unless the input has ended; returns the number of bytes.
  virtual std::size_t fill(std::span<std::byte> into) = 0;
  // Skips up to `bytes` bytes without reading them; returns how many, 0 if it cannot.
  virtual std::uint64_t seek_ahead(std::uint64_t /*bytes*/) { return 0; }

 private:
  void make_room();
  std::unique_ptr<std::uint8_t[]> buffer_;  // NOLINT: not initialised, so that only what is read has pages
  std::size_t size_ = 0;                    // of buffer_, of which [begin_, end_) is read and not taken
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
  std::uint64_t taken_ = 0;
  std::uint64_t moved_ = 0;
};

// The rest of an open file, which must outlive the source.
class FileSource : public ByteSource {
 public:
  explicit FileSource(InputFile& file);

 protected:
  std::size_t fill(std::span<std::byte> into) override;
  std::uint64_t seek_ahead(std::uint64_t bytes) override;

 private:
  InputFile& file_;
  std::uint64_t position_ = 0;
};

// Bytes in memory, which must outlive the source.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override;

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace convoy
