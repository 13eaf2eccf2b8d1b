#include "lib/runs/training_options.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/number_text.h"
#include "lib/runs/limits.h"
#include "lib/runs/precision_option.h"

namespace convoy {
namespace {

constexpr std::int64_t kMaxSteps = std::int64_t{1} << 53;
constexpr double kMaxRate = 1e6;

// The value of an option, read strictly: UsageError for anything else.
struct Value {
  const std::string& text;
  std::string option;  // "--batch", for errors

  template <typename T>
  [[nodiscard]] T whole(std::int64_t least, std::int64_t most) const {
    return static_cast<T>(parse_integer(text, option, least, most));
  }
  [[nodiscard]] double real(double most) const { return parse_real(text, option, 0, most); }
  // Which of the two words it is: true for the first.
  [[nodiscard]] bool either(std::string_view first, std::string_view second) const {
    return parse_choice(text, option, {first, second}) == 0;
  }
};

enum class Declared {
  here,      // by add_training_options(), and read by set()
  repeated,  // likewise; it may be given several times, and its values are joined by semicolons
  shared,    // with other tools, which read it in the same way
};

// What a resumed run may do with an option.
enum class Resume {
  changes,
  moves_end,  // change it, even after the last step: that only moves the end of the run
  keeps,      // not change it: the option decides which images come when
};

// Whether weights files hold an option.
enum class Stored {
  always,
  unless_default,  // so that a run which does not use it writes the bytes that it wrote before there was one
};

// Whether --at may change an option during a run.
enum class Changes { never, at_epochs };

constexpr std::string_view kNever = "never";

using Run = TrainingOptions;

struct Row {
  std::string name;         // without the dashes, as weights files store it
  std::string placeholder;  // of the value in --help
  std::string help;
  void (*read)(Run& run, const Value& value);
  std::string (*write)(const Run& run);  // what read() reads, in one canonical form; empty: nothing to store
  Declared declared = Declared::here;
  Resume resume = Resume::changes;
  Stored stored = Stored::always;
  Changes during = Changes::never;
};

// Reads --at, and checks that each change is one of an option that may change, or of a layer.
OptionChanges read_changes(const std::string& text);

// All options, in the order of --help.
const std::vector<Row> kRows = {
    {.name = "batch",
     .placeholder = "N",
     .help = "images a step",
     .read = [](Run& run, const Value& value) { run.batch = value.whole<int>(1, kMaxBatch); },
     .write = [](const Run& run) { return std::to_string(run.batch); },
     .resume = Resume::keeps},
    {.name = "parts",
     .placeholder = "N",
     .help = "compute each step in N parts, with the memory of one",
     .read = [](Run& run, const Value& value) { run.parts = value.whole<int>(1, kMaxBatch); },
     .write = [](const Run& run) { return std::to_string(run.parts); },
     .stored = Stored::unless_default},
    {.name = "sum",
     .placeholder = "HOW",
     .help = "fast or exact: add up gradients of parts to the same bits on any number of ranks",
     .read = [](Run& run, const Value& value) { run.exact_sums = value.either("exact", "fast"); },
     .write = [](const Run& run) { return std::string(run.exact_sums ? "exact" : "fast"); },
     .stored = Stored::unless_default},
    {.name = "epochs",
     .placeholder = "N",
     .help = "how often to see every image",
     .read =
         [](Run& run, const Value& value) {
           run.epochs = value.real(kMaxPositions);
           run.steps.reset();
         },
     .write = [](const Run& run) { return run.steps ? std::string() : number_text(run.epochs); },
     .resume = Resume::moves_end},
    {.name = "steps",
     .placeholder = "N",
     .help = "steps in all, instead of --epochs",
     .read = [](Run& run, const Value& value) { run.steps = value.whole<std::uint64_t>(0, kMaxSteps); },
     .write = [](const Run& run) { return run.steps ? std::to_string(*run.steps) : std::string(); },
     .resume = Resume::moves_end},
    {.name = "lr",
     .placeholder = "RATE",
     .help = "learning rate",
     .read = [](Run& run, const Value& value) { run.learning_rate = value.real(kMaxRate); },
     .write = [](const Run& run) { return number_text(run.learning_rate); },
     .during = Changes::at_epochs},
    {.name = "momentum",
     .placeholder = "M",
     .help = "share of the last update in the next",
     .read = [](Run& run, const Value& value) { run.momentum = value.real(1); },
     .write = [](const Run& run) { return number_text(run.momentum); },
     .during = Changes::at_epochs},
    {.name = "weight-decay",
     .placeholder = "D",
     .help = "pull of the weights towards zero",
     .read = [](Run& run, const Value& value) { run.weight_decay = value.real(kMaxRate); },
     .write = [](const Run& run) { return number_text(run.weight_decay); },
     .during = Changes::at_epochs},
    {.name = "optimizer",
     .placeholder = "RULE",
     .help = Optimizer::syntax(),
     .read = [](Run& run, const Value& value) { run.optimizer = Optimizer::parse(value.text); },
     .write = [](const Run& run) { return run.optimizer.text(); },
     .stored = Stored::unless_default,
     .during = Changes::at_epochs},
    {.name = "lr-policy",
     .placeholder = "POLICY",
     .help = Schedule::syntax(),
     .read = [](Run& run, const Value& value) { run.schedule = Schedule::parse(value.text); },
     .write = [](const Run& run) { return run.schedule.text(); }},
    {.name = "warmup",
     .placeholder = "EPOCHS[,FROM]",
     .help = "let the rate rise from FROM times itself (0) at the start",
     .read = [](Run& run, const Value& value) { run.warmup = Warmup::parse(value.text); },
     .write = [](const Run& run) { return run.warmup.text(); }},
    {.name = "at",
     .placeholder = "EPOCH:NAME=VALUE[,...]",
     .help = "change options, or factors of layers, from an epoch on; may be given several times",
     .read = [](Run& run, const Value& value) { run.at = read_changes(value.text); },
     .write = [](const Run& run) { return run.at.text(); },
     .declared = Declared::repeated},
    {.name = "early-stop",
     .placeholder = "N",
     .help = "end after N validations without a smaller top-1 error, or never",
     .read =
         [](Run& run, const Value& value) {
           run.early_stop.reset();
           if (value.text != kNever) run.early_stop = value.whole<std::uint64_t>(1, kMaxPatience);
         },
     .write = [](const Run& run) { return run.early_stop ? std::to_string(*run.early_stop) : std::string(); },
     .resume = Resume::moves_end},
    {.name = "crop",
     .placeholder = "WHERE",
     .help = "random or center",
     .read = [](Run& run, const Value& value) { run.crop.random = value.either("random", "center"); },
     .write = [](const Run& run) { return std::string(run.crop.random ? "random" : "center"); },
     .during = Changes::at_epochs},
    {.name = "flip",
     .placeholder = "ON",
     .help = "on or off: random reflections",
     .read = [](Run& run, const Value& value) { run.crop.mirror = value.either("on", "off"); },
     .write = [](const Run& run) { return std::string(run.crop.mirror ? "on" : "off"); },
     .during = Changes::at_epochs},
    {.name = "color-noise",
     .placeholder = "SIGMA",
     .help = "deviation of the colour noise, relative to that of the colours; 0: none",
     .read = [](Run& run, const Value& value) { run.crop.color_noise.sigma = value.real(kMaxRate); },
     .write = [](const Run& run) { return number_text(run.crop.color_noise.sigma); },
     .stored = Stored::unless_default,
     .during = Changes::at_epochs},
    {.name = "color-noise-scale",
     .placeholder = "WHAT",
     .help = "deviations or eigenvalues: of the colours, for --color-noise",
     .read =
         [](Run& run, const Value& value) {
           run.crop.color_noise.scale = value.either("deviations", "eigenvalues")
                                            ? ColorNoiseScale::deviations
                                            : ColorNoiseScale::eigenvalues;
         },
     .write =
         [](const Run& run) {
           return std::string(run.crop.color_noise.scale == ColorNoiseScale::deviations ? "deviations"
                                                                                        : "eigenvalues");
         },
     .stored = Stored::unless_default},
    {.name = "order",
     .placeholder = "ORDER",
     .help = "shuffle or sequential",
     .read = [](Run& run, const Value& value) { run.shuffle = value.either("shuffle", "sequential"); },
     .write = [](const Run& run) { return std::string(run.shuffle ? "shuffle" : "sequential"); },
     .resume = Resume::keeps},
    {.name = kPrecisionOption,
     .placeholder = {},
     .help = {},
     .read = [](Run& run, const Value& value) { run.precision = parse_precision(value.text, value.option); },
     .write = [](const Run& run) { return std::string(element_name(run.precision)); },
     .declared = Declared::shared},
    {.name = "seed",
     .placeholder = {},
     .help = {},
     .read = [](Run& run, const Value& value) { run.seed = parse_unsigned(value.text, value.option); },
     .write = [](const Run& run) { return std::to_string(run.seed); },
     .declared = Declared::shared,
     .resume = Resume::keeps},
    {.name = "threads",
     .placeholder = {},
     .help = {},
     .read = [](Run& run, const Value& value) { run.threads = value.whole<int>(1, kMaxThreads); },
     .write = [](const Run& run) { return std::to_string(run.threads); },
     .declared = Declared::shared},
};

[[noreturn]] void refuse_change(const OptionChange& change) {
  std::string names;
  for (const Row& row : kRows) {
    if (row.during == Changes::at_epochs) names += (names.empty() ? "" : ", ") + row.name;
  }
  throw UsageError("--at", "'" + change.text() + "': cannot change during a run; these can: " + names +
                               ", and LAYER.lr, LAYER.bias-lr, LAYER.decay, LAYER.bias-decay of a layer");
}

OptionChanges read_changes(const std::string& text) {
  OptionChanges changes = OptionChanges::parse(text);
  TrainingOptions scratch;
  for (const OptionChange& change : changes.all()) {
    if (layer_factor_from(change.name)) {
      (void)read_layer_factor(change);
      continue;
    }
    const auto row = std::ranges::find(kRows, change.name, &Row::name);
    if (row == kRows.end() || row->during != Changes::at_epochs) refuse_change(change);
    row->read(scratch, {.text = change.value, .option = "--at: " + change.name});
  }
  return changes;
}

}  // namespace

double read_layer_factor(const OptionChange& change) {
  return parse_real(change.value, "--at: " + change.name, 0, kMaxRate);
}

void TrainingOptions::set(std::string_view name, const std::string& text) {
  const std::string option = "--" + std::string(name);
  const auto row = std::ranges::find(kRows, name, &Row::name);
  if (row == kRows.end()) throw UsageError(option, "unknown option");
  row->read(*this, {.text = text, .option = option});
}

PartRange TrainingOptions::parts_of(int rank, int ranks) const {
  const int all = parts == 1 ? ranks : parts;
  if (all % ranks != 0) {
    throw UsageError("--parts", std::to_string(all) + " parts cannot be shared out evenly among " +
                                    std::to_string(ranks) + " ranks");
  }
  if (all > batch) {
    throw UsageError("--batch",
                     std::to_string(batch) + " images are too few for " + std::to_string(ranks) + " ranks");
  }
  const int each = all / ranks;
  if (exact_sums && ranks > 1 && !std::has_single_bit(static_cast<unsigned>(each))) {
    throw UsageError("--sum", "exact: " + std::to_string(all) + " parts are " + std::to_string(each) +
                                  " for each rank, which is not a power of two");
  }
  return {all, rank * each, (rank + 1) * each};
}

std::uint64_t TrainingOptions::total_steps(std::uint64_t records) const {
  const double images = steps ? static_cast<double>(*steps) * batch : epochs * static_cast<double>(records);
  // The keys of random draws count epochs in 32 bits.
  const bool bounded = images <= kMaxPositions && images / static_cast<double>(records) <
                                                      double{std::numeric_limits<std::uint32_t>::max()};
  if (!bounded) throw UsageError("the run would be too long: lower --epochs or --steps");
  return steps ? *steps : static_cast<std::uint64_t>(std::ceil(images / batch));
}

void add_training_options(po::options_description& options) {
  const TrainingOptions defaults;
  auto add = options.add_options();
  for (const Row& row : kRows) {
    if (row.declared == Declared::shared) continue;
    if (row.declared == Declared::repeated) {
      add(row.name.c_str(), texts_option(row.placeholder), row.help.c_str());
    } else {
      add(row.name.c_str(), text_option(row.placeholder, row.write(defaults)), row.help.c_str());
    }
  }
}

TrainingOptions training_options_from(const Options& options, const TrainingOptions* resumed,
                                      const Device& device) {
  TrainingOptions run;
  if (resumed != nullptr) run = *resumed;
  for (const Row& row : kRows) {
    if (row.declared == Declared::shared || !options.given(row.name)) continue;
    if (row.declared == Declared::here) {
      run.set(row.name, options.text(row.name));
      continue;
    }
    std::string all;
    for (const std::string& one : options.texts(row.name)) all += (all.empty() ? "" : ";") + one;
    run.set(row.name, all);
  }
  run.precision = choose_precision(options, device, resumed == nullptr ? nullptr : &resumed->precision);
  if (options.given("seed")) run.seed = options.seed();
  run.threads = options.threads();
  if (run.parts > run.batch) {
    throw UsageError("--parts", "a batch of " + std::to_string(run.batch) + " does not have " +
                                    std::to_string(run.parts) + " parts");
  }
  return run;
}

nlohmann::json to_json(const TrainingOptions& options) {
  const TrainingOptions defaults;
  nlohmann::json value = nlohmann::json::object();
  for (const Row& row : kRows) {
    const std::string text = row.write(options);
    const bool left_out = row.stored == Stored::unless_default && text == row.write(defaults);
    if (!text.empty() && !left_out) value[row.name] = text;
  }
  return value;
}

TrainingOptions training_options_from_json(const nlohmann::json& value, std::string_view place) {
  TrainingOptions options;
  const JsonObject object(value, "training options", place);
  for (const auto& [name, unused] : value.items()) {
    try {
      options.set(name, object.text(name));
    } catch (const UsageError& error) {
      throw Error(place, "training options: " + std::string(error.what()));
    }
  }
  return options;
}

std::vector<ResumeDifference> resume_differences(const TrainingOptions& checkpoint,
                                                 const TrainingOptions& now) {
  std::vector<ResumeDifference> differences;
  for (const Row& row : kRows) {
    const std::string before = row.write(checkpoint);
    const std::string after = row.write(now);
    if (before == after) continue;
    const std::string change = (before.empty() ? "none" : before) + " in the checkpoint, " +
                               (after.empty() ? "none" : after) + " now";
    if (row.resume == Resume::keeps) {
      throw UsageError("--" + row.name, change + ": a resumed run cannot change it");
    }
    differences.push_back({.option = row.name,
                           .before = before,
                           .after = after,
                           .text = row.name + ": " + change,
                           .moves_end = row.resume == Resume::moves_end});
  }
  return differences;
}

}  // namespace convoy
