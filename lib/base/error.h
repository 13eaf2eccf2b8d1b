// Errors of the whole project. Library code throws; only lib/base/tool.h prints and turns an error into a
// status.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace convoy {

// Failure of data, I/O or a device: exit status 1. what() is "place: reason", where place is a file name, or
// another name that the user gave.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  Error(std::string_view place, std::string_view reason)
      : std::runtime_error(std::string(place) + ": " + std::string(reason)) {}
};

// Bytes that do not follow their format. what() is "place: offset N: reason".
class FormatError : public Error {
 public:
  FormatError(std::string_view place, std::uint64_t offset, std::string_view reason)
      : Error(place, "offset " + std::to_string(offset) + ": " + std::string(reason)), offset_(offset) {}
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  std::uint64_t offset_;
};

// Text that does not follow its format. what() is "place:LINE:COLUMN: reason" (both counted from 1), as
// compilers print it, so that editors jump there. Column 0 leaves the column out.
class TextError : public Error {
 public:
  TextError(std::string_view place, std::uint64_t line, std::uint64_t column, std::string_view reason)
      : Error(std::string(place) + ":" + std::to_string(line) +
                  (column == 0 ? std::string() : ":" + std::to_string(column)),
              reason) {}
};

// Wrong use of a tool: exit status 2 with "Try 'TOOL --help'".
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message) : std::runtime_error(message) {}
};

// Nothing to read, and a terminal as standard input: the tool's usage says what there could be.
class MissingInputError : public UsageError {
 public:
  using UsageError::UsageError;
};

// Throws Error(place, strerror(code)).
[[noreturn]] void throw_errno(std::string_view place, int code);

}  // namespace convoy
