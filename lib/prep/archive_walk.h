// Walks through archives, and the archives in them, as a folder walk does through what they unpack to.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "formats/archive.h"
#include "formats/byte_source.h"
#include "lib/base/file.h"
#include "lib/prep/archive_tree.h"
#include "lib/prep/names.h"

namespace convoy {

// The files that the links in an archive stand for may have so many bytes in any case, each counted once for
// each link, and kLinkedBytesPerByte more for each byte of the archive.
inline constexpr std::uint64_t kLinkedBytesAlways = std::uint64_t{1} << 28;
inline constexpr std::uint64_t kLinkedBytesPerByte = 16;

// Opens the bytes of an archive again, from the first one. Throws Error, with the reason, if it cannot.
using Reopen = std::function<std::shared_ptr<ByteSource>()>;

// The files in one archive in order, without those in archives inside it. Links stand where they are for the
// files that they lead to, so an archive with links is read three times: for its names, for the files that
// links lead to, which are copied to a temporary file, and for all others.
class LinkedArchive {
 public:
  struct File {
    std::string path;               // clean_path()
    ByteSource* content = nullptr;  // valid until the next call of next() or again()
    std::string failure = {};       // why there is no content
  };
  // The first link in an archive that cannot be reopened.
  struct CannotReopen {};

  // place: for messages. reopen: empty: next() throws CannotReopen at the first link. skip: entries that are
  // passed over. Throws Error(place, reason).
  LinkedArchive(std::shared_ptr<ByteSource> source, Reopen reopen, std::string place, std::uint64_t skip = 0);

  // Whether the source is a compressed file but no archive.
  [[nodiscard]] bool is_plain() const { return reader_->is_plain(); }
  // The next file that is not hidden, or nothing at the end. Throws Error(place, reason) for a damaged
  // archive.
  std::optional<File> next();
  // The content of the last file again.
  [[nodiscard]] ByteSource& again();
  // Entries before the one that next() or CannotReopen was about.
  [[nodiscard]] std::uint64_t entries_before() const { return entries_ - 1; }
  // The folders so far.
  [[nodiscard]] const ClassRoot& root() const { return root_; }

 private:
  struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  void open_at(std::uint64_t entries);
  void follow_links();
  void keep_targets(const std::unordered_map<std::uint64_t, std::uint64_t>& needed);
  std::optional<File> linked_file();

  std::string place_;
  Reopen reopen_;
  std::shared_ptr<ByteSource> source_;
  std::optional<ArchiveReader> reader_;
  std::uint64_t entries_ = 0;
  ClassRoot root_;
  std::optional<ArchiveTree> tree_;  // once a link has been met
  std::string no_links_;             // why links cannot be followed
  std::optional<TemporaryFile> kept_;
  std::unordered_map<std::uint64_t, Extent> extents_;  // in kept_, by entry
  std::deque<ArchiveTree::Linked> pending_;            // of the current link
  std::unique_ptr<ByteSource> linked_;                 // content of the current file, if a link led to it
  std::optional<Extent> linked_extent_;
};

// The files in an archive and in the archives in it (ILSVRC2012_img_train.tar is a tar of tars), in order.
class ArchiveWalker {
 public:
  struct Member {
    std::string path;             // in its archive; for members of an inner archive: "STEM/PATH"
    std::string inner = {};       // the inner archive's name without its extensions; empty: the outer archive
    std::string inner_path = {};  // its path
    ByteSource* content = nullptr;  // valid until the next call of next(); none if there is a failure
    std::string failure = {};
    std::size_t packed = 0;  // how much of the path is the folder that tar was told to pack
  };

  ArchiveWalker(std::shared_ptr<ByteSource> source, Reopen reopen, std::string place);

  // The next member, or nothing at the end. Throws Error(place, reason) if the archive or an inner one is
  // damaged; the next call continues with what is whole after the damage.
  std::optional<Member> next();
  // Passes over the rest of the inner archive.
  void leave_inner() { inner_.reset(); }
  // The folders of the outer archive so far.
  [[nodiscard]] const ClassRoot& root() const { return outer_.root(); }

 private:
  std::optional<Member> step();
  std::optional<Member> next_inner();
  std::optional<Member> enter(LinkedArchive::File& file);
  void open_inner(ByteSource& content, std::uint64_t skip);
  [[nodiscard]] std::string inner_place() const { return place_ + ": " + inner_path_; }

  std::string place_;
  LinkedArchive outer_;
  bool ended_ = false;
  bool copies_inner_ = false;  // an inner archive had links, so each is copied to a temporary file first
  std::optional<TemporaryFile> copy_;
  std::optional<LinkedArchive> inner_;  // reads from a member of outer_, or from copy_
  std::string inner_path_;              // in the outer archive
  std::string stem_;                    // of inner_path_
};

}  // namespace convoy
