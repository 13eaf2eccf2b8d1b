#include "kernels/cuda/library_paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>

namespace convoy::cuda {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> result;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ':');) {
    if (!word.empty()) result.push_back(word);
  }
  return result;
}

// The folders in `folder` whose name begins with `prefix`, sorted; none if it cannot be read.
std::vector<fs::path> folders_in(const fs::path& folder, std::string_view prefix = "") {
  std::vector<fs::path> result;
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    std::error_code unknown;
    if (at->path().filename().string().starts_with(prefix) && at->is_directory(unknown)) {
      result.push_back(at->path());
    }
  }
  std::ranges::sort(result);
  return result;
}

// Folders below which there may be lib/python3*.
std::vector<fs::path> python_prefixes() {
  std::vector<fs::path> result;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string value = variable(name); !value.empty()) result.emplace_back(value);
  }
  for (const std::string& folder : words(variable("PATH"))) {
    std::error_code failure;
    const fs::path python = fs::path(folder) / "python3";
    if (!fs::exists(python, failure)) continue;
    result.push_back(fs::path(folder).parent_path());
    const fs::path real = fs::canonical(python, failure);  // of a virtual environment
    if (!failure) result.push_back(real.parent_path().parent_path());
  }
  if (const std::string home = variable("HOME"); !home.empty()) result.push_back(fs::path(home) / ".local");
  result.emplace_back("/usr/local");
  result.emplace_back("/usr");
  return result;
}

std::vector<fs::path> package_folders() {
  std::vector<fs::path> result;
  for (const std::string& folder : words(variable("PYTHONPATH"))) result.emplace_back(folder);
  for (const fs::path& prefix : python_prefixes()) {
    for (const fs::path& python : folders_in(prefix / "lib", "python3")) {
      result.push_back(python / "site-packages");
      result.push_back(python / "dist-packages");
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> library_paths(const std::string& name) {
  std::vector<std::string> paths = {name};
  for (const std::string& home : {variable("CUDA_HOME"), std::string("/usr/local/cuda")}) {
    if (home.empty()) continue;
    for (const char* folder : {"/lib64/", "/targets/x86_64-linux/lib/"}) {
      paths.push_back(home + folder + name);
    }
  }
  std::vector<fs::path> seen;  // a folder may be found by several names
  for (const fs::path& packages : package_folders()) {
    for (const fs::path& wheel : folders_in(packages / "nvidia")) {
      const fs::path path = wheel / "lib" / name;
      std::error_code failure;
      const fs::path real = fs::canonical(path, failure);
      if (failure || std::ranges::find(seen, real) != seen.end()) continue;
      seen.push_back(real);
      paths.push_back(path.string());
    }
  }
  return paths;
}

}  // namespace convoy::cuda
