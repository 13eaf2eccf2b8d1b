// An archive and the folder that it unpacks to have the same images, and the same files that are passed over.
#include <algorithm>
#include <filesystem>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "lib/prep/image_source.h"
#include "lib/prep/names.h"
#include "tests/fuzz/common/archive_seeds.h"
#include "tests/support/archives.h"

namespace convoy::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 20;
constexpr std::size_t kLongestPath = 200;
constexpr std::uint64_t kMostBytes = 1 << 16;

using Files = std::vector<std::pair<std::string, Bytes>>;

// Whether a file system holds these paths as they are, and tar leaves them so.
bool are_plain(const Files& files) {
  for (const auto& [path, bytes] : files) {
    if (path.empty() || path.size() > kLongestPath || clean_path(path) != path || is_hidden(path))
      return false;
    if (path.find('\0') != std::string::npos) return false;
    // An archive in an archive has rules of its own.
    const ContentKind kind = detect_content(bytes);
    if (kind == ContentKind::tar || kind == ContentKind::compressed || has_archive_suffix(path)) return false;
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = 0; j < files.size(); ++j) {
      const std::string& a = files[i].first;
      if (i != j && (files[j].first == a || files[j].first.starts_with(a + "/"))) return false;
    }
  }
  return true;
}

// The files of an archive that has nothing but files and folders.
std::optional<Files> files_of(Input input) {
  Files files;
  const auto whole = outcome([&] {
    MemorySource source(input);
    ArchiveReader reader(source, "x");
    if (reader.is_plain()) return false;
    while (auto entry = reader.next_entry()) {
      if (entry->type == ArchiveEntry::Type::folder) {
        if (is_hidden(entry->path) || clean_path(entry->path).empty()) return false;
        continue;
      }
      if (entry->type != ArchiveEntry::Type::file || files.size() == kMostEntries) return false;
      files.emplace_back(entry->path, read_all(reader.content(), "x", kMostBytes));
    }
    return true;
  });
  if (!whole.value.value_or(false) || files.empty() || !are_plain(files)) return std::nullopt;
  return files;
}

struct Seen {
  std::vector<std::string> names;  // sorted, as a folder is read in the order of its names
  std::uint64_t passed_over = 0;
  bool operator==(const Seen&) const = default;
};

Seen seen_in(const std::string& operand) {
  InputOptions options;
  options.operands = {operand};
  options.labelled = false;
  ImageSource source(std::move(options));
  Seen seen;
  while (const auto input = source.next()) seen.names.push_back(input->name);
  std::ranges::sort(seen.names);
  seen.passed_over = source.left_out().passed_over;
  return seen;
}

void fuzz(Input input) {
  const auto files = files_of(input);
  if (!files || detect_content(input) != ContentKind::tar) return;
  const std::string folder = scratch("unpacked");
  fs::remove_all(folder);
  for (const auto& [path, bytes] : *files) test::write_file(folder + "/" + path, bytes);
  const auto unpacked = outcome([&] { return seen_in(folder); });
  const auto packed = outcome([&] { return seen_in(file_with(input)); });
  require(packed.value == unpacked.value,
          "an archive and its folder differ: '" + packed.refusal + "', '" + unpacked.refusal + "'");
}

const AddReader kReader({.name = "archive_folder",
                         .fuzz = fuzz,
                         .seeds = small_archives,
                         .repair = repair_archive,
                         .longest = 8192});

}  // namespace
}  // namespace convoy::fuzz
