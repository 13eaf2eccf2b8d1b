#include "lib/base/output_folder.h"

#include <algorithm>
#include <filesystem>

#include "lib/base/destination.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

// The same for every name of a folder, which need not be there yet.
std::string canonical(const std::string& folder) {
  std::error_code failure;
  std::string path = std::filesystem::weakly_canonical(folder, failure).string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

OutputFolder::OutputFolder(const std::string& folder, const Replaceable& replaceable)
    : path_(folder), lock_(Destination{.name = folder, .path = canonical(folder)}) {
  std::error_code failure;
  const bool there = std::filesystem::exists(folder, failure);
  if (there && !std::filesystem::is_directory(folder, failure)) throw Error(folder, "is not a folder");
  if (!there && std::filesystem::is_symlink(folder, failure)) {
    throw Error(folder, "is a link to a folder that is not there: make it first");
  }
  if (!there) return;
  std::filesystem::directory_iterator entry(folder, failure);
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    std::error_code unknown;
    const bool older = replaceable &&
                       entry->symlink_status(unknown).type() == std::filesystem::file_type::regular &&
                       replaceable(entry->path().filename().string());
    if (!older) {
      throw Error(
          folder,
          "is not empty: name another folder, or, if a run that was killed has left this one, remove it "
          "first");
    }
    older_.push_back(entry->path().string());
  }
  if (failure) throw Error(folder, failure.message());
}

OutputFolder::~OutputFolder() {
  for (std::vector<std::string>* const paths : {&files_, &folders_}) {
    std::error_code ignored;
    std::ranges::reverse(*paths);  // what is in a folder before the folder
    for (const std::string& path : *paths) std::filesystem::remove(path, ignored);
  }
}

void OutputFolder::clear() {
  std::error_code failure;
  for (const std::string& path : older_) {
    std::filesystem::remove(path, failure);
    if (failure) throw Error(path, failure.message());
  }
  older_.clear();
}

void OutputFolder::add_folder(const std::string& path) {
  std::error_code failure;
  std::vector<std::filesystem::path> missing;
  for (std::filesystem::path one = path; !one.empty() && !std::filesystem::exists(one, failure);
       one = one.parent_path()) {
    missing.push_back(one);
  }
  for (; !missing.empty(); missing.pop_back()) {
    if (std::filesystem::create_directory(missing.back(), failure)) folders_.push_back(missing.back());
    if (failure) throw Error(path, failure.message());
  }
}

void OutputFolder::keep() {
  files_.clear();
  folders_.clear();
}

}  // namespace convoy
