#include "lib/prep/input_options.h"

namespace convoy {
namespace {

constexpr const char* kFilesFrom = "files-from";

}  // namespace

void add_list_options(po::options_description& options, const std::string& help) {
  auto add = options.add_options();
  add(kFilesFrom, text_option("FILE"), help.c_str());
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
  inputs.nul = options.flag("null");
  inputs.names = {.include = options.texts("include"), .exclude = options.texts("exclude")};
  inputs.detail = [&console](const std::string& message) { console.detail(message); };
  inputs.outputs = options.outputs({"output", "rejects"});
  return inputs;
}

}  // namespace convoy
