#include "lib/prep/own_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "formats/image_stream.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/temporaries.h"

namespace convoy {
namespace {

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

[[noreturn]] void throw_is_input(const RunOutput& output) {
  throw UsageError(output.option, display_name(output.path, "standard output") + " is an input");
}

}  // namespace

std::vector<RunOutput> outputs_of(const Options& options, std::initializer_list<const char*> names) {
  std::vector<RunOutput> outputs;
  for (const char* name : names) {
    if (!options.text(name).empty()) outputs.push_back({std::string("--") + name, options.text(name)});
  }
  return outputs;
}

OwnFiles::OwnFiles(const std::vector<RunOutput>& outputs) {
  if (outputs.empty()) return;
  for (const RunOutput& output : outputs) add(output);
  for (const std::string& path : kept_temporaries()) add({{}, path});
}

bool OwnFiles::contain(const std::string& path) const {
  const RunOutput* const output = find(path);
  if (output == nullptr) return false;
  if (!output->option.empty() && holds_images(path)) throw_is_input(*output);
  return true;
}

void OwnFiles::refuse(const std::string& path) const {
  const RunOutput* const output = find(path);
  if (output != nullptr && !output->option.empty()) throw_is_input(*output);
}

const RunOutput* OwnFiles::find(const std::string& path) const {
  struct stat info {};
  if (files_.empty() || ::stat(path.c_str(), &info) != 0) return nullptr;
  const FileIdentity identity{info.st_dev, info.st_ino};
  const auto found = std::ranges::find(files_, identity, &File::is);
  return found == files_.end() ? nullptr : &found->output;
}

void OwnFiles::add(const RunOutput& output) {
  struct stat info {};
  const bool there = output.path == kStdStreamName ? ::fstat(STDOUT_FILENO, &info) == 0
                                                   : ::stat(output.path.c_str(), &info) == 0;
  if (there && S_ISREG(info.st_mode)) files_.push_back({{info.st_dev, info.st_ino}, output});
}

}  // namespace convoy
