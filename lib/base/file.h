// Files: reading from anything, and writing so that no half-written file is ever left under the name that the
// user gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/base/output_lock.h"

namespace convoy {

// "-" as an operand or the value of -o.
inline constexpr std::string_view kStdStreamName = "-";

// What messages and records call an operand: its path, or `standard` for "-".
[[nodiscard]] std::string display_name(const std::string& path, std::string_view standard = "stdin");

// Reads a file, a pipe or standard input from front to back.
class InputFile {
 public:
  // "-" is standard input, called "stdin" in messages. name: what messages call the file, if not by its path.
  // Throws Error(name, reason), also for a folder. While it waits for a FIFO or a pipe, here or in what
  // reads, a signal that a SignalWatch notes ends that with Stopped (lib/base/stop_wait.h).
  explicit InputFile(const std::string& path, const std::string& name = {});

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return standard_ ? 0 : fd_.get(); }
  // Whether it is a regular file, which has a size and can be read at any offset.
  [[nodiscard]] bool is_regular() const { return regular_; }
  // Bytes of a regular file, else 0.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Bytes read so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  // Reads until `into` is full or the input ends; returns the number of bytes read.
  std::size_t read(std::span<std::byte> into);
  // Reads what is available now, at least one byte unless the input has ended or `into` is empty. For the
  // pipe of a coprocess.
  std::size_t read_some(std::span<std::byte> into);
  // Reads the rest. Throws Error if that is more than `limit` bytes.
  std::vector<std::byte> read_all(std::uint64_t limit);

 private:
  std::string name_;
  Fd fd_;
  bool standard_ = false;
  bool regular_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
};

// A whole file in memory, read-only. A regular file is mapped; a pipe is first copied to an unlinked
// temporary file (in TMPDIR, else /tmp), and so is standard input unless it is a regular file from its first
// byte on.
class MappedFile {
 public:
  // name: what messages call it, if not by its path.
  explicit MappedFile(const std::string& path, const std::string& name = {});
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  void unmap();
  std::string name_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Hints that these bytes of a MappedFile are about to be read: the system maps their pages at once, and reads
// those that are not in memory, instead of page by page as each is touched. Never fails.
void map_ahead(std::span<const std::uint8_t> bytes);

// A failure to write an output or a temporary file, whatever its cause: the tool's inputs are not to blame.
class OutputError : public SystemError {
 public:
  using SystemError::SystemError;
};

// Buffered output to a file or standard output.
//
// A regular file appears under its name only in commit(), whole and on disk (temporary file in the same
// folder, fsync, rename). Without commit() the temporary file is removed, in a tool even if a signal ends
// it (remove_temporaries_on_signals()), and an older file of that name stays as it was. Symbolic links stay,
// and the file at their end is written in this way. No other process can write the file meanwhile
// (OutputLock). Whatever is not a regular file with a name of its own (Destination) is written directly: an
// open descriptor by any name, so that ">>" appends, a FIFO, a device. If a signal asks to stop (SignalWatch)
// and the reader of such a stream takes nothing for a second, that is a failure. Every failure, including one
// of the last flush, has the file's name, and is an OutputError once the file is open.
class OutputFile {
 public:
  // Binary output to a terminal, or between the messages on standard error, is a UsageError.
  enum class Content { text, binary };

  OutputFile(const std::string& path, Content content);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  [[nodiscard]] const std::string& name() const { return name_; }
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Hands all bytes to the system now. For a coprocess.
  void flush();
  // Puts everything on disk and closes the file, which still has no name. Nothing may be written after it,
  // and other runs may write the file again. For many outputs that get their names together.
  void seal();
  // Seals the file, if that has not been done, and gives it its name.
  void commit();
  // Bytes written so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  void create_temporary_beside();
  std::size_t write_some(std::span<const std::byte> bytes);
  void close_whole();
  std::string name_;       // for messages
  std::string path_;       // its final path; empty if written directly
  std::string temporary_;  // its path until commit(); empty if written directly
  OutputLock lock_;
  Fd fd_;
  std::vector<std::byte> buffer_;
  std::uint64_t position_ = 0;
};

// Writes all bytes to a descriptor, unbuffered. Throws OutputError(name, reason).
void write_all(int fd, std::span<const std::byte> bytes, const std::string& name);

// An unlinked temporary file in TMPDIR, else /tmp. Throws OutputErrors that name its use and its folder.
class TemporaryFile {
 public:
  // use: such as "temporary copy of stdin".
  explicit TemporaryFile(std::string_view use);
  [[nodiscard]] int fd() const { return fd_.get(); }
  // "temporary copy of stdin in /tmp".
  [[nodiscard]] const std::string& name() const { return name_; }
  void append(std::span<const std::byte> bytes);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  void read_at(std::uint64_t offset, std::span<std::byte> into) const;

 private:
  std::string name_;
  Fd fd_;
};

// Reads a whole file; "-" is standard input. Throws Error if it has more than `limit` bytes.
[[nodiscard]] std::vector<std::byte> read_file(const std::string& path, std::uint64_t limit);
// The same, as text.
[[nodiscard]] std::string read_text_file(const std::string& path, std::uint64_t limit);

// Views of the same memory as another type.
[[nodiscard]] inline std::span<const std::uint8_t> as_u8(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::span<const std::byte> as_bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace convoy
