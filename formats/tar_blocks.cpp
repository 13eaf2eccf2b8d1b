#include "formats/tar_blocks.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr std::size_t kBlockBytes = kTarHeaderBytes;
constexpr std::size_t kAtSize = 124;
constexpr std::size_t kSizeBytes = 12;
constexpr std::size_t kAtType = 156;
constexpr char kSolarisList = 'A';
constexpr std::string_view kExtendedTypes = "xgXA";
constexpr std::string_view kListKey = "SCHILY.acl.";

using Block = std::span<const std::uint8_t>;

// A number as libarchive reads it: octal digits behind blanks, or bytes if the first bit is set.
std::uint64_t number_in(Block field) {
  std::uint64_t number = 0;
  if ((field[0] & 0x80U) != 0) {
    for (const std::uint8_t byte : field.subspan(1)) {
      number = std::min<std::uint64_t>(number << 8 | byte, UINT64_MAX >> 8);
    }
    return number;
  }
  std::size_t at = 0;
  while (at < field.size() && (field[at] == ' ' || field[at] == '\t')) ++at;
  for (; at < field.size() && field[at] >= '0' && field[at] <= '7'; ++at) {
    number = number << 3 | static_cast<std::uint64_t>(field[at] - '0');
  }
  return number;
}

// Whether the block is a header; the sum is of unsigned or, in old archives, of signed bytes.
bool is_header(Block block) {
  const TarSums sums = tar_sums(block);
  const auto written = static_cast<std::int64_t>(number_in(block.subspan(kTarChecksumAt, kTarChecksumBytes)));
  return written == sums.of_unsigned || written == sums.of_signed;
}

// The bytes of the extended header that follows the block; nothing if none follows.
std::optional<std::uint64_t> extended_behind(Block block) {
  if (kExtendedTypes.find(static_cast<char>(block[kAtType])) == std::string_view::npos) return std::nullopt;
  if (!is_header(block)) return std::nullopt;
  const std::uint64_t bytes = number_in(block.subspan(kAtSize, kSizeBytes));
  return bytes > 0 && bytes <= kMaxExtendedHeader ? std::optional(bytes) : std::nullopt;
}

// Changes the keys of access control lists in records "LENGTH KEY=VALUE\n" to keys that nobody knows.
void hide_lists(std::span<std::uint8_t> records) {
  while (!records.empty()) {
    std::size_t length = 0;
    std::size_t at = 0;
    for (; at < records.size() && records[at] >= '0' && records[at] <= '9'; ++at) {
      length = length * 10 + (records[at] - '0');
      if (length > records.size()) return;
    }
    if (at == 0 || at == records.size() || records[at] != ' ' || length <= at) return;
    if (as_text(std::as_bytes(records.subspan(at + 1))).starts_with(kListKey)) records[at + 1] = '-';
    records = records.subspan(length);
  }
}

}  // namespace

TarSums tar_sums(std::span<const std::uint8_t> header) {
  TarSums sums;
  for (std::size_t i = 0; i < kTarHeaderBytes; ++i) {
    const bool in_checksum = i >= kTarChecksumAt && i < kTarChecksumAt + kTarChecksumBytes;
    const std::uint8_t byte = in_checksum ? ' ' : header[i];
    sums.of_unsigned += byte;
    sums.of_signed += static_cast<std::int8_t>(byte);
  }
  return sums;
}

std::span<const std::uint8_t> TarBlocks::give(std::size_t bytes) {
  last_ = bytes;
  offset_ += bytes;
  return source_.peek(bytes).first(bytes);
}

std::span<const std::uint8_t> TarBlocks::give_extended() {
  const auto wanted = static_cast<std::size_t>(std::exchange(extended_, 0));
  const auto there = source_.peek(wanted);
  const auto body = give(std::min(wanted, there.size()));
  changed_.assign(body.begin(), body.end());
  if (!is_list_) {
    hide_lists(changed_);
  } else if (!changed_.empty()) {
    changed_[0] = '-';  // where the type of the list is, in digits
  }
  return changed_;
}

std::span<const std::uint8_t> TarBlocks::next() {
  source_.take(std::exchange(last_, 0));
  if (as_they_are_) return give(source_.peek(1).size());
  if (extended_ > 0) return give_extended();
  const std::size_t begun = offset_ % kBlockBytes;
  const auto there = source_.peek(begun == 0 ? kBlockBytes : 1);
  std::size_t at = begun == 0 ? 0 : kBlockBytes - begun;
  if (there.size() < at || (at == 0 && there.size() < kBlockBytes)) return give(there.size());
  for (; at + kBlockBytes <= there.size(); at += kBlockBytes) {
    const Block block = there.subspan(at, kBlockBytes);
    if (const auto bytes = extended_behind(block)) {
      extended_ = *bytes;
      is_list_ = block[kAtType] == kSolarisList;
      return give(at + kBlockBytes);
    }
  }
  return give(at);
}

std::uint64_t TarBlocks::skip(std::uint64_t bytes) {
  source_.take(std::exchange(last_, 0));
  extended_ = 0;
  const std::uint64_t skipped = source_.skip(bytes);
  offset_ += skipped;
  return skipped;
}

}  // namespace convoy
