// Small archives for tests.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace convoy::test {

enum class Packing { plain, gzip, zstd, bzip2, xz };

// A tar archive of (path, content) pairs, in this order; `format` is libarchive's name ("gnutar",
// "pax", "ustar").
[[nodiscard]] std::vector<std::uint8_t> make_tar(
    const std::vector<std::pair<std::string, std::vector<std::uint8_t>>>& files,
    Packing packing = Packing::plain, const std::string& format = "ustar");

// The bytes compressed, without an archive.
[[nodiscard]] std::vector<std::uint8_t> pack(const std::vector<std::uint8_t>& bytes, Packing packing);

void write_file(const std::string& path, const std::vector<std::uint8_t>& bytes);

}  // namespace convoy::test
