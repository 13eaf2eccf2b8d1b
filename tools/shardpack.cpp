// shardpack: shards -> shards (merged, shuffled, split, cut, transcoded), or what is inside them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/part.h"
#include "lib/base/tool.h"
#include "lib/shards/encoding.h"
#include "lib/shards/extract.h"
#include "lib/shards/look.h"
#include "lib/shards/outputs.h"
#include "lib/shards/pack.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

// Each way of looking excludes the other ways and every option of packing.
const ExclusiveOptions kLooks = {"list", "info", "verify", "extract"};
constexpr std::array kPacking = {"shuffle", "memory",   "shards", "per-shard",
                                 "split",   "split-by", "part",   "codec"};

std::vector<ExclusiveOptions> exclusive_options() {
  // The product of --verify is its verdict, which no limit changes.
  std::vector<ExclusiveOptions> groups = {
      {"shards", "per-shard"}, {"extract", "output"}, {"verify", "max-rejects"}};
  for (const char* name : kPacking) {
    groups.push_back(kLooks);
    groups.back().emplace_back(name);
  }
  return groups;
}

const ToolInfo kInfo{
    .name = "shardpack",
    .usage = "[OPTION]... [SHARD]...\n--list|--info|--verify [SHARD]...\n--extract=DIR [SHARD]...",
    .summary = "Merges, shuffles, splits, cuts and transcodes shards, and looks inside them.",
    .exclusive = exclusive_options()};
constexpr SharedOptions kShared{.output = true, .files_from = true, .threads = true, .seed = true};

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("shuffle", po::bool_switch(), "write the records in an order drawn from --seed");
  add("memory", text_option("BYTES"),
      "shuffle with so much memory (default: half of what there is); K, M, G, T");
  add("shards", text_option("N"), "write N shards of equal size; -o is a pattern with %d or %05d");
  add("per-shard", text_option("N"), "write shards of N records; -o is a pattern with %d or %05d");
  add("split", text_option("NAME:FRACTION,..."),
      "draw parts, such as train:0.9,val:0.1; -o has %s for the name");
  add("split-by", text_option("class|record"),
      "what --split divides: each class (the default), or all records together");
  add_part_option(options, "write only the i-th of N parts of the outputs; of a single one, of its records");
  add_codec_option(
      options, {.placeholder = "raw|jpeg[:QUALITY]", .default_value = {}, .text = "transcode the payloads"});
  add("list", po::bool_switch(), "list the records, one a line");
  add("info", po::bool_switch(), "say what the shards hold");
  add("json", po::bool_switch(), "with --info: as JSON, one line a shard");
  add("verify", po::bool_switch(), "read everything and name every loss");
  add("extract", text_option("DIR"), "write the records as image files into folders of their classes");
  add_rejects_options(options, {.on_error = "what to do about damaged records",
                                .rejects = "write place and reason of every loss to FILE"});
}

// Returns "list", "info", "verify" or "extract"; empty to pack.
std::string look_from(const Options& options) {
  const auto look =
      std::ranges::find_if(kLooks, [&](const std::string& name) { return options.given(name); });
  std::string name = look == kLooks.end() ? std::string() : *look;
  if (options.given("split-by") && !options.given("split")) {
    throw UsageError::about("--split-by", "--split-by needs --split");
  }
  if (options.flag("json") && name != "info") throw UsageError::about("--json", "--json needs --info");
  return name;
}

PackOptions pack_options(const Options& options) {
  PackOptions pack;
  pack.inputs = options.inputs();
  pack.output = options.text("output");
  pack.check_output = [&options](const std::string& path) { options.check_output("output", path); };
  pack.shuffle = options.flag("shuffle");
  pack.seed = options.seed();
  pack.limit = options.memory_limit();
  pack.memory =
      options.given("memory") ? parse_bytes(options.text("memory"), "--memory") : pack.limit.bytes / 2;
  if (options.given("memory") && options.given("max-memory") && pack.memory > pack.limit.bytes) {
    throw UsageError::about("--memory", "--memory is more than --max-memory");
  }
  if (options.given("split")) pack.split = parse_split(options.text("split"));
  if (options.given("split-by")) pack.split_by = parse_split_by(options.text("split-by"));
  if (options.given("shards")) {
    pack.shards = static_cast<std::uint64_t>(options.integer("shards", 1, kMaxOutputs));
  }
  if (options.given("per-shard")) {
    pack.per_shard = static_cast<std::uint64_t>(options.integer("per-shard", 1, INT64_MAX));
  }
  if (options.given(kPartOption)) pack.part = parse_part(options.text(kPartOption));
  const auto encoding = read_encoding(options);
  if (encoding) pack.codec = encoding->codec;
  pack.quality = encoding.value_or(Encoding{}).quality;
  pack.threads = options.threads();
  return pack;
}

// Skips inputs that cannot be read at all, and looks at the others. Returns the exit status.
int look_inside(const std::string& look, const Options& options, Rejects& rejects, Console& console) {
  LookProgress progress(options.inputs(), options.text("output"), console, options.memory_limit());
  OutputFile out(options.text("output"), OutputFile::Content::text);
  const DamageHandler on_damage = rejects.on_damage();
  std::uint64_t read = 0;
  std::uint64_t records = 0;
  for (const std::string& input : options.inputs()) {
    try {
      if (look == "list") records += list_shard(input, out, on_damage, progress);
      if (look == "info") {
        records += describe_shard(input, options.flag("json") ? InfoForm::json : InfoForm::text, out,
                                  on_damage, progress);
      }
      if (look == "verify") verify_shard(input, out, on_damage, progress);
      ++read;
    } catch (const EndedByReject&) {
      throw;
    } catch (const Error& error) {
      rejects.add(damage_of(error, error.place(), {.records = 0, .more = true}));
    } catch (const StorageError& error) {
      // The other shards may lie elsewhere, and a verdict is asked for on each.
      if (look != "verify") throw;
      rejects.add(error.place(), error.reason(), {.records = 0, .more = true});
    }
    progress.next_input();
  }
  if (look == "verify") {
    out.commit();
    return rejects.any() ? kStatusFailure : kStatusDone;
  }
  rejects.conclude(std::max(records, read), "record");  // a shard without records can be described too
  out.commit();
  return rejects.status();
}

int run(const Options& options, Console& console) {
  const std::string look = look_from(options);
  const RejectRules reject_rules = options.reject_rules();
  const std::vector<std::string> inputs = options.inputs();
  for (const RunOutput& output : options.outputs()) {
    // A shard may take the place of its input, unless other parts need that.
    const bool may = look.empty() && output.option == "--output" && !options.given(kPartOption);
    check_outputs({output}, inputs, may ? Replacing::inputs : Replacing::nothing);
  }
  Rejects rejects(reject_rules, console);
  if (look.empty()) {
    const PackResult result = pack(pack_options(options), rejects, console);
    std::string done = count_of(result.records, "record") + " in " + count_of(result.outputs, "shard");
    if (options.given(kPartOption)) done += ", part " + options.text(kPartOption);
    if (options.flag("shuffle") || options.given("split")) done += ", seed " + options.text("seed");
    console.note(rejects.beside(done));
  } else if (look == "extract") {
    const PackResult result = extract_shards(inputs, options.text("extract"), options.threads(),
                                             options.memory_limit(), rejects, console);
    console.note(rejects.beside(count_of(result.records, "record") + " in " + options.text("extract")));
  } else {
    const int status = look_inside(look, options, rejects, console);
    rejects.commit();
    return status;
  }
  rejects.commit();
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
