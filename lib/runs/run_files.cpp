#include "lib/runs/run_files.h"

#include <filesystem>
#include <string_view>

#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr std::string_view kWeightsSuffix = ".safetensors";
constexpr std::string_view kCheckpointSuffix = ".checkpoint.safetensors";

}  // namespace

void check_writable(const std::string& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  const bool special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
                       !std::filesystem::is_directory(status);
  if (special) return;  // opening a FIFO would wake up its reader
  const OutputFile probe(path, OutputFile::Content::binary);
}

std::string default_checkpoint(const std::string& output) {
  if (output == kStdStreamName) return {};
  const bool suffixed = output.size() > kWeightsSuffix.size() && output.ends_with(kWeightsSuffix);
  return output.substr(0, output.size() - (suffixed ? kWeightsSuffix.size() : 0)) +
         std::string(kCheckpointSuffix);
}

}  // namespace convoy
