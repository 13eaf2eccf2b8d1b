// Walks through folders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
// entry with a failure, and so is a FIFO, a socket or a device, and the folder that would be one more than
// kMaxLinkedFolders behind links, as links to folders of links multiply, and the entry that would be one more
// than kLinkedFilesAlways, and kLinkedFilesPerName for each name that was read. Throws Error(folder, reason)
// if the folder itself cannot be read. Files that the run writes, including its temporary files, are left
// out; throws UsageError if one of them is now an image or an archive, which the output would replace.
inline constexpr std::uint64_t kMaxLinkedFolders = 200'000;
// Files and folders that links may stand for, in folders and archives, where each link to a folder stands for
// all that is in it: so many for each name, and of a few names so many in any case.
inline constexpr std::uint64_t kLinkedFilesPerName = 16;
inline constexpr std::uint64_t kLinkedFilesAlways = 200'000;
inline constexpr int kMaxFolderDepth = 64;
[[nodiscard]] std::vector<FolderEntry> list_folder(const std::string& folder,
                                                   const std::vector<RunOutput>& outputs = {});

// Why something is not followed or read, in folders, archives and lists.
inline constexpr std::string_view kLeadsBack = "leads back to a folder that it lies in";
inline constexpr std::string_view kNotRegular = "not a regular file";
[[nodiscard]] std::string nested_too_deep();

}  // namespace convoy
