#include "lib/prep/walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "formats/image_stream.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/file_identity.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

bool is_hidden(std::string_view path) { return last_component(path).starts_with('.'); }

// "train/n01440764" of "train/n01440764.tar.gz".
std::string stem_of(std::string_view path) {
  constexpr std::array<std::string_view, 10> extensions = {".gz",   ".zst",  ".bz2", ".xz",  ".tgz",
                                                           ".tzst", ".tbz2", ".txz", ".tbz", ".tar"};
  for (const std::string_view extension : extensions) {
    const std::string_view name = last_component(path);
    if (name.size() > extension.size() && name.ends_with(extension)) path.remove_suffix(extension.size());
  }
  return std::string(path);
}

// The listing itself tells which entries are files and folders, of which there may be millions; the others
// are looked up. A dangling link has no type: it is listed as a file, and fails by name when it is opened.
fs::file_type type_of(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (entry.is_regular_file(ignored)) return fs::file_type::regular;
  if (entry.is_directory(ignored)) return fs::file_type::directory;
  return entry.status(ignored).type();
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

  // Adds what is in `folder`. path: its path from the topmost folder, for which it is empty.
  void list(const fs::path& folder, const std::string& path) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return fail(path, errno_text(errno));
    const FileIdentity identity(info);
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) {
      return fail(path, "leads back to a folder that it lies in");
    }
    if (above_.size() == static_cast<std::size_t>(kMaxFolderDepth)) {
      return fail(path, "folders nested more than " + std::to_string(kMaxFolderDepth) + " deep");
    }
    above_.push_back(identity);
    list_entries(folder, path);
    above_.pop_back();
  }
  [[nodiscard]] std::vector<FolderEntry> take() { return std::move(entries_); }

 private:
  static std::string errno_text(int code) { return std::generic_category().message(code); }
  void fail(const std::string& path, const std::string& reason) { entries_.push_back({path, reason}); }

  void list_entries(const fs::path& folder, const std::string& path) {
    struct Entry {
      std::string name;
      fs::file_type type = fs::file_type::none;
    };
    std::vector<Entry> here;
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
      std::string name = at->path().filename().string();
      if (is_hidden(name)) continue;
      here.push_back({std::move(name), type_of(*at)});
    }
    if (failure) fail(path, errno_text(failure.value()));
    std::sort(here.begin(), here.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    for (const Entry& entry : here) {
      const std::string inside = path.empty() ? entry.name : path + "/" + entry.name;
      switch (entry.type) {
        case fs::file_type::directory:
          list(folder / entry.name, inside);
          break;
        case fs::file_type::block:
        case fs::file_type::character:
        case fs::file_type::fifo:
        case fs::file_type::socket:
          fail(inside, "not a regular file");  // opening a FIFO would wait for its writer
          break;
        default:
          if (is_own((folder / entry.name).string())) break;
          entries_.push_back({inside, {}});
      }
    }
  }

  // Throws UsageError if the file is one that an output would replace, and an image or an archive.
  [[nodiscard]] bool is_own(const std::string& path) const {
    const RunOutput* const output = own_.find(path);
    if (output == nullptr) return false;
    if (!output->option.empty() && holds_images(path)) throw_is_input(*output);
    return true;
  }

  std::vector<FileIdentity> above_;  // from the topmost folder to the current one
  std::vector<FolderEntry> entries_;
  OwnFiles own_;  // left out of the listing
};

}  // namespace

std::vector<FolderEntry> list_folder(const std::string& folder, const std::vector<RunOutput>& outputs) {
  FolderLister lister(outputs);
  lister.list(folder, {});
  std::vector<FolderEntry> entries = lister.take();
  for (const FolderEntry& entry : entries) {
    if (entry.path.empty()) throw Error(folder, entry.failure);
  }
  return entries;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view first_folder(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

void CommonFolder::add(std::string_view path) {
  const std::string_view folder = path.substr(0, path.rfind('/') + 1);
  if (!any_) {
    any_ = true;
    common_ = folder;
    return;
  }
  const auto [mine, its] = std::mismatch(common_.begin(), common_.end(), folder.begin(), folder.end());
  common_.erase(mine, common_.end());
  common_.erase(common_.rfind('/') + 1);  // npos + 1 is 0: nothing in common
}

ArchiveWalker::ArchiveWalker(ByteSource& source, std::string place, bool descend)
    : place_(std::move(place)), descend_(descend), outer_(source, place_) {}

std::optional<ArchiveWalker::Member> ArchiveWalker::next() {
  try {
    return step();
  } catch (const Error& error) {
    if (error.place() != inner_place()) throw;
    throw Error(place_, inner_path_ + ": " + error.reason());
  }
}

std::optional<ArchiveWalker::Member> ArchiveWalker::step() {
  while (!ended_) {
    if (inner_) {
      if (auto member = next_inner()) return member;
      inner_.reset();
    }
    std::optional<ArchiveMember> entry;
    try {
      entry = outer_.next();
    } catch (...) {
      ended_ = true;
      throw;
    }
    if (!entry) break;
    if (is_hidden(entry->path)) continue;
    if (auto member = enter(entry->path)) return member;
  }
  ended_ = true;
  return std::nullopt;
}

std::optional<ArchiveWalker::Member> ArchiveWalker::next_inner() {
  try {
    while (auto entry = inner_->next()) {
      if (is_hidden(entry->path)) continue;
      const std::string path = std::string(last_component(stem_)) + "/" + entry->path;
      return Member{path, std::string(last_component(stem_)), &inner_->content(), false};
    }
  } catch (...) {
    inner_.reset();
    throw;
  }
  return std::nullopt;
}

// The member called `path`, or nothing if it is an archive that is descended into.
std::optional<ArchiveWalker::Member> ArchiveWalker::enter(const std::string& path) {
  ByteSource& content = outer_.content();
  const ContentKind kind = detect_content(content.peek(kDetectBytes));
  if (kind != ContentKind::tar && kind != ContentKind::compressed) return Member{path, {}, &content, false};
  inner_path_ = path;
  stem_ = stem_of(path);
  ArchiveReader reader(content, inner_place());
  if (reader.is_plain()) {
    // A compressed file. The reader is kept while its content is in use.
    inner_.emplace(std::move(reader));
    if (!inner_->next()) return Member{path, {}, &content, false};
    return Member{path, {}, &inner_->content(), false};
  }
  if (!descend_) return Member{path, std::string(last_component(stem_)), &content, true};
  inner_.emplace(std::move(reader));
  return std::nullopt;
}

}  // namespace convoy
