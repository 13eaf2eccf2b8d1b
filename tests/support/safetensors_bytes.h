// Bytes of safetensors files, changed behind the back of the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace convoy::test {

// Where the 16 digits of the checksum are, found as man/convoy-weights.5 says; nothing if they are missing.
[[nodiscard]] std::optional<std::size_t> digits_in(std::span<const std::uint8_t> file);

// The checksum that the bytes should have, computed as the page says. The file has one.
[[nodiscard]] std::string checksum_of(std::span<const std::uint8_t> file);

// Writes the right checksum into a file that has been changed; does nothing if it has none.
void repair_checksum(std::span<std::uint8_t> file);

// Gives the checksum another key of the same length, so that the file has none.
void disable_checksum(std::span<std::uint8_t> file);

// A file of the header and the data.
[[nodiscard]] std::vector<std::uint8_t> safetensors_of(const std::string& header, const std::string& data);

}  // namespace convoy::test
