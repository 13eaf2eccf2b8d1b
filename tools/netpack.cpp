// netpack: others' weights -> weights -> others' weights, or what is inside them.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "formats/list.h"
#include "formats/safetensors.h"
#include "formats/safetensors_checksum.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/table.h"
#include "lib/base/tool.h"
#include "lib/weights/export.h"
#include "lib/weights/extract.h"
#include "lib/weights/import.h"
#include "lib/weights/look.h"
#include "lib/weights/onnx_export.h"

namespace convoy {
namespace {

// Each way of looking excludes the other ways and every option of converting.
const ExclusiveOptions kLooks = {"list", "info", "verify", "extract"};
constexpr std::array kConverting = {"net",       "mean",     "classes", "rename",
                                    "normalize", "channels", "to",      "type"};

std::vector<ExclusiveOptions> exclusive_options() {
  std::vector<ExclusiveOptions> groups;
  for (const char* name : kConverting) {
    groups.push_back(kLooks);
    groups.back().emplace_back(name);
  }
  return groups;
}

const ToolInfo kInfo{
    .name = "netpack",
    .usage =
        "[OPTION]... [-o FILE] [WEIGHTS]\n"
        "--list|--info|--verify [-o FILE] [WEIGHTS]...\n"
        "--extract=net|classes|mean|options [-o FILE] [WEIGHTS]",
    .summary =
        "Makes weights of convoy of other programs' and the reverse, and looks inside weights,\n"
        "checkpoints, mean files and other safetensors files.",
    .exclusive = exclusive_options()};
constexpr SharedOptions kShared{.output = true, .files_from = true};

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("net", input_option("FILE"), "the net that the weights are for, if the file does not say it");
  add("mean", input_option("FILE", {.word = "none"}), "the mean that it subtracts; none subtracts nothing");
  add("classes", input_option("FILE"), "the class table (default: numbers, if the file has none)");
  add("rename", input_option("FILE"), "other names of tensors, lines FROM<TAB>TO");
  add("normalize", text_option("MEANS:DEVIATIONS"),
      "what was done to pixels from 0 to 1, such as 0.5:0.25, or one number a channel");
  add("channels", text_option("ORDER"), "the order of colours that the net was trained with: rgb or bgr");
  add("to", text_option("FORMAT", "weights"), "what to write: weights, safetensors or onnx");
  add("type", text_option("TYPE", "f32"), "the type of parameters in safetensors: f32, f16 or bf16");
  add("list", po::bool_switch(), "list the tensors with their statistics, one a line");
  add("info", po::bool_switch(), "say what the files hold");
  add("verify", po::bool_switch(), "read everything, check every rule, and name every loss");
  add("extract", text_option("PART"), "write a part of the file: net, classes, mean or options");
}

SafetensorsFile open(const std::string& input, const Options& options, Console& console) {
  SafetensorsFile file(input, Expected::weights, options.memory_limit());
  note_checksum(file.has_checksum(), file.name(), console);
  return file;
}

// Writes "FILE<TAB>whole tensors<TAB>losses"; returns the number of losses, which are named
// on standard error.
std::uint64_t verify(const std::string& input, const Options& options, OutputFile& out, Console& console) {
  WeightsVerdict verdict;
  try {
    verdict = verify_weights(open(input, options, console), options.memory_limit());
  } catch (const Error& error) {
    verdict.losses.emplace_back(error.what());
  } catch (const StorageError& error) {
    // The other files may lie elsewhere, and a verdict is asked for on each.
    verdict.losses.emplace_back(error.what());
  }
  for (const std::string& loss : verdict.losses) console.error(loss);
  out.write(tsv_field(display_name(input)) + "\t" + std::to_string(verdict.whole) + "\t" +
            std::to_string(verdict.losses.size()) + "\n");
  return verdict.losses.size();
}

int look_inside(const std::string& look, const std::vector<std::string>& inputs, const Options& options,
                Console& console) {
  OutputFile out(options.text("output"), OutputFile::Content::text);
  std::uint64_t losses = 0;
  for (const std::string& input : inputs) {
    if (look == "list") list_tensors(open(input, options, console), out);
    if (look == "info") describe_weights(open(input, options, console), out, options.memory_limit());
    if (look == "verify") losses += verify(input, options, out, console);
  }
  out.commit();
  return losses == 0 ? kStatusDone : kStatusFailure;
}

ImportRules import_rules(const Options& options) {
  ImportRules rules;
  const MemoryLimit memory = options.memory_limit();
  if (const std::string path = options.text("net"); !path.empty()) {
    rules.net = read_text_file(path, kMaxNetBytes, Expected::net);
    rules.net_place = display_name(path);
  }
  if (const std::string path = options.text("classes"); !path.empty()) {
    const LineMemory lines{.limit = memory, .bytes_a_line = kBytesAClass};
    rules.classes =
        parse_classes(read_list_file(path, kMaxListBytes, Expected::classes, lines), display_name(path));
  }
  rules.mean = read_given_mean(options.text("mean"), memory);
  rules.normalize = options.text("normalize");
  if (options.given("channels")) {
    rules.channels = options.choice("channels", {"rgb", "bgr"}) == 0 ? "rgb" : "bgr";
  }
  return rules;
}

int convert(const std::string& input, const Options& options, Console& console) {
  enum Format { weights_format, safetensors_format, onnx_format };
  const auto to = static_cast<Format>(options.choice("to", {"weights", "safetensors", "onnx"}));
  const DType type =
      std::array{DType::f32, DType::f16, DType::bf16}.at(options.choice("type", {"f32", "f16", "bf16"}));
  if (type != DType::f32 && to != safetensors_format)
    throw UsageError::about("--type", "--type needs --to=safetensors");
  const ImportRules rules = import_rules(options);
  std::optional<Extent> stored;
  if (rules.mean.extent.height > 1) stored = rules.mean.extent;
  ForeignWeights foreign = read_foreign(input, stored, options.memory_limit());
  if (const std::string path = options.text("rename"); !path.empty()) {
    const std::string text = read_text_file(path, kMaxRenameBytes);
    rename_tensors(foreign, parse_renames(text, display_name(path)), display_name(path));
  }
  ImportedWeights weights = import_weights(std::move(foreign), rules, console, options.memory_limit());
  const std::size_t parameters = weights.parameters.size();
  const std::string output = options.text("output");
  switch (to) {
    case weights_format:
      export_weights(std::move(weights), output);
      break;
    case safetensors_format:
      export_safetensors(weights, type, output);
      break;
    case onnx_format:
      export_onnx(std::move(weights), output);
      break;
  }
  console.note(count_of(parameters, "tensor"));
  return kStatusDone;
}

int run(const Options& options, Console& console) {
  const auto look =
      std::ranges::find_if(kLooks, [&](const std::string& name) { return options.given(name); });
  std::optional<WeightsPart> part;
  if (options.given("extract")) {
    part = std::array{WeightsPart::net, WeightsPart::classes, WeightsPart::mean, WeightsPart::options}.at(
        options.choice("extract", {"net", "classes", "mean", "options"}));
  }
  const std::vector<std::string> inputs = options.inputs();
  check_outputs(options.outputs(), inputs);
  if (look != kLooks.end() && !part) return look_inside(*look, inputs, options, console);
  if (inputs.size() != 1) throw UsageError("one file at a time, not " + std::to_string(inputs.size()));
  if (!part) return convert(inputs.front(), options, console);
  extract_part(open(inputs.front(), options, console), *part, options.text("output"), options.memory_limit());
  return kStatusDone;
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
