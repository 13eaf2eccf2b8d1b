#include "lib/base/own_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/temporaries.h"

namespace convoy {
namespace {

constexpr const char* kIsInput = "is an input";

std::optional<FileIdentity> regular(const struct stat& info) {
  return S_ISREG(info.st_mode) ? std::optional(FileIdentity{info.st_dev, info.st_ino}) : std::nullopt;
}

std::optional<FileIdentity> written_to(const std::string& output) {
  if (output != kStdStreamName) return regular_file(output);
  struct stat info {};
  return ::fstat(STDOUT_FILENO, &info) == 0 ? regular(info) : std::nullopt;
}

// A text that is equal for two paths to the same regular file, also if that does not exist yet. Empty for a
// device, a pipe or a folder.
std::string key_of(const std::string& path) {
  if (const auto file = regular_file(path)) {
    return std::to_string(file->device) + ":" + std::to_string(file->inode);
  }
  std::error_code failure;
  if (std::filesystem::exists(path, failure)) return {};
  return std::filesystem::weakly_canonical(path, failure).string();
}

UsageError misplaced(const RunOutput& output, const std::string& reason) {
  return {output.option, display_name(output.path, "standard output") + " " + reason};
}

}  // namespace

std::optional<FileIdentity> regular_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? regular(info) : std::nullopt;
}

void check_outputs(const std::vector<RunOutput>& outputs, const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> taken;  // why a file cannot be used again, by its key
  for (const std::string& input : inputs) {
    if (input != kStdStreamName) taken.emplace(key_of(input), kIsInput);
  }
  taken.erase(std::string());
  for (const RunOutput& output : outputs) {
    const std::string key = output.path == kStdStreamName ? std::string(kStdStreamName) : key_of(output.path);
    if (key.empty()) continue;
    const auto [other, added] = taken.emplace(key, "is what " + output.option + " writes already");
    if (!added) throw misplaced(output, other->second);
  }
}

void throw_is_input(const RunOutput& output) { throw misplaced(output, kIsInput); }

OwnFiles::OwnFiles(const std::vector<RunOutput>& outputs) {
  if (outputs.empty()) return;
  std::vector<RunOutput> all = outputs;
  for (const std::string& path : kept_temporaries()) all.push_back({{}, path});
  for (const RunOutput& output : all) {
    if (const auto identity = written_to(output.path)) files_.push_back({*identity, output});
  }
}

const RunOutput* OwnFiles::find(const std::string& path) const {
  const auto identity = files_.empty() ? std::nullopt : regular_file(path);
  if (!identity) return nullptr;
  const auto found = std::ranges::find(files_, *identity, &File::identity);
  return found == files_.end() ? nullptr : &found->output;
}

void OwnFiles::refuse(const std::string& path) const {
  const RunOutput* const output = find(path);
  if (output != nullptr && !output->option.empty()) throw_is_input(*output);
}

}  // namespace convoy
