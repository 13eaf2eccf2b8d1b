// Files: reading from anything, writing so that nothing half-written is ever left under the name the user
// gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace convoy {

// "-" as an operand or the value of -o.
inline constexpr std::string_view kStdStreamName = "-";

// How messages and records call an operand: the path, or `standard` for "-".
[[nodiscard]] std::string display_name(const std::string& path, std::string_view standard = "stdin");

// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

// Bytes from a file, a pipe or standard input, in order.
class InputFile {
 public:
  // "-" is standard input, named "stdin" in messages. A folder is refused. Throws Error(path, reason).
  explicit InputFile(const std::string& path);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return standard_ ? 0 : fd_.get(); }
  // Whether bytes can be read at any place, as from a regular file.
  [[nodiscard]] bool is_regular() const { return regular_; }
  // Bytes of a regular file.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Bytes read so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  // Reads until `into` is full or the input ends; returns the bytes read.
  std::size_t read(std::span<std::byte> into);
  // Reads what is there now, at least one byte unless the input ended or into is empty: for a coprocess's
  // pipe.
  std::size_t read_some(std::span<std::byte> into);
  // All that is left; more than `limit` bytes is an Error.
  std::vector<std::byte> read_all(std::uint64_t limit);

 private:
  std::string name_;
  Fd fd_;
  bool standard_ = false;
  bool regular_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
};

// A whole file, read-only, in memory: mapped where it is a regular file. A pipe or standard input is first
// copied to an unlinked temporary file (in TMPDIR, else /tmp) and that is mapped.
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

// Maps the pages of bytes of a MappedFile that are about to be read, all at once, and reads what is not in
// memory; without it, page after page does when it is touched. A hint: nothing fails.
void map_ahead(std::span<const std::uint8_t> bytes);

// A failure to write an OutputFile: what a tool reads is not to blame.
class OutputError : public Error {
 public:
  using Error::Error;
};

// Bytes to a file or standard output, buffered.
//
// A regular file appears under its name only in commit(), whole and on disk (temporary file in the same
// folder, fsync, rename); without commit() the temporary file is removed, in a tool also where a signal ends
// it (remove_temporaries_on_signals()), and an older file of that name stays as it was. Standard output and
// what is not a regular file (/dev/null, a FIFO, /dev/full) are written to directly. Every failure, those of
// the last flush included, is an Error with the file's name; once it is open, an OutputError.
class OutputFile {
 public:
  enum class Content { text, binary };  // binary is refused where standard output is a terminal (UsageError)

  OutputFile(const std::string& path, Content content);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  [[nodiscard]] const std::string& name() const { return name_; }
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Hands everything to the system now: for a coprocess.
  void flush();
  // Flushes and gives the file its name. Write nothing after it.
  void commit();
  // Bytes written so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  void write_through(std::span<const std::byte> bytes);
  std::string name_;       // for messages
  std::string path_;       // where it will stand; empty where written directly
  std::string temporary_;  // where it stands now; empty where written directly
  Fd fd_;
  bool standard_ = false;
  std::vector<std::byte> buffer_;
  std::uint64_t position_ = 0;
};

// Writes all bytes to a descriptor, unbuffered. Throws Error(name, reason).
void write_all(int fd, std::span<const std::byte> bytes, const std::string& name);

// An unlinked temporary file in TMPDIR, else /tmp.
[[nodiscard]] Fd make_temporary_file();

// The whole of a file; more than `limit` bytes is an Error. "-" is standard input.
[[nodiscard]] std::vector<std::byte> read_file(const std::string& path, std::uint64_t limit);
// The same as text.
[[nodiscard]] std::string read_text_file(const std::string& path, std::uint64_t limit);

// Views of the same memory under another type.
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
