// shardpack: shards to shards (merged, shuffled, split, cut, transcoded), and looks inside them.
#include <array>
#include <limits>
#include <string>

#include "formats/jpeg.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/tool.h"
#include "lib/shards/extract.h"
#include "lib/shards/look.h"
#include "lib/shards/outputs.h"
#include "lib/shards/pack.h"
#include "lib/shards/rejects.h"

namespace {

using namespace convoy;  // NOLINT(google-build-using-namespace): a program of this library

const ToolInfo kInfo{"shardpack",
                     "[OPTION]... [SHARD]...\n--list|--info|--verify [SHARD]...\n--extract=DIR [SHARD]...",
                     "Merges, shuffles, splits, cuts and transcodes shards, and looks inside them."};
constexpr SharedOptions kShared{.output = true, .files_from = true, .threads = true, .seed = true};
constexpr std::array<const char*, 4> kLooks = {"list", "info", "verify", "extract"};
constexpr std::array<const char*, 6> kPacking = {"shuffle",   "memory", "shards",
                                                 "per-shard", "split",  "codec"};

void declare(po::options_description& options) {
  options.add_options()("shuffle", po::bool_switch(), "write the records in an order drawn from --seed")(
      "memory", text_option("BYTES"),
      "shuffle with so much memory (default: half of what there is); K, M, G, T")(
      "shards", text_option("N"), "write N shards of equal size; -o is a pattern with %d or %05d")(
      "per-shard", text_option("N"), "write shards of N records; -o is a pattern with %d or %05d")(
      "split", text_option("NAME:FRACTION,..."),
      "draw parts, such as train:0.9,val:0.1; -o has %s for the name")(
      "codec", text_option("raw|jpeg[:QUALITY]"), "transcode the payloads")("list", po::bool_switch(),
                                                                            "list the records, one a line")(
      "info", po::bool_switch(), "say what the shards hold")("json", po::bool_switch(),
                                                             "with --info: as JSON, one line a shard")(
      "verify", po::bool_switch(), "read everything and name every loss")(
      "extract", text_option("DIR"), "write the records as image files into folders of their classes")(
      "on-error", text_option("skip|stop", "skip"), "what to do about damaged records")(
      "rejects", text_option("FILE"), "write place and reason of every loss to FILE");
}

// A switch that is set, or an option that has a value.
bool is_set(const Options& options, const std::string& name) {
  return name == "shuffle" || name == "list" || name == "info" || name == "verify" ? options.flag(name)
                                                                                   : options.given(name);
}

// "list", "info", "verify", "extract", or nothing to pack.
std::string look_from(const Options& options) {
  std::string look;
  for (const char* name : kLooks) {
    if (!is_set(options, name)) continue;
    if (!look.empty())
      throw UsageError::about("--" + look, "--" + look + " and --" + name + " do not go together");
    look = name;
  }
  for (const char* name : kPacking) {
    if (!look.empty() && is_set(options, name)) {
      throw UsageError::about("--" + look, "--" + look + " and --" + name + " do not go together");
    }
  }
  if (options.flag("json") && look != "info") throw UsageError::about("--json", "--json needs --info");
  if (look == "extract" && options.given("output"))
    throw UsageError::about("--extract", "--extract writes no -o");
  return look;
}

void set_codec(const Options& options, PackOptions& pack) {
  constexpr std::string_view kJpeg = "jpeg";
  pack.quality = kDefaultJpegQuality;
  const std::string text = options.text("codec");
  if (text.empty()) return;
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  if (name == "raw" && colon == std::string::npos) {
    pack.codec = Codec::raw;
  } else if (name == kJpeg) {
    pack.codec = Codec::jpeg;
    if (colon != std::string::npos) {
      pack.quality = static_cast<int>(parse_integer(text.substr(colon + 1), "--codec", 1, 100));
    }
  } else {
    throw UsageError("--codec", "'" + text + "' is neither raw nor jpeg nor jpeg:QUALITY");
  }
}

PackOptions pack_options(const Options& options) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  PackOptions pack;
  pack.inputs = options.inputs();
  pack.output = options.text("output");
  pack.shuffle = options.flag("shuffle");
  pack.seed = options.seed();
  pack.memory = options.given("memory") ? parse_bytes(options.text("memory"), "--memory") : default_memory();
  if (options.given("split")) pack.split = parse_split(options.text("split"));
  if (options.given("shards") && options.given("per-shard")) {
    throw UsageError::about("--shards", "--shards and --per-shard do not go together");
  }
  if (options.given("shards")) {
    pack.shards = static_cast<std::uint64_t>(options.integer("shards", 1, kMaxOutputs));
  }
  if (options.given("per-shard")) {
    pack.per_shard = static_cast<std::uint64_t>(options.integer("per-shard", 1, kMost));
  }
  set_codec(options, pack);
  pack.threads = options.threads();
  return pack;
}

// Inputs that cannot be read at all do not keep the others from being looked at.
void look_inside(const std::string& look, const Options& options, Rejects& rejects, bool stop,
                 Console& console) {
  LookProgress progress(options.inputs(), options.text("output"), console);
  OutputFile out(options.text("output"), OutputFile::Content::text);
  const DamageHandler on_damage = rejects.on_damage();
  for (const std::string& input : options.inputs()) {
    try {
      if (look == "list") list_shard(input, out, on_damage, progress);
      if (look == "info") {
        describe_shard(input, options.flag("json") ? InfoForm::json : InfoForm::text, out, on_damage,
                       progress);
      }
      if (look == "verify") verify_shard(input, out, on_damage, progress);
    } catch (const OutputError&) {
      throw;
    } catch (const Error& error) {
      if (stop) throw;
      rejects.add(damage_of(error, error.place(), {.records = 0, .more = true}));
    }
    progress.next_input();
  }
  out.commit();
}

int run(const Options& options, Console& console) {
  const std::string look = look_from(options);
  const bool stop = options.choice("on-error", {"skip", "stop"}) == "stop";
  const std::vector<std::string> inputs = options.inputs();
  options.check_outputs({"output", "rejects"}, {});
  options.check_outputs({"rejects"}, inputs);
  if (!look.empty()) options.check_outputs({"output"}, inputs);  // a shard may take the place of its input
  Rejects rejects(options.text("rejects"), stop, console);
  int signal = 0;
  if (look.empty()) {
    const PackResult result = pack(pack_options(options), rejects, console);
    signal = result.signal;
    if (signal == 0) {
      const bool drawn = options.flag("shuffle") || options.given("split");
      console.note(rejects.beside(count_of(result.records, "record") + " in " +
                                  count_of(result.outputs, "shard") +
                                  (drawn ? ", seed " + options.text("seed") : "")));
    }
  } else if (look == "extract") {
    const PackResult result =
        extract_shards(inputs, options.text("extract"), options.threads(), rejects, console);
    signal = result.signal;
    if (signal == 0) {
      console.note(rejects.beside(count_of(result.records, "record") + " in " + options.text("extract")));
    }
  } else {
    look_inside(look, options, rejects, stop, console);
  }
  rejects.commit();
  if (signal != 0) return kStatusSignal + signal;
  return rejects.any() ? kStatusFailure : kStatusDone;
}

}  // namespace

int main(int argc, char** argv) { return convoy::run_tool(argc, argv, kInfo, kShared, declare, run); }
