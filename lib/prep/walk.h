// Walks through folders and archives.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/archive.h"
#include "formats/byte_source.h"
#include "lib/base/own_files.h"

namespace convoy {

// A file below a folder, or something below it that cannot be used.
struct FolderEntry {
  std::string path;     // relative to the folder
  std::string failure;  // why `path` cannot be used; empty: it is a file
};

// All files below a folder; the entries of each folder are sorted by the bytes of their names. Names that
// begin with a dot are left out. Symbolic links are followed, but not to a folder that they are in. A
// subfolder that cannot be read, leads back to a folder it is in, or is more than kMaxFolderDepth deep is an
// entry with a failure, and so is a FIFO, a socket or a device. Throws Error(folder, reason) if the folder
// itself cannot be read. Files that the run writes, including its temporary files, are left out; throws
// UsageError if one of them is now an image or an archive, which the output would replace.
inline constexpr int kMaxFolderDepth = 64;
[[nodiscard]] std::vector<FolderEntry> list_folder(const std::string& folder,
                                                   const std::vector<RunOutput>& outputs = {});

// What follows the last slash of a path, if there is one.
[[nodiscard]] std::string_view last_component(std::string_view path);

// The first component of a path that has at least two: "cat" of "cat/black/1.jpg", nothing of "1.jpg".
[[nodiscard]] std::string_view first_folder(std::string_view path);

// The folders that the paths of all files have in common, with a slash at the end: "train/" of "train/cat/1"
// and "train/dog/2".
class CommonFolder {
 public:
  void add(std::string_view path);
  [[nodiscard]] const std::string& get() const { return common_; }

 private:
  bool any_ = false;
  std::string common_;
};

// The members of an archive, and of the archives in it (ILSVRC2012_img_train.tar is a tar of tars), in order.
// Names that begin with a dot are left out.
class ArchiveWalker {
 public:
  struct Member {
    std::string path;   // in its archive; for members of an inner archive: "STEM/PATH"
    std::string inner;  // the inner archive's name without its extensions; empty: the outer archive
    ByteSource* content = nullptr;  // valid until the next call of next()
    bool archive = false;           // whether it is an inner archive that is not descended into
  };

  // descend: whether to go through inner archives. `source` must outlive the walker. Throws
  // Error(place, reason).
  ArchiveWalker(ByteSource& source, std::string place, bool descend);

  // The next member, or nothing at the end. Throws Error(place, reason) if the archive or an inner one is
  // damaged; the next call continues with what is whole after the damage.
  std::optional<Member> next();

 private:
  std::optional<Member> step();
  std::optional<Member> next_inner();
  std::optional<Member> enter(const std::string& path);

  [[nodiscard]] std::string inner_place() const { return place_ + ": " + inner_path_; }

  std::string place_;
  bool descend_;
  ArchiveReader outer_;
  bool ended_ = false;
  std::optional<ArchiveReader> inner_;  // reads from a member of outer_
  std::string inner_path_;              // in the outer archive
  std::string stem_;                    // of inner_path_
};

}  // namespace convoy
