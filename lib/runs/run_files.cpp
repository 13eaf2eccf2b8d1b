#include "lib/runs/run_files.h"

#include <filesystem>
#include <string_view>

#include "lib/base/destination.h"
#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr std::string_view kWeightsSuffix = ".safetensors";
constexpr std::string_view kCheckpointSuffix = ".checkpoint";

}  // namespace

OutputLock hold_output(const std::string& output, OutputFile::Content content) {
  if (output.empty()) return {};
  const Destination to = Destination::of(output);
  OutputLock lock(to);
  // Opening a FIFO would wake up its reader.
  if (to.kind != Destination::Kind::special || std::filesystem::is_directory(to.path)) {
    const OutputFile probe(output, content);
  }
  return lock;
}

std::string file_beside(const std::string& output, std::string_view suffix) {
  const Destination to = Destination::of(output);
  const bool in_folder = to.kind == Destination::Kind::file ||
                         (to.kind == Destination::Kind::special && std::filesystem::is_fifo(to.path));
  if (!in_folder) return {};
  const bool suffixed = output.size() > kWeightsSuffix.size() && output.ends_with(kWeightsSuffix);
  return output.substr(0, output.size() - (suffixed ? kWeightsSuffix.size() : 0)) + std::string(suffix) +
         std::string(kWeightsSuffix);
}

std::string default_checkpoint(const std::string& output) { return file_beside(output, kCheckpointSuffix); }

}  // namespace convoy
