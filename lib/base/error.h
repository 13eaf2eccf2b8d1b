// Errors of the whole project. Library code throws; only lib/base/tool.h prints and turns an error into a
// status. An error keeps its parts as fields, so that no code parses its message.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace convoy {

// Failure of data, I/O or a device: exit status 1. what() is "where: reason". A reason of more than 1000
// bytes is shortened in its middle.
class Error : public std::runtime_error {
 public:
  // An error without a place: what() is the reason alone.
  explicit Error(std::string_view reason) : Error({}, reason) {}
  // place: a file name, or another name that the user knows.
  Error(std::string_view place, std::string_view reason) : Error(place, {}, reason) {}

  [[nodiscard]] const std::string& place() const { return place_; }
  // The place, down to the offset or line if the error has one: "x.shard: offset 16", "list:3:7".
  [[nodiscard]] std::string where() const { return place_ + position_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 protected:
  // position: what follows the place in where().
  Error(std::string_view place, std::string_view position, std::string_view reason);

 private:
  std::string place_;
  std::string position_;
  std::string reason_;
};

// "offset 16", as messages name a byte of a file.
[[nodiscard]] std::string offset_text(std::uint64_t offset);

// Bytes that do not follow their format. what() is "place: offset N: reason".
class FormatError : public Error {
 public:
  FormatError(std::string_view place, std::uint64_t offset, std::string_view reason)
      : Error(place, ": " + offset_text(offset), reason), offset_(offset) {}
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  std::uint64_t offset_;
};

// Text that does not follow its format. what() is "place:LINE:COLUMN: reason" (both counted from 1), as
// compilers print it, so that editors jump there. Column 0 leaves the column out.
class TextError : public Error {
 public:
  TextError(std::string_view place, std::uint64_t line, std::uint64_t column, std::string_view reason)
      : Error(place,
              ":" + std::to_string(line) + (column == 0 ? std::string() : ":" + std::to_string(column)),
              reason),
        line_(line),
        column_(column) {}
  [[nodiscard]] std::uint64_t line() const { return line_; }
  [[nodiscard]] std::uint64_t column() const { return column_; }

 private:
  std::uint64_t line_;
  std::uint64_t column_;
};

// Wrong use of a tool: exit status 2 with "Try 'TOOL --help'".
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message);
  // A value that `option`, such as "--steps", cannot have. what() is "--steps: reason".
  UsageError(std::string_view option, std::string_view reason);
  // A sentence about `option` that names it itself: "--json needs --info".
  [[nodiscard]] static UsageError about(std::string_view option, const std::string& sentence);

  // The option that is wrong, with its dashes; empty if it is no particular one.
  [[nodiscard]] const std::string& option() const { return option_; }

 private:
  std::string option_;
};

// No input was named, and standard input is a terminal. The tool shows its usage.
class MissingInputError : public UsageError {
 public:
  using UsageError::UsageError;
};

// Failure of the machine that a tool runs on: no more memory, descriptors, threads or space, a disk or a file
// system that does not answer: exit status 1. It says nothing about the data that were being read, and what
// comes next would fail alike. So this is no Error: code that catches those to leave an image or a record out
// does not catch it, nor std::bad_alloc, and the run ends. what() is "place: reason".
class SystemError : public std::runtime_error {
 public:
  SystemError(std::string_view place, std::string_view reason);

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string place_;
  std::string reason_;
};

// A SystemError of a disk or a file system, local or behind a network: other files may lie elsewhere.
class StorageError : public SystemError {
 public:
  using SystemError::SystemError;
};

// Whether an errno value is a failure of the machine, rather than one of the file that was asked for.
[[nodiscard]] bool is_system_failure(int code);
// Throws SystemError(place, strerror(code)) if is_system_failure(code), as a StorageError if it is one, else
// Error of the same text.
[[noreturn]] void throw_errno(std::string_view place, int code);
// For code to which an error means only that something is not there: throws as throw_errno() if it is a
// failure of the machine, else does nothing.
void throw_system_failure(std::string_view place, const std::error_code& error);

}  // namespace convoy
