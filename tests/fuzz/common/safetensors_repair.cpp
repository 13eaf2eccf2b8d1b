#include "tests/fuzz/common/safetensors_repair.h"

#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/text.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kLongestData = 16384;  // of a repaired file

// Where the JSON object that begins at the first byte ends; 0 if there is none.
std::size_t object_end(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth <= 0) {
      return i + 1;
    }
  }
  return 0;
}

// The bytes of all tensors by the header.
std::uint64_t data_bytes(const nlohmann::json& header) {
  std::uint64_t end = 0;
  for (const auto& tensor : header) {
    if (!tensor.is_object() || !tensor.contains("data_offsets")) continue;
    const auto& offsets = tensor["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[1].is_number_unsigned()) continue;
    end = std::max(end, offsets[1].get<std::uint64_t>());
  }
  return end;
}

// As man/convoy-weights.5 says: XXH3-64 of the whole file with the digits taken for zeros.
void repair_checksum(Bytes& bytes) {
  constexpr std::string_view kKey = "\"convoy.checksum\":\"";
  constexpr std::size_t kDigits = 16;
  const std::size_t key = text_of(bytes).find(kKey);
  const std::size_t at = key + kKey.size();
  if (key == std::string_view::npos || at + kDigits > bytes.size()) return;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kDigits, std::uint8_t{'0'});
  const std::string digits =
      format("%016llx", static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  std::copy(digits.begin(), digits.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

void repair_safetensors(Bytes& bytes) {
  if (bytes.size() < kLengthBytes) return;
  const std::string_view rest = text_of(std::span(bytes).subspan(kLengthBytes));
  std::size_t end = object_end(rest);
  if (end == 0) return;
  const nlohmann::json header = nlohmann::json::parse(rest.substr(0, end), nullptr, false);
  while (end < rest.size() && rest[end] == ' ') ++end;
  put_little_endian(bytes, 0, kLengthBytes, end);
  if (!header.is_object()) return;
  const std::uint64_t data = data_bytes(header);
  if (data <= kLongestData) bytes.resize(kLengthBytes + end + data);
  repair_checksum(bytes);
}

}  // namespace convoy::fuzz
