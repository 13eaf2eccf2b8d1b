// Archives: the same entries and bytes whether they come at once or in pieces, are read or passed over, plain
// or compressed.
#include "formats/archive.h"

#include "formats/image_stream.h"
#include "tests/fuzz/common/archive_seeds.h"
#include "tests/fuzz/common/pieces.h"
#include "tests/support/archives.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kMostEntries = 200;
constexpr std::uint64_t kMostBytes = 1 << 18;

struct Entry {
  std::string path;
  std::string target;
  int type = 0;
  Bytes bytes;
  bool operator==(const Entry&) const = default;
};
struct Read {
  std::vector<Entry> entries;
  bool plain = false;
  std::string error;
  bool operator==(const Read&) const = default;
};

Read read(ByteSource& source, bool contents) {
  Read result;
  result.error = outcome([&] {
                   ArchiveReader reader(source, "x");
                   result.plain = reader.is_plain();
                   while (auto entry = reader.next_entry()) {
                     if (result.entries.size() == kMostEntries) break;
                     Entry& read = result.entries.emplace_back(
                         Entry{entry->path, entry->target, static_cast<int>(entry->type), {}});
                     if (contents && entry->type == ArchiveEntry::Type::file)
                       read.bytes = read_all(reader.content(), "x", kMostBytes);
                   }
                   return true;
                 }).refusal;
  return result;
}

std::vector<std::string> paths_of(const Read& read) {
  std::vector<std::string> paths;
  for (const Entry& entry : read.entries) paths.push_back(entry.path + "\n" + entry.target);
  return paths;
}

void fuzz(Input input) {
  MemorySource whole(input);
  const Read first = read(whole, true);
  Pieces pieces(input);
  require(read(pieces, true) == first, "in pieces it differs");
  if (first.error.empty()) {
    MemorySource again(input);
    const Read names = read(again, false);
    require(paths_of(names) == paths_of(first), "passed over, an archive has other entries");
  }
  const ContentKind kind = detect_content(input);
  constexpr std::array kPackings = {test::Packing::gzip, test::Packing::zstd, test::Packing::bzip2,
                                    test::Packing::xz};
  const test::Packing packing = kPackings.at(pick(input, 0, kPackings.size()));
  if (kind == ContentKind::tar && first.error.empty()) {
    const Bytes packed = test::pack(bytes_of(input), packing);
    Pieces compressed(packed);
    require(read(compressed, true).entries == first.entries, "compressed, an archive has other entries");
  }
  // A tar, whole or damaged, may begin as they do, with the name of its first member: the compressed one is
  // then refused.
  if (kind == ContentKind::jpeg || kind == ContentKind::png || kind == ContentKind::idx) {
    const Bytes packed = test::pack(bytes_of(input), packing);
    const auto unpacked = outcome([&] { return decompress(packed, "x", kMostBytes); });
    require(unpacked.value ? *unpacked.value == bytes_of(input) : !first.plain,
            "compressed bytes differ: " + unpacked.refusal);
  }
  if (kind == ContentKind::compressed) {
    require(outcome([&] { return decompress(input, "x", kMostBytes); }) ==
                outcome([&] { return decompress(input, "x", kMostBytes); }),
            "the second time differs");
  }
}

const AddReader kReader(
    {.name = "archive", .fuzz = fuzz, .seeds = small_archives, .repair = repair_archive, .longest = 8192});

}  // namespace
}  // namespace convoy::fuzz
