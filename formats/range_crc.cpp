#include "formats/range_crc.h"

#include <zlib.h>

namespace convoy {

std::uint32_t RangeCrc::of(std::span<const std::uint8_t> there, std::uint64_t offset, std::size_t from,
                           std::size_t to) {
  if (to - from < 2 * kBlock) return direct(there.subspan(from, to - from));
  extend(there, offset, offset + to);
  const std::uint64_t first = start_ + (offset + from - start_ + kBlock - 1) / kBlock * kBlock;
  const std::uint64_t last = start_ + (offset + to - start_) / kBlock * kBlock;
  const auto head = static_cast<std::size_t>(first - offset);
  const auto tail = static_cast<std::size_t>(last - offset);
  const std::uint32_t up_to_last = static_cast<std::uint32_t>(::crc32_combine(
      direct(there.subspan(from, head - from)), between(first, last), static_cast<z_off_t>(last - first)));
  return static_cast<std::uint32_t>(
      ::crc32_combine(up_to_last, direct(there.subspan(tail, to - tail)), static_cast<z_off_t>(to - tail)));
}

std::uint32_t RangeCrc::direct(std::span<const std::uint8_t> bytes) {
  summed_ += bytes.size();
  return static_cast<std::uint32_t>(::crc32_z(0, bytes.data(), bytes.size()));
}

// Sums up the blocks that end before `to`. What lies before `offset` is gone, so the blocks begin anew if
// they end before it.
void RangeCrc::extend(std::span<const std::uint8_t> there, std::uint64_t offset, std::uint64_t to) {
  if (sums_.empty() || start_ + (sums_.size() - 1) * kBlock < offset) {
    start_ = offset;
    sums_.assign(1, 0);
  }
  for (std::uint64_t end = start_ + sums_.size() * kBlock; end <= to; end += kBlock) {
    const auto at = static_cast<std::size_t>(end - kBlock - offset);
    sums_.push_back(static_cast<std::uint32_t>(::crc32_z(sums_.back(), there.data() + at, kBlock)));
    summed_ += kBlock;
  }
}

std::uint32_t RangeCrc::between(std::uint64_t from, std::uint64_t to) const {
  const std::uint32_t before = sums_[static_cast<std::size_t>((from - start_) / kBlock)];
  const std::uint32_t all = sums_[static_cast<std::size_t>((to - start_) / kBlock)];
  return all ^ static_cast<std::uint32_t>(::crc32_combine(before, 0, static_cast<z_off_t>(to - from)));
}

}  // namespace convoy
