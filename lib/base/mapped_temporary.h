// The bytes of a temporary file in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/file.h"

namespace convoy {

// Maps the first `size` bytes of a temporary file, read-only.
class MappedTemporary {
 public:
  // Throws OutputError, which names the file's use.
  MappedTemporary(const TemporaryFile& file, std::uint64_t size);
  MappedTemporary(const MappedTemporary&) = delete;
  MappedTemporary& operator=(const MappedTemporary&) = delete;
  MappedTemporary(MappedTemporary&&) = delete;
  MappedTemporary& operator=(MappedTemporary&&) = delete;
  ~MappedTemporary();
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_;
};

}  // namespace convoy
