// CRC-32 of ranges of a stream that overlap, in time that does not depend on how much they overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace convoy {

// Keeps the CRC of the stream up to every kBlock bytes. That of a range follows from those at its ends, since
// CRC(A B) is a linear function of CRC(A) and CRC(B).
class RangeCrc {
 public:
  static constexpr std::size_t kBlock = 1024;

  // The CRC-32 of bytes [from, to) of `there`, whose first byte is at `offset` of the stream. `offset` never
  // falls from call to call.
  [[nodiscard]] std::uint32_t of(std::span<const std::uint8_t> there, std::uint64_t offset, std::size_t from,
                                 std::size_t to);
  // The number of bytes that have been gone through so far.
  [[nodiscard]] std::uint64_t summed() const { return summed_; }

 private:
  std::uint32_t direct(std::span<const std::uint8_t> bytes);
  void extend(std::span<const std::uint8_t> there, std::uint64_t offset, std::uint64_t to);
  [[nodiscard]] std::uint32_t between(std::uint64_t from, std::uint64_t to) const;

  std::uint64_t start_ = 0;          // of the first block
  std::vector<std::uint32_t> sums_;  // [i]: of the stream from start_ on, i blocks
  std::uint64_t summed_ = 0;
};

}  // namespace convoy
