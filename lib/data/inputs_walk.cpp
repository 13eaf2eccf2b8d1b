#include "lib/data/inputs_walk.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "formats/image_stream.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

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

void list_into(const fs::path& folder, const std::string& prefix, int depth,
               std::vector<std::string>& files) {
  if (depth > kMaxFolderDepth) {
    throw Error(folder.string(), "folders nested more than " + std::to_string(kMaxFolderDepth) + " deep");
  }
  struct Entry {
    std::string name;
    bool folder = false;
  };
  std::vector<Entry> entries;
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    std::string name = at->path().filename().string();
    if (is_hidden(name)) continue;
    std::error_code broken;  // a link to nothing is listed as a file, and refused by name when it is opened
    entries.push_back({std::move(name), at->is_directory(broken)});
  }
  if (failure) throw_errno(folder.string(), failure.value());
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  for (const Entry& entry : entries) {
    const std::string path = prefix + entry.name;
    if (entry.folder) {
      list_into(folder / entry.name, path + "/", depth + 1, files);
    } else {
      files.push_back(path);
    }
  }
}

}  // namespace

std::vector<std::string> list_folder(const std::string& folder) {
  std::vector<std::string> files;
  list_into(folder, {}, 1, files);
  return files;
}

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

// The member called `path`, or nothing where it is an archive that is entered.
std::optional<ArchiveWalker::Member> ArchiveWalker::enter(const std::string& path) {
  ByteSource& content = outer_.content();
  const ContentKind kind = detect_content(content.peek(kDetectBytes));
  if (kind != ContentKind::tar && kind != ContentKind::compressed) return Member{path, {}, &content, false};
  ArchiveReader reader(content, place_ + ": " + path);
  stem_ = stem_of(path);
  if (reader.is_plain()) {
    // A compressed file; the reader stays for as long as its content is used.
    inner_.emplace(std::move(reader));
    if (!inner_->next()) return Member{path, {}, &content, false};
    return Member{path, {}, &inner_->content(), false};
  }
  if (!descend_) return Member{path, std::string(last_component(stem_)), &content, true};
  inner_.emplace(std::move(reader));
  return std::nullopt;
}

}  // namespace convoy
