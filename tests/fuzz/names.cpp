// Names in folders and archives, and the names of files that are made from them.
#include "lib/prep/names.h"

#include "lib/base/lines.h"
#include "lib/prep/list_text.h"
#include "lib/shards/extract_names.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kLongestName = 255;  // of a file, in bytes
constexpr std::size_t kNeverCut = 60;      // bytes of a text whose safe name is not shortened

void check_path(std::string_view path) {
  const std::string clean = clean_path(path);
  require(clean_path(clean) == clean, "a clean path that is cleaned differs");
  require(!clean.starts_with('/') && !clean.ends_with('/'), "a clean path has a slash at an end");
  std::string joined;
  for (const std::string_view component : components_of(clean)) {
    require(component != "..", "a clean path leads up");
    joined += (joined.empty() ? "" : "/") + std::string(component);
  }
  require(joined == clean, "the components of a clean path are not the path");
  require(std::string(folders_of(path)) + std::string(last_component(path)) == path,
          "a path is not its parts");
  require(clean.starts_with(without_archive_extension(clean)), "a stem is not the beginning of its name");
}

void check_file_name(std::string_view text) {
  const std::string name = safe_file_name(text);
  require(!name.empty() && name.size() <= kLongestName, "a file name is empty or too long");
  require(!name.starts_with('.') && !name.starts_with('-'), "a file name begins with a dot or a dash");
  require(name.find('/') == std::string::npos && std::ranges::none_of(name, is_control), "no name of a file");
}

// The classes of an archive do not depend on the order of its images.
void check_root(const std::vector<std::string>& paths) {
  ClassRoot root;
  ClassRoot reversed;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    root.add_images(folders_of(paths[i]));
    reversed.add_images(folders_of(paths[paths.size() - 1 - i]));
  }
  root.decide();
  reversed.decide();
  require(root.folder() == reversed.folder() && root.in_parts() == reversed.in_parts(),
          "the class root differs");
  for (const std::string& path : paths) {
    const std::string_view one = root.class_of(path);
    require(one == reversed.class_of(path), "the class of an image differs");
    require(one.find('/') == std::string_view::npos, "a class is more than a folder");
  }
}

void fuzz(Input input) {
  std::vector<std::string> paths;
  std::vector<std::string> lines;
  for_each_line(text_of(input), '\n', [&](std::string_view line, std::uint64_t /*number*/) {
    check_path(line);
    check_file_name(line);
    lines.emplace_back(line);
    const std::string clean = clean_path(line);
    if (!clean.empty() && paths.size() < 50) paths.push_back(clean);
  });
  check_root(paths);
  if (lines.size() < 3) return;
  if (lines[0] != lines[1] && lines[0].size() < kNeverCut && lines[1].size() < kNeverCut) {
    require(safe_file_name(lines[0]) != safe_file_name(lines[1]), "two names become one");
  }
  const NameRules with{.include = {lines[1]}};
  const NameRules without{.exclude = {lines[1]}};
  require(is_selected(lines[0], with) != is_selected(lines[0], without),
          "a name is both in and out, or neither");
  require(is_selected(lines[0], without) != is_excluded(lines[0], without),
          "a name that is left out is selected");
}

std::vector<Bytes> seeds() {
  return {bytes_of("train/cat/1.jpg\ntrain/dog/2.jpg\ntrain/.hidden/3.jpg\n"),
          bytes_of("//a/./b/../c.tar.gz\n*.gz\na/[b-d]/?.jpg\n../..\n"),
          bytes_of("x/train/a/1.jpg\nx/val/a/2.jpg\nx/train/b/3.jpg\nx/val/b/4.jpg\n"),
          bytes_of("-o\n.x%\n\x1b[0m\n")};
}

const AddReader kReader({.name = "names", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
