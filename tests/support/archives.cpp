#include "tests/support/archives.h"

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace convoy::test {
namespace {

la_ssize_t append(archive* /*handle*/, void* bytes, const void* from, std::size_t size) {
  auto& to = *static_cast<std::vector<std::uint8_t>*>(bytes);
  const auto* first = static_cast<const std::uint8_t*>(from);
  to.insert(to.end(), first, first + size);
  return static_cast<la_ssize_t>(size);
}

void check(archive* handle, int status) {
  if (status < ARCHIVE_WARN) throw std::runtime_error(archive_error_string(handle));
}

using Files = std::vector<std::pair<std::string, std::vector<std::uint8_t>>>;

std::vector<std::uint8_t> write(const Files& files, Packing packing, const std::string& format) {
  std::vector<std::uint8_t> bytes;
  archive* handle = archive_write_new();
  check(handle, archive_write_set_format_by_name(handle, format.c_str()));
  if (packing == Packing::gzip) check(handle, archive_write_add_filter_gzip(handle));
  if (packing == Packing::zstd) check(handle, archive_write_add_filter_zstd(handle));
  if (packing == Packing::bzip2) check(handle, archive_write_add_filter_bzip2(handle));
  if (packing == Packing::xz) check(handle, archive_write_add_filter_xz(handle));
  // No zero bytes after compressed data.
  check(handle, archive_write_set_bytes_in_last_block(handle, 1));
  check(handle, archive_write_open(handle, &bytes, nullptr, append, nullptr));
  for (const auto& [path, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, path.ends_with('/') ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    check(handle, archive_write_header(handle, entry));
    archive_write_data(handle, content.data(), content.size());
    archive_entry_free(entry);
  }
  check(handle, archive_write_close(handle));
  archive_write_free(handle);
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> make_tar(const Files& files, Packing packing, const std::string& format) {
  return write(files, packing, format);
}

std::vector<std::uint8_t> pack(const std::vector<std::uint8_t>& bytes, Packing packing) {
  return write({{"data", bytes}}, packing, "raw");
}

void write_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace convoy::test
