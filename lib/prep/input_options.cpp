#include "lib/prep/input_options.h"

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr const char* kFilesFrom = "files-from";

}  // namespace

void add_list_options(po::options_description& options, const std::string& help) {
  auto add = options.add_options();
  add(kFilesFrom, input_option("FILE"), help.c_str());
  add("list-root", text_option("DIR"),
      "the paths in --files-from are below this folder, even with a / before them");
  add("null,0", po::bool_switch(), "entries in --files-from end in a NUL byte, not in a newline");
  add("include", texts_option("GLOB"),
      "of the files in folders and archives, use only those whose name matches (may be given repeatedly)");
  add("exclude", texts_option("GLOB"),
      "leave out the files in folders and archives whose name matches (may be given repeatedly)");
}

InputOptions read_input_options(const Options& options, Console& console) {
  InputOptions inputs;
  inputs.files_from = options.text(kFilesFrom);
  inputs.operands = inputs.files_from.empty() ? options.inputs() : options.operands();
  inputs.list_root = options.text("list-root");
  if (!inputs.list_root.empty() && inputs.files_from.empty()) {
    throw UsageError::about("--list-root", "--list-root needs --files-from");
  }
  inputs.nul = options.flag("null");
  inputs.memory_limit = inputs.labels.memory_limit = options.memory_limit();
  inputs.names = {.include = options.texts("include"), .exclude = options.texts("exclude")};
  inputs.detail = [&console](const std::string& message) { console.detail(message); };
  inputs.outputs = options.outputs();
  return inputs;
}

}  // namespace convoy
