#include "formats/safetensors_checksum.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

bool is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Whether the key differs from that of the checksum in one to four characters.
bool is_almost_checksum(std::string_view key) {
  constexpr std::ptrdiff_t kMostDamaged = 4;
  if (key.size() != kMetaChecksum.size() || key == kMetaChecksum) return false;
  const int right =
      std::inner_product(key.begin(), key.end(), kMetaChecksum.begin(), 0, std::plus<>(), std::equal_to<>());
  return std::ssize(key) - right <= kMostDamaged;
}

[[noreturn]] void refuse(std::string_view place, const std::string& reason) {
  throw Error(place, reason +
                         ": the file is damaged, or another program changed it; remove convoy.checksum "
                         "from its metadata to use it all the same");
}

}  // namespace

std::optional<std::size_t> find_checksum(std::string_view header, std::string_view digits) {
  const std::string before = "\"" + std::string(kMetaChecksum) + "\":\"";
  const std::string written = before + std::string(digits) + "\"";
  const std::size_t at = header.find(written);
  if (at == std::string_view::npos || header.find(written, at + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return at + before.size();
}

std::size_t require_digits(std::string_view header, std::string_view digits, std::string_view place) {
  if (digits.size() != kNoChecksum.size() || !std::ranges::all_of(digits, is_digit)) {
    refuse(place, "convoy.checksum is not 16 digits of 0 to 9 and a to f");
  }
  const auto at = find_checksum(header, digits);
  if (!at) {
    refuse(place,
           "convoy.checksum is not written as \"convoy.checksum\":\"DIGITS\", once and without spaces");
  }
  return *at;
}

void check_metadata_key(std::string_view key, std::string_view place) {
  if (is_almost_checksum(key)) {
    refuse(place, "its metadata have '" + std::string(key) + "', almost convoy.checksum");
  }
  if (key.ends_with("\"" + std::string(kMetaChecksum))) {
    refuse(place, "a key of its metadata could be taken for convoy.checksum");
  }
}

SafetensorsChecksum::SafetensorsChecksum(std::string_view header, std::size_t digits_at) {
  const std::uint64_t length = header.size();
  hash_.add(std::as_bytes(std::span(&length, 1)));
  hash_.add(as_bytes_of(header.substr(0, digits_at)));
  hash_.add(as_bytes_of(kNoChecksum));
  hash_.add(as_bytes_of(header.substr(digits_at + kNoChecksum.size())));
}

std::string SafetensorsChecksum::digits() const {
  return format("%016llx", static_cast<unsigned long long>(hash_.value()));
}

void note_checksum(bool has_checksum, const std::string& name, Console& console) {
  if (!has_checksum) console.detail(name + ": has no convoy.checksum: damage to it would not be noticed");
}

void require_checksum(std::string_view in_file, const SafetensorsChecksum& computed, std::string_view place) {
  if (in_file != computed.digits()) refuse(place, "its checksum differs");
}

}  // namespace convoy
