#include "lib/prep/walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "formats/image_stream.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/file_identity.h"
#include "lib/prep/names.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

// The listing itself tells which entries are files and folders, of which there may be millions; the others
// are looked up. A dangling link has no type: it is listed as a file, and fails by name when it is opened.
fs::file_type type_of(const fs::directory_entry& entry) {
  std::error_code failure;
  if (entry.is_regular_file(failure)) return fs::file_type::regular;
  if (entry.is_directory(failure)) return fs::file_type::directory;
  const fs::file_type type = entry.status(failure).type();
  throw_system_failure(entry.path().string(), failure);
  return type;
}

bool holds_images(const std::string& path) {
  try {
    InputFile file(path);
    std::array<std::byte, kDetectBytes> head{};
    const ContentKind kind = detect_content(as_u8(std::span(head).first(file.read(head))));
    return kind != ContentKind::unknown && kind != ContentKind::empty && kind != ContentKind::shard;
  } catch (const Error&) {
    return false;
  }
}

class FolderLister {
 public:
  explicit FolderLister(const std::vector<RunOutput>& outputs) : own_(outputs) {}

  // Adds what is in the topmost folder.
  void list(const std::string& folder) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return fail({}, errno_text(folder, errno));
    list(folder, FileIdentity(info), {}, false);
  }
  [[nodiscard]] std::vector<FolderEntry> take() { return std::move(entries_); }

 private:
  struct Entry {
    std::string name;
    fs::file_type type = fs::file_type::none;
    bool link = false;
    std::optional<FileIdentity> folder = {};  // which one it is, once that has been looked up
  };
  struct Listing {
    std::string folder;  // how it can be opened
    std::vector<Entry> entries;
    std::string failure;
  };

  // Why a folder cannot be listed. Throws SystemError if it is not to blame.
  static std::string errno_text(const std::string& folder, int code) {
    const std::error_code error(code, std::generic_category());
    throw_system_failure(folder, error);
    return error.message();
  }
  void fail(const std::string& path, const std::string& reason) { entries_.push_back({path, reason}); }

  // path: the folder's path from the topmost one, for which it is empty. linked: whether it leads through a
  // symbolic link. Links to folders of links lead to one folder again and again, so that one is read once.
  void list(const std::string& folder, const FileIdentity& identity, const std::string& path, bool linked) {
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) {
      return fail(path, std::string(kLeadsBack));
    }
    if (above_.size() == static_cast<std::size_t>(kMaxFolderDepth)) {
      return fail(path, nested_too_deep());
    }
    above_.push_back(identity);
    if (linked) {
      auto known = linked_listings_.find(identity);
      if (known == linked_listings_.end()) {
        known = linked_listings_.emplace(identity, read(folder)).first;
      }
      add(known->second, path, linked);
    } else {
      Listing listing = read(folder);
      add(listing, path, linked);
    }
    above_.pop_back();
  }

  Listing read(const std::string& folder) {
    Listing listing{.folder = folder, .entries = {}, .failure = {}};
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
      std::string name = at->path().filename().string();
      if (is_hidden(name)) continue;
      std::error_code ignored;
      listing.entries.push_back({std::move(name), type_of(*at), at->is_symlink(ignored)});
    }
    if (failure) listing.failure = errno_text(folder, failure.value());
    std::sort(listing.entries.begin(), listing.entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    names_ += listing.entries.size();
    return listing;
  }

  void add(Listing& listing, const std::string& path, bool linked) {
    if (!listing.failure.empty()) fail(path, listing.failure);
    for (Entry& entry : listing.entries) {
      const std::string inside = path.empty() ? entry.name : path + "/" + entry.name;
      const std::string file = (fs::path(listing.folder) / entry.name).string();
      switch (entry.type) {
        case fs::file_type::directory:
          if ((linked || entry.link) && ++linked_folders_ > kMaxLinkedFolders) {
            end(inside, "folders");
          } else {
            add_folder(entry, file, inside, linked || entry.link);
          }
          break;
        case fs::file_type::block:
        case fs::file_type::character:
        case fs::file_type::fifo:
        case fs::file_type::socket:
          fail(inside, std::string(kNotRegular));  // opening a FIFO would wait for its writer
          break;
        default:
          if (linked && ++linked_files_ > kLinkedFilesAlways + kLinkedFilesPerName * names_) {
            return end(inside, "files");
          }
          if (is_own(file)) break;
          entries_.push_back({inside, {}});
      }
    }
  }

  void add_folder(Entry& entry, const std::string& file, const std::string& path, bool linked) {
    if (!entry.folder) {
      struct stat info {};
      if (::stat(file.c_str(), &info) != 0) return fail(path, errno_text(file, errno));
      entry.folder.emplace(info);
    }
    list(file, *entry.folder, path, linked);
  }

  // Says once that links lead to too much.
  void end(const std::string& path, std::string_view what) {
    if (std::exchange(ended_, true)) return;
    fail(path, "links lead to more than " +
                   std::to_string(what == "folders" ? kMaxLinkedFolders : linked_files_ - 1) + " " +
                   std::string(what));
  }

  // Throws UsageError if the file is one that an output would replace, and an image or an archive.
  [[nodiscard]] bool is_own(const std::string& path) const {
    const RunOutput* const output = own_.find(path);
    if (output == nullptr) return false;
    if (!output->option.empty() && holds_images(path)) throw_is_input(*output);
    return true;
  }

  std::uint64_t names_ = 0;           // read
  std::uint64_t linked_folders_ = 0;  // listed behind links
  std::uint64_t linked_files_ = 0;    // listed behind links
  bool ended_ = false;
  std::map<FileIdentity, Listing> linked_listings_;
  std::vector<FileIdentity> above_;  // from the topmost folder to the current one
  std::vector<FolderEntry> entries_;
  OwnFiles own_;  // left out of the listing
};

}  // namespace

std::string nested_too_deep() {
  return "folders nested more than " + std::to_string(kMaxFolderDepth) + " deep";
}

std::vector<FolderEntry> list_folder(const std::string& folder, const std::vector<RunOutput>& outputs) {
  FolderLister lister(outputs);
  lister.list(folder);
  std::vector<FolderEntry> entries = lister.take();
  for (const FolderEntry& entry : entries) {
    if (entry.path.empty()) throw Error(folder, entry.failure);
  }
  return entries;
}

}  // namespace convoy
