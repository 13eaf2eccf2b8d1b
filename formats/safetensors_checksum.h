// The checksum in the metadata of a safetensors file of the project: XXH3-64 of all bytes of the file, with
// the digits of the checksum itself taken for zeros. man/convoy-weights.5 says the same in prose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/console.h"
#include "lib/base/xxh3.h"

namespace convoy {

// Its key in the metadata.
inline constexpr std::string_view kMetaChecksum = "convoy.checksum";
// What stands for the digits when it is computed, and in a header until it is.
inline constexpr std::string_view kNoChecksum = "0000000000000000";
// The offset of `digits`, the value of the key, in `header`, the JSON text of a safetensors file: where they
// follow the key and a colon, without spaces or escapes. Nothing unless that is once.
[[nodiscard]] std::optional<std::size_t> find_checksum(std::string_view header, std::string_view digits);

// The same, of a file that is read. Throws Error(place, ...) if there is no such place, or if `digits` are
// not 16 digits of 0 to 9 and a to f.
[[nodiscard]] std::size_t require_digits(std::string_view header, std::string_view digits,
                                         std::string_view place);

// Throws Error(place, ...) if `key`, of the metadata, is the checksum's but for a few characters, since
// damage to it must not make the file one without a checksum; or if it could be taken for it in the JSON
// text.
void check_metadata_key(std::string_view key, std::string_view place);

// Computes the checksum of a file while its bytes pass by.
class SafetensorsChecksum {
 public:
  // header: the JSON text, with its padding. digits_at: as require_digits() returns it.
  SafetensorsChecksum(std::string_view header, std::size_t digits_at);
  // The next bytes of the data.
  void add(std::span<const std::byte> data) { hash_.add(data); }
  [[nodiscard]] std::string digits() const;

 private:
  Xxh3 hash_;
};

// With -v, says of a file without a checksum that it has none. name: as messages call the file.
void note_checksum(bool has_checksum, const std::string& name, Console& console);

// Throws Error(place, ...), which says what to do, unless the digits in the file are those of its bytes.
void require_checksum(std::string_view in_file, const SafetensorsChecksum& computed, std::string_view place);

}  // namespace convoy
