// Everything that a training run, new or resumed, works on: read and checked before its first step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/base/options.h"
#include "lib/net/device.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/earlier_run.h"
#include "lib/runs/initial_values.h"
#include "lib/runs/labels.h"
#include "lib/runs/mean_image.h"
#include "lib/runs/run_doubts.h"
#include "lib/runs/trainer.h"
#include "lib/runs/training_log.h"
#include "lib/runs/training_options.h"
#include "lib/shards/dataset.h"
#include "lib/shards/rejects.h"

namespace convoy {

// The net of --net. Throws UsageError if the option is missing.
[[nodiscard]] NetSpec read_net(const Options& options);

class PreparedRun {
 public:
  // Reads the net, the mean and the checkpoint that the options of train and `files` name; whatever is not
  // given comes from the checkpoint. If the run is only to be resumed from a checkpoint that fits, one that
  // does not is left where it is, and the run starts anew. `options` must outlive this. Throws Error and
  // UsageError.
  // ranks: that train together; they must outlive this, too.
  PreparedRun(const Options& options, Device device, const RunFiles& files, Ranks& ranks);

  // Opens the training set `shards` and the validation set, and checks that everything fits together, the
  // checkpoint too. Names the options that differ from the checkpoint's. Throws UsageError and Error.
  void open(const std::vector<std::string>& shards, Rejects& rejects, Console& console);

  // Says what about the run may not be what was meant, such as a batch that memory cannot hold. After open().
  void doubt(const std::vector<GivenInterval>& intervals, Console& console) const;

  // The net at the start of the run, with its parameters, momenta and mean. Call this once, after open(). It
  // closes the file of the checkpoint, which may be replaced afterwards.
  [[nodiscard]] std::unique_ptr<CompiledNet> compile(Console& console);

  // The log of --log, if it is given. A resumed run keeps the rows up to its first step.
  [[nodiscard]] std::optional<TrainingLog> open_log() const;

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const TrainingOptions& training() const { return training_; }
  // After open():
  // The records of the training set and of the validation set.
  [[nodiscard]] std::uint64_t records() const {
    return data_->size() + (validation_ ? validation_->size() : 0);
  }
  [[nodiscard]] const TrainingState& state() const { return state_; }
  // A text that is the same for runs that do the same.
  [[nodiscard]] std::string identity() const;
  [[nodiscard]] RunInputs inputs() const;
  [[nodiscard]] RunStart start() const;

 private:
  // What a run is resumed from.
  struct Resumed {
    Resumed(const std::string& path, const MemoryLimit& memory)
        : file(path, Expected::checkpoint, memory), checkpoint(read_checkpoint(file)) {}
    WeightsFile file;
    Checkpoint checkpoint;
  };
  // Reads the options, the net and the mean of the run, which is then resumed or not.
  void settle();
  [[nodiscard]] MeanImage settle_mean(WantedColors wanted) const;
  void say_initial_layers(Console& console) const;
  // Does `step`. If it throws because the checkpoint does not fit, and the run may start anew, it does.
  void resume_if_fits(const std::function<void()>& step);
  [[nodiscard]] CompileOptions compile_options() const;
  // What KeptWeights may hold.
  [[nodiscard]] std::uint64_t kept_bytes() const;
  // The shards of the validation set that are in the training set, too.
  [[nodiscard]] std::vector<std::string> shared_shards() const;
  void check_resumable() const;
  void resume(std::uint64_t total_steps, Console& console);

  const Options& options_;
  Device device_;
  RunFiles files_;
  Ranks& ranks_;
  bool resumes_ = false;                // also after compile()
  std::string unfit_;                   // why the run does not go on from the checkpoint that is there
  std::optional<Resumed> resumed_;      // until compile()
  std::optional<WeightsFile> initial_;  // --init-from of a run that is not resumed; until compile()
  InitialLayers initial_layers_;
  RunHistory history_;
  std::vector<bool> learning_;  // layers
  TrainingOptions training_;
  PartRange parts_;                            // of a batch, that this process computes
  std::vector<ResumeDifference> differences_;  // from the checkpoint's options
  Model model_;
  MeanImage mean_;
  std::optional<Dataset> data_;
  std::optional<Dataset> validation_;
  LabelScan labels_;
  LabelScan validation_labels_;
  TrainingState state_;
};

}  // namespace convoy
