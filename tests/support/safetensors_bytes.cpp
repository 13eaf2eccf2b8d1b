#include "tests/support/safetensors_bytes.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace convoy::test {
namespace {

constexpr std::string_view kKey = "\"convoy.checksum\":\"";
constexpr std::string_view kOtherKey = "\"convoy.disabled\":\"";
constexpr std::size_t kDigits = 16;
static_assert(kKey.size() == kOtherKey.size());

}  // namespace

std::optional<std::size_t> digits_in(std::span<const std::uint8_t> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::size_t at = text.find(kKey);
  if (at == std::string_view::npos || text.size() - at < kKey.size() + kDigits) return std::nullopt;
  return at + kKey.size();
}

std::string checksum_of(std::span<const std::uint8_t> file) {
  std::vector<std::uint8_t> zeroed(file.begin(), file.end());
  std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(digits_in(file).value()), kDigits, '0');
  std::array<char, kDigits + 1> text{};
  const auto value = static_cast<unsigned long long>(XXH3_64bits(zeroed.data(), zeroed.size()));
  std::snprintf(text.data(), text.size(), "%016llx", value);
  return text.data();
}

void repair_checksum(std::span<std::uint8_t> file) {
  if (const auto at = digits_in(file)) std::ranges::copy(checksum_of(file), file.subspan(*at).begin());
}

void disable_checksum(std::span<std::uint8_t> file) {
  if (const auto at = digits_in(file)) {
    std::ranges::copy(kOtherKey, file.subspan(*at - kKey.size()).begin());
  }
}

std::vector<std::uint8_t> safetensors_of(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::vector<std::uint8_t> file(sizeof length + header.size() + data.size());
  std::memcpy(file.data(), &length, sizeof length);
  std::ranges::copy(data, std::ranges::copy(header, file.begin() + sizeof length).out);
  return file;
}

}  // namespace convoy::test
