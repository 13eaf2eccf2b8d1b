#include "lib/base/own_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/temporaries.h"

namespace convoy {
namespace {

std::optional<FileIdentity> regular(const struct stat& info) {
  return S_ISREG(info.st_mode) ? std::optional(FileIdentity(info)) : std::nullopt;
}

std::optional<FileIdentity> written_to(const std::string& output) {
  if (output != kStdStreamName) return regular_file(output);
  struct stat info {};
  return ::fstat(STDOUT_FILENO, &info) == 0 ? regular(info) : std::nullopt;
}

// Comparable to Destination::identity(). Empty for what is no file and no FIFO: a terminal or a socket can be
// read and written.
std::string identity_of_input(const std::string& path) {
  struct stat info {};
  const bool there =
      path == kStdStreamName ? ::fstat(STDIN_FILENO, &info) == 0 : ::stat(path.c_str(), &info) == 0;
  if (!there || (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))) return {};
  return file_identity(info);
}

UsageError misplaced(const RunOutput& output, const std::string& reason) {
  return {output.option, display_name(output.path, "standard output") + " " + reason};
}

}  // namespace

std::optional<FileIdentity> regular_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? regular(info) : std::nullopt;
}

void check_outputs(const std::vector<RunOutput>& outputs, const std::vector<std::string>& inputs,
                   Replacing replacing) {
  std::set<std::string> read;
  for (const std::string& input : inputs) read.insert(identity_of_input(input));
  const std::string messages = Destination::of_descriptor(STDERR_FILENO).identity();
  std::map<std::string, std::string> written;  // by what option
  for (const RunOutput& output : outputs) {
    const Destination to = Destination::of(output.path);
    const std::string identity = to.identity();
    if (identity.empty()) continue;
    const bool replaced = to.kind == Destination::Kind::file;
    if (read.contains(identity) && !(replaced && replacing == Replacing::inputs)) throw_is_input(output);
    if (replaced && identity == messages) throw misplaced(output, "is where standard error goes");
    const auto [other, added] = written.emplace(identity, output.option);
    if (!added) throw misplaced(output, "is what " + other->second + " writes already");
  }
}

void throw_is_input(const RunOutput& output) { throw misplaced(output, "is an input"); }

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
