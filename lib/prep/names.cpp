#include "lib/prep/names.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "formats/image_stream.h"
#include "lib/base/content.h"

namespace convoy {
namespace {

using namespace std::string_view_literals;

// A path with more components, or more bytes, is matched as a whole: the runs in it are too many.
constexpr std::size_t kMaxMatchedComponents = 64;
constexpr std::size_t kMaxMatchedBytes = 4096;

constexpr std::array kImageSuffixes = {"jpg"sv,  "jpeg"sv, "jpe"sv, "jfif"sv, "png"sv,  "apng"sv, "webp"sv,
                                       "gif"sv,  "bmp"sv,  "dib"sv, "tif"sv,  "tiff"sv, "heic"sv, "heif"sv,
                                       "avif"sv, "jp2"sv,  "j2k"sv, "jxl"sv,  "mpo"sv,  "ppm"sv,  "pgm"sv,
                                       "pnm"sv,  "tga"sv,  "svg"sv, "ico"sv};

bool matches(const std::string& pattern, std::string_view text) {
  return ::fnmatch(pattern.c_str(), std::string(text).c_str(), 0) == 0;
}

bool matches_path(const std::string& pattern, std::string_view path) {
  const std::vector<std::string_view> parts = components_of(path);
  if (pattern.find('/') == std::string::npos) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return matches(pattern, part); });
  }
  const bool anchored = pattern.starts_with('/');
  const std::string rest = anchored ? pattern.substr(1) : pattern;
  if (parts.size() > kMaxMatchedComponents || path.size() > kMaxMatchedBytes) return matches(rest, path);
  // A slash at the end says that a folder is meant.
  const bool folder = rest.ends_with('/');
  const std::string run = folder ? rest.substr(0, rest.size() - 1) : rest;
  for (std::size_t from = 0; from < (anchored ? 1 : parts.size()); ++from) {
    std::string joined;
    for (std::size_t to = from; to + (folder ? 1 : 0) < parts.size(); ++to) {
      joined += (joined.empty() ? "" : "/") + std::string(parts[to]);
      if (matches(run, joined)) return true;
    }
  }
  return false;
}

// The folders above a folder that ends in a slash.
std::string_view above(std::string_view folder) {
  folder.remove_suffix(folder.empty() ? 0 : 1);
  return folders_of(folder);
}

}  // namespace

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view first_folder(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view folders_of(std::string_view path) { return path.substr(0, path.rfind('/') + 1); }

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : components_of(path)) {
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string clean;
  for (const std::string_view part : kept) clean += (clean.empty() ? "" : "/") + std::string(part);
  return clean;
}

bool is_hidden(std::string_view path) { return path.starts_with('.') || path.find("/.") != path.npos; }

std::string without_archive_extension(std::string_view path) {
  constexpr std::array extensions = {".gz"sv,   ".zst"sv,  ".bz2"sv, ".xz"sv,  ".tgz"sv,
                                     ".tzst"sv, ".tbz2"sv, ".txz"sv, ".tbz"sv, ".tar"sv};
  for (const std::string_view extension : extensions) {
    const std::string_view name = last_component(path);
    if (name.size() > extension.size() && name.ends_with(extension)) path.remove_suffix(extension.size());
  }
  return std::string(path);
}

bool has_archive_suffix(std::string_view path) {
  constexpr std::array short_ones = {".tgz"sv, ".tzst"sv, ".tbz2"sv, ".txz"sv, ".tbz"sv};
  const std::string_view name = last_component(path);
  const std::string_view stem = name.substr(0, name.rfind('.'));
  return name.ends_with(".tar") || (stem.ends_with(".tar") && without_archive_extension(name) != name) ||
         std::any_of(short_ones.begin(), short_ones.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

bool has_image_suffix(std::string_view path) {
  const std::string_view name = last_component(path);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string suffix(name.substr(dot + 1));
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kImageSuffixes.begin(), kImageSuffixes.end(), suffix) != kImageSuffixes.end();
}

bool has_image_content(std::span<const std::uint8_t> head) {
  const ContentKind kind = detect_content(head);
  if (kind == ContentKind::jpeg || kind == ContentKind::png) return true;
  const auto content = content_of(head);
  return content && content->picture;
}

bool is_excluded(std::string_view path, const NameRules& rules) {
  return std::any_of(rules.exclude.begin(), rules.exclude.end(),
                     [&](const std::string& pattern) { return matches_path(pattern, path); });
}

bool is_selected(std::string_view path, const NameRules& rules) {
  const bool included = std::any_of(rules.include.begin(), rules.include.end(),
                                    [&](const std::string& pattern) { return matches_path(pattern, path); });
  return (included || rules.include.empty()) && !is_excluded(path, rules);
}

void ClassRoot::add_folder(std::string_view path) {
  const std::string folder = path.empty() ? std::string() : std::string(path) + "/";
  // A hidden folder hides what is in it, unless it is only above the one that was packed.
  if (last_component(path).starts_with('.')) return;
  if (packed_.empty() || !folder.starts_with(packed_.back())) packed_.push_back(folder);
}

void ClassRoot::add_images(std::string_view folders) {
  if (images_.empty() || images_.back() != folders) images_.emplace_back(folders);
}

std::size_t ClassRoot::packed_part(std::string_view path) const {
  return !packed_.empty() && path.starts_with(packed_.back()) ? packed_.back().size() : 0;
}

bool ClassRoot::hides(std::string_view path) const { return is_hidden(path.substr(packed_part(path))); }

void ClassRoot::decide(std::optional<std::string_view> root) {
  std::sort(images_.begin(), images_.end());
  images_.erase(std::unique(images_.begin(), images_.end()), images_.end());
  parts_ = false;
  root_ = clean_path(root.value_or(""));
  if (!root_.empty()) root_ += '/';
  sure_ = root.has_value();
  if (sure_ || images_.empty()) return;
  // What the first and the last in order have in common, all have.
  const std::string& first = images_.front();
  const std::string& last = images_.back();
  const auto shared = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  const std::string common(folders_of(std::string_view(first.begin(), shared)));
  root_ = common;
  for (const std::string& folder : packed_) {
    if (!common.starts_with(folder) || (sure_ && folder.size() >= root_.size())) continue;
    root_ = folder;
    sure_ = true;
  }
  parts_ = !sure_ && are_parts();
  if (images_.size() == 1 && images_[0] == root_ && !above(root_).empty()) {
    root_ = above(root_);
    sure_ = false;
  }
}

// Whether the folders below root_ are parts of one set.
bool ClassRoot::are_parts() const {
  std::set<std::pair<std::string_view, std::string_view>> below;  // sub-folder, part
  for (const std::string& folders : images_) {
    std::string_view rest = std::string_view(folders).substr(root_.size());
    const std::string_view part = first_folder(rest);
    if (part.empty()) return false;
    rest.remove_prefix(part.size() + 1);
    if (rest.empty()) return false;
    below.emplace(first_folder(rest), part);
  }
  return std::adjacent_find(below.begin(), below.end(),
                            [](const auto& a, const auto& b) { return a.first == b.first; }) != below.end();
}

std::string_view ClassRoot::class_of(std::string_view path) const {
  if (!path.starts_with(root_)) return {};
  path.remove_prefix(root_.size());
  if (parts_) path.remove_prefix(std::min(path.size(), first_folder(path).size() + 1));
  return first_folder(path);
}

}  // namespace convoy
