// --keep: the weights of the best validation, and of each epoch, beside those of the last step.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/console.h"
#include "lib/base/options.h"
#include "lib/net/compiled_net.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/run_outputs.h"

namespace convoy {

inline constexpr const char* kMetaKept = "convoy.kept";

// Of --keep. Throws UsageError.
[[nodiscard]] Keep keep_from(const Options& options);

// "alexnet.safetensors" -> "alexnet.best.safetensors" and "alexnet.epoch-007.safetensors"; empty if the
// output is a descriptor, such as "-", or a device.
[[nodiscard]] std::string best_weights_file(const std::string& output);
[[nodiscard]] std::string epoch_weights_file(const std::string& output, std::uint64_t epoch);
// Files with such names that are there: those that `keep` would write, in the order of their names. Throws
// Error.
[[nodiscard]] std::vector<std::string> find_kept_weights(const std::string& output, Keep keep);

// Throws UsageError if the files of --keep cannot be named after the output, or if one that would be replaced
// is an input of the run, among the options or `shards`, or another output.
void check_kept_weights(const Options& options, const std::vector<std::string>& shards);

// Of which step the weights are that --keep wrote to a file.
struct KeptStep {
  std::uint64_t step = 0;
  double epoch = 0.0;
  std::optional<double> top1_error;  // of the validation after that step, if there was one
};
// Throws Error if the file is not of --keep.
[[nodiscard]] KeptStep read_kept_step(const WeightsFile& file);

// What a file that cannot be written should hold stays in memory, and is tried again. Each kind of file has
// room for one.
class KeptWeights {
 public:
  // Everything must outlive this.
  KeptWeights(const CompiledNet& net, const RunInputs& inputs, const RunOptions& run, Console& console)
      : net_(net), inputs_(inputs), run_(run), console_(console) {}

  // Copies of the parameters that are in memory while they cannot be written.
  [[nodiscard]] static std::uint64_t most_copies(Keep keep);

  // The net must be that of `state`. Compares the state that a run is resumed from with the file of the best
  // weights: writes them if the run was ended in between. Returns whether the file then holds the best
  // weights of the state.
  [[nodiscard]] bool agrees_with(const TrainingState& state);
  // Keep the net's parameters: as the best, or as those of a completed epoch.
  void keep_best(const TrainingState& state);
  void keep_epoch(const TrainingState& state, std::optional<double> top1_error);
  // Tries again to write what could not be written, not more often than kCheckpointRetrySeconds.
  void retry();
  // Tries a last time. Returns whether everything is on disk, and says what is not.
  [[nodiscard]] bool finish();

 private:
  struct Pending {
    std::string path;
    std::uint64_t step = 0;
    WeightsContent content;
    std::string failure;  // that the user has been told
  };
  void keep(std::optional<Pending>& pending, const std::string& path, const KeptStep& kept);
  // Returns whether nothing is pending afterwards.
  bool try_to_write(std::optional<Pending>& pending);
  [[nodiscard]] KeptStep kept_step(const TrainingState& state, std::optional<double> top1_error) const;

  using Clock = std::chrono::steady_clock;
  const CompiledNet& net_;
  const RunInputs& inputs_;
  const RunOptions& run_;
  Console& console_;
  std::optional<Pending> best_;
  std::optional<Pending> epoch_;
  std::uint64_t lost_ = 0;  // files of epochs
  Clock::time_point last_try_ = Clock::now();
};

}  // namespace convoy
