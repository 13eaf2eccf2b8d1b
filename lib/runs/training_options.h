// The options that the result of a training run depends on. Weights files store them, and a resumed run takes
// them from its checkpoint.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/options.h"
#include "lib/net/compiled_net.h"
#include "lib/net/device.h"
#include "lib/runs/optimizer.h"
#include "lib/runs/option_changes.h"
#include "lib/runs/sampling.h"
#include "lib/runs/schedule.h"

namespace convoy {

// Up to this, positions in the stream of training images are exact in double precision.
inline constexpr double kMaxPositions = 0x1p53;

// The names of the options, and how each is read and written, are in the table of training_options.cpp.
struct TrainingOptions {
  int batch = 128;
  int parts = 1;                       // of a batch, which are computed one after another
  bool exact_sums = false;             // CompileOptions::exact_sums
  double epochs = 90;                  // not used if `steps` is given
  std::optional<std::uint64_t> steps;  // of the whole run
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 0.0005;
  Optimizer optimizer;
  Schedule schedule;
  Warmup warmup;
  OptionChanges at;  // the layers that it names are compared with the net by TrainingPhases
  std::optional<std::uint64_t> early_stop;  // validations without a smaller error after which the run ends
  CropRule crop;
  bool shuffle = true;
  Element precision = Element::f32;
  std::uint64_t seed = kDefaultSeed;
  int threads = 1;

  // Sets an option, named as on the command line without the dashes, from its text. Throws UsageError.
  void set(std::string_view name, const std::string& text);

  // The parts of a batch that a rank computes: all in all there are as many as `parts`, or one for each rank
  // if that is 1. Throws UsageError if they cannot be shared out evenly.
  [[nodiscard]] PartRange parts_of(int rank, int ranks) const;

  // The number of steps of a whole run over a training set of `records`: `steps`, or the least number that
  // sees every record `epochs` times; the last batch is completed from the next epoch. Throws UsageError if
  // the run is too long.
  [[nodiscard]] std::uint64_t total_steps(std::uint64_t records) const;
  // Whether the run ends before its last step, after `stale` validations without a smaller error.
  [[nodiscard]] bool stops_early(std::uint64_t stale) const { return early_stop && stale >= *early_stop; }
};

// The value of a change whose name is a factor of a layer. Throws UsageError.
[[nodiscard]] double read_layer_factor(const OptionChange& change);

// Declares the options with their defaults, but for --seed and --threads, which are shared with other
// tools (SharedOptions).
void add_training_options(po::options_description& options);

// The options of a run from the command line. An option that is not given there has its value in `resumed`,
// the options of a checkpoint, or its default if that is nullptr. The checkpoint, or else the device, settles
// the precision `auto`, so that a run keeps it wherever it is resumed. Throws UsageError.
[[nodiscard]] TrainingOptions training_options_from(const Options& options, const TrainingOptions* resumed,
                                                    const Device& device);

// As a JSON object of texts. Reading throws Error(place, reason).
[[nodiscard]] nlohmann::json to_json(const TrainingOptions& options);
[[nodiscard]] TrainingOptions training_options_from_json(const nlohmann::json& value, std::string_view place);

// An option in which a resumed run differs from its checkpoint.
struct ResumeDifference {
  std::string option;  // "lr"
  std::string before;  // as weights files store it; empty: none
  std::string after;
  std::string text;        // "lr: 0.01 in the checkpoint, 0.001 now"
  bool moves_end = false;  // it changes only where the run ends
};
// All differences. Throws UsageError for an option that a resumed run cannot change.
[[nodiscard]] std::vector<ResumeDifference> resume_differences(const TrainingOptions& checkpoint,
                                                               const TrainingOptions& now);

}  // namespace convoy
