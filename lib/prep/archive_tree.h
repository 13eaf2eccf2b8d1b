// The names in an archive, and what the links among them stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/archive.h"
#include "lib/prep/walk.h"

namespace convoy {

// Names that are kept of an archive with links.
inline constexpr std::size_t kMaxLinkedNames = 20'000'000;
// Bytes of all names and targets that are kept.
inline constexpr std::uint64_t kMaxLinkedNameBytes = std::uint64_t{1} << 30;
// Components of the paths on the way to one file, and bytes of its name, that count as one step; more count
// as more.
inline constexpr std::size_t kComponentsPerStep = 16;
inline constexpr std::size_t kNameBytesPerStep = 256;
// Links on the way to one file, as in Linux.
inline constexpr int kMaxLinkChain = 40;
// Bytes of the path and of the target of a link, as in Linux (PATH_MAX).
inline constexpr std::size_t kMaxLinkPath = 4096;

class ArchiveTree {
 public:
  // A file that a link stands for.
  struct Linked {
    std::string path;           // below the name of the link, or that name
    std::uint64_t ordinal = 0;  // of the entry that has the data
    std::string failure = {};   // why there are none; empty: there are
  };

  // Adds the entry number `ordinal`. Of several with one name, the last counts, but for earlier hard links.
  // Names longer than kMaxLinkPath are not kept: no link leads to them. Throws Error if there are too many.
  void add(const ArchiveEntry& entry, std::uint64_t ordinal);
  // What the link called `path` (a clean_path() that was added) stands for: a file, or all files of a folder
  // in the order of their names, without hidden ones. What cannot be followed is an entry with a failure.
  // steps: of all calls so far; throws Error if there are too many.
  [[nodiscard]] std::vector<Linked> follow(const std::string& path, std::uint64_t& steps) const;

 private:
  struct Node {
    ArchiveEntry::Type type = ArchiveEntry::Type::file;
    std::string target;
    std::uint64_t ordinal = 0;
  };
  using Nodes = std::map<std::string, Node>;
  struct Walk;

  [[nodiscard]] const Node* find(const std::string& path) const;
  [[nodiscard]] bool is_folder(const std::string& path) const;
  // The name, without links in it, of what a link or another name leads to. components: those on the way are
  // added to it. Throws Error with the reason.
  [[nodiscard]] std::string resolve(const std::string& path, std::size_t& components) const;
  [[nodiscard]] std::uint64_t most_steps() const {
    return kLinkedFilesAlways + kLinkedFilesPerName * nodes_.size();
  }
  // Counts steps. Throws Error if there are too many.
  void count(std::uint64_t steps, Walk& walk) const;
  void follow_to(const std::string& target, const std::string& shown, Walk& walk) const;
  void list(const std::string& folder, const std::string& shown, Walk& walk) const;

  Nodes nodes_;  // by name with NUL for each slash, so that the entries of a folder are together and in order
  std::uint64_t name_bytes_ = 0;
  bool absolute_ = false;  // whether there are names from the root
};

}  // namespace convoy
