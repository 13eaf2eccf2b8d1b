// What the names of files in folders and archives mean: one set of rules for both.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// --include and --exclude: patterns of fnmatch(3). A file is used if it matches one of `include`, or there is
// none, and none of `exclude`.
struct NameRules {
  std::vector<std::string> include = {};
  std::vector<std::string> exclude = {};
};

// What follows the last slash of a path, if there is one.
[[nodiscard]] std::string_view last_component(std::string_view path);

// The first component of a path that has at least two: "cat" of "cat/black/1.jpg", nothing of "1.jpg".
[[nodiscard]] std::string_view first_folder(std::string_view path);

// The folders of a path, with a slash at the end: "cat/black/" of "cat/black/1.jpg", nothing of "1.jpg".
[[nodiscard]] std::string_view folders_of(std::string_view path);

// The components of a path, without empty ones and ".".
[[nodiscard]] std::vector<std::string_view> components_of(std::string_view path);

// The path from the top of an archive, as tar unpacks it: without a leading slash, empty components and ".",
// with ".." applied. "cat/1.jpg" of "//cat/./black/../1.jpg".
[[nodiscard]] std::string clean_path(std::string_view path);

// Whether a component of the path begins with a dot.
[[nodiscard]] bool is_hidden(std::string_view path);

// "train/n01440764" of "train/n01440764.tar.gz".
[[nodiscard]] std::string without_archive_extension(std::string_view path);

// Whether the name says that this is a tar, compressed or not. If it is none, it is damaged.
[[nodiscard]] bool has_archive_suffix(std::string_view path);

// Whether the name says that this is an image, whether of a kind that can be read or not. Such a file is
// never passed over.
[[nodiscard]] bool has_image_suffix(std::string_view path);

// Whether the first bytes of a file (kDetectBytes, fewer if there are no more) are those of an image, of a
// kind that can be read or not.
[[nodiscard]] bool has_image_content(std::span<const std::uint8_t> head);

// Whether the rules of --include and --exclude leave the file at `path` in. A pattern with a slash is matched
// with the path and with each run of components in it, one without a slash with each component.
[[nodiscard]] bool is_selected(std::string_view path, const NameRules& rules);
// Whether --exclude leaves the path out. --include is about the files in an archive, not about its own name.
[[nodiscard]] bool is_excluded(std::string_view path, const NameRules& rules);

// Finds the folder whose sub-folders are the classes of an archive. That is, in this order:
// - the folder that tar was told to pack, if the archive has an entry for it and all images are in it; but
//   the folder above, if it has one and all images are directly in it: then it is a class folder itself;
// - otherwise the folder that all images have in common, or the one above on the same condition;
// - each of several folders on the top, if two of them have sub-folders of the same name and no image is
//   directly in one of them: these are the parts of one set.
class ClassRoot {
 public:
  // An entry for a folder.
  void add_folder(std::string_view path);
  // An image in the folders `folders` (folders_of() its path).
  void add_images(std::string_view folders);
  // Whether the path is hidden: of the folders, only those below the one that tar was told to pack count.
  [[nodiscard]] bool hides(std::string_view path) const;
  // How much of the path is the folder that tar was told to pack.
  [[nodiscard]] std::size_t packed_part(std::string_view path) const;
  // To be called once all images have been added. root: the folder that the user names.
  void decide(std::optional<std::string_view> root = {});
  // The class folder of an image; empty if it is in none.
  [[nodiscard]] std::string_view class_of(std::string_view path) const;
  // The folder above the class folders, with a slash at the end. "" is the top.
  [[nodiscard]] const std::string& folder() const { return root_; }
  // Whether folder() is the one that tar was told to pack, or was given. Otherwise it is a guess.
  [[nodiscard]] bool is_sure() const { return sure_; }
  // Whether the class folders are those below each folder in folder().
  [[nodiscard]] bool in_parts() const { return parts_; }

 private:
  [[nodiscard]] bool are_parts() const;
  std::vector<std::string> packed_;  // folders that no earlier one contains, with a slash at the end
  std::vector<std::string> images_;  // folders with images
  std::string root_;
  bool sure_ = false;
  bool parts_ = false;
};

}  // namespace convoy
