// Bytes that come again: of temporary files, and of pipes that are copied to one as they are read.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "formats/byte_source.h"
#include "lib/base/file.h"

namespace convoy {

// Bytes of a temporary file, which must outlive the source.
class TemporarySource : public ByteSource {
 public:
  TemporarySource(const TemporaryFile& file, std::uint64_t offset, std::uint64_t size)
      : file_(file), at_(offset), end_(offset + size) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override;
  std::uint64_t seek_ahead(std::uint64_t bytes) override;

 private:
  const TemporaryFile& file_;
  std::uint64_t at_;
  std::uint64_t end_;
};

// Appends up to `limit` bytes of the source to the file; returns how many there were.
std::uint64_t append_all(ByteSource& source, TemporaryFile& to, std::uint64_t limit = UINT64_MAX);

// Bytes of a pipe that are kept in case the pipe must be read again.
inline constexpr std::uint64_t kMaxPipeCopy = std::uint64_t{1} << 30;

// The bytes of a pipe. As long as they are fewer than kMaxPipeCopy, and a temporary file can hold them, the
// pipe can be read again from its first byte.
class CopiedPipe : public ByteSource {
 public:
  // pipe: must outlive this. name: for messages.
  CopiedPipe(ByteSource& pipe, std::string name) : pipe_(pipe), name_(std::move(name)) {}
  // Copies the rest of the pipe, and returns all of it, which must not outlive this. Throws Error(name,
  // reason) if the pipe is longer than what is kept, and OutputError if it cannot be copied.
  [[nodiscard]] std::shared_ptr<ByteSource> from_start();

 protected:
  std::size_t fill(std::span<std::byte> into) override;

 private:
  void keep(std::span<const std::byte> bytes);
  ByteSource& pipe_;
  std::string name_;
  std::optional<TemporaryFile> copy_;
  std::uint64_t copied_ = 0;
  std::exception_ptr gone_;  // why the copy is not there
};

}  // namespace convoy
