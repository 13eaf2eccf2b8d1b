// A file of lines that grows over a long run, and outlasts times in which it cannot be written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/file.h"

namespace convoy {

// Bytes of lines that are kept in memory while they cannot be written. Lines beyond that are lost.
inline constexpr std::size_t kMaxUnwrittenLog = std::size_t{64} << 20;

// Runs `action`, which writes an output. Returns why that failed; empty if it did not. NotFiniteError, which
// is no failure to write, is let pass.
[[nodiscard]] std::string failure_to_write(const std::function<void()>& action);

// Each line goes to the file at once. A line that cannot be written stays in memory, and is written before
// those that come after it, so that the file ends whole. So do lines that are in the file but have not
// reached the disk. If the file is deleted, alone or with its folder, it is made again, with all of its
// lines, as soon as that is possible. After the constructor, nothing throws because the file
// cannot be written.
class LogFile {
 public:
  // Starts a new file with `start`, which is on disk when this returns, or writes `start` to what is no file
  // of its own (Destination). Throws what OutputFile does.
  LogFile(const std::string& path, std::string_view start);

  // Adds a line, and tries to write it and all that wait.
  void add(std::string_view line);
  // Tries to put all lines on disk.
  void sync();

  // Why there are lines that are not where they belong; empty if there are none.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // How many lines are not in the file.
  [[nodiscard]] std::uint64_t missing() const;

 private:
  void write_waiting();
  [[nodiscard]] bool is_gone() const;
  void make_again();
  void write_to_stream();

  std::string path_;  // as the user gave it
  std::string at_;    // behind links; empty if it is written directly
  OutputLock lock_;
  std::optional<OutputFile> stream_;  // if it is written directly
  Fd file_;                           // if it is a file of its own: for reading and appending
  std::uint64_t on_disk_ = 0;         // bytes of the file that have reached the disk
  std::string lines_;                 // that follow them
  std::size_t written_ = 0;           // bytes of `lines_` that are in the file
  bool doubtful_ = false;     // whether bytes that were written may be lost: they did not reach the disk
  std::uint64_t unsent_ = 0;  // lines that the stream still holds
  std::uint64_t lost_ = 0;    // lines that were too many to be kept
  std::string failure_;
};

}  // namespace convoy
