#include "tests/fuzz/common/reader.h"

#include <stdlib.h>
#include <xxhash.h>

#include <filesystem>

#include "tests/support/memory_file.h"

namespace convoy::fuzz {

std::vector<Reader>& readers() {
  static std::vector<Reader> all;
  return all;
}

AddReader::AddReader(Reader reader) { readers().push_back(std::move(reader)); }

void require(bool holds, std::string_view what) {
  if (!holds) throw Difference(std::string(what));
}

std::string_view text_of(Input input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes bytes_of(Input input) { return {input.begin(), input.end()}; }

std::size_t pick(Input input, std::uint64_t n, std::size_t below) {
  return XXH3_64bits_withSeed(input.data(), input.size(), n) % below;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  constexpr std::string_view kBetween = "\n%%\n";
  std::vector<std::string_view> parts;
  for (std::size_t end = 0; (end = text.find(kBetween)) != std::string_view::npos;) {
    parts.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + kBetween.size());
  }
  parts.push_back(text);
  return parts;
}

namespace {

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "convoy-fuzz-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::string scratch(std::string_view name) {
  static const Folder folder;
  return folder.path() + "/" + std::string(name);
}

std::string file_with(Input bytes) {
  static const test::MemoryFile file;
  file.write(bytes);
  return file.path();
}

std::uint64_t little_endian(Input bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

void put_little_endian(Bytes& bytes, std::size_t at, std::size_t count, std::uint64_t value) {
  for (std::size_t i = 0; i < count; ++i) bytes.at(at + i) = static_cast<std::uint8_t>(value >> 8 * i);
}

std::uint32_t big_endian(Input bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[at + i];
  return value;
}

void put_big_endian(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes.at(at + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace convoy::fuzz
