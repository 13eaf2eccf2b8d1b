// netpack: weights -> what is inside them.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "formats/safetensors_checksum.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/table.h"
#include "lib/base/tool.h"
#include "lib/weights/extract.h"
#include "lib/weights/look.h"

namespace convoy {
namespace {

const ExclusiveOptions kLooks = {"list", "info", "verify", "extract"};

const ToolInfo kInfo{.name = "netpack",
                     .usage =
                         "--list|--info|--verify [-o FILE] [WEIGHTS]...\n"
                         "--extract=net|classes|mean|options [-o FILE] [WEIGHTS]",
                     .summary = "Looks inside weights, checkpoints, mean files and other safetensors files.",
                     .exclusive = {kLooks}};
constexpr SharedOptions kShared{.output = true, .files_from = true};

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("list", po::bool_switch(), "list the tensors with their statistics, one a line");
  add("info", po::bool_switch(), "say what the files hold");
  add("verify", po::bool_switch(), "read everything, check every rule, and name every loss");
  add("extract", text_option("PART"), "write a part of the file: net, classes, mean or options");
}

// Returns "list", "info", "verify" or "extract". Throws UsageError if none is given.
std::string look_from(const Options& options) {
  const auto look =
      std::ranges::find_if(kLooks, [&](const std::string& name) { return options.given(name); });
  if (look == kLooks.end()) throw UsageError("nothing to do: give --list, --info, --verify or --extract");
  return *look;
}

SafetensorsFile open(const std::string& input, const Options& options, Console& console) {
  SafetensorsFile file(input, Expected::weights, options.memory_limit());
  note_checksum(file.has_checksum(), file.name(), console);
  return file;
}

// Writes "FILE<TAB>whole tensors<TAB>losses"; returns the number of losses, which are named on standard
// error.
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

int run(const Options& options, Console& console) {
  const std::string look = look_from(options);
  std::optional<WeightsPart> part;
  if (look == "extract") {
    part = std::array{WeightsPart::net, WeightsPart::classes, WeightsPart::mean, WeightsPart::options}.at(
        options.choice("extract", {"net", "classes", "mean", "options"}));
  }
  const std::vector<std::string> inputs = options.inputs();
  check_outputs(options.outputs(), inputs);
  if (!part) return look_inside(look, inputs, options, console);
  if (inputs.size() != 1) throw UsageError("--extract takes one file, not " + std::to_string(inputs.size()));
  extract_part(open(inputs.front(), options, console), *part, options.text("output"), options.memory_limit());
  return kStatusDone;
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
