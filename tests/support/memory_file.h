// A file in memory, for tests that write thousands of files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/fd.h"

namespace convoy::test {

class MemoryFile {
 public:
  MemoryFile();
  [[nodiscard]] std::string path() const;
  // Replaces the content.
  void write(std::span<const std::uint8_t> bytes) const;

 private:
  Fd fd_;
};

}  // namespace convoy::test
