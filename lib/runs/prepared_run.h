// Everything that a training run, new or resumed, works on: read and checked before its first step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/base/options.h"
#include "lib/net/device.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/labels.h"
#include "lib/runs/mean_image.h"
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
  // Reads the net, the mean and the checkpoint that the options of train name; whatever is not given comes
  // from the checkpoint. `options` must outlive this. Throws UsageError and Error.
  PreparedRun(const Options& options, Device device);

  // Opens the training set `shards` and the validation set, and checks that everything fits together, the
  // checkpoint too. Warns about options that differ from the checkpoint's. Throws UsageError and Error.
  void open(const std::vector<std::string>& shards, Rejects& rejects, Console& console);

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
  [[nodiscard]] RunInputs inputs() const;

 private:
  // What a run is resumed from.
  struct Resumed {
    explicit Resumed(const std::string& path)
        : file(path, Expected::checkpoint), checkpoint(read_checkpoint(file)) {}
    WeightsFile file;
    Checkpoint checkpoint;
  };
  void check_resumable() const;
  void resume(std::uint64_t total_steps, Console& console);

  const Options& options_;
  Device device_;
  std::optional<Resumed> resumed_;  // until compile()
  TrainingOptions training_;
  std::vector<ResumeDifference> differences_;  // from the checkpoint's options
  Model model_;
  MeanImage mean_;
  std::optional<Dataset> data_;
  std::optional<Dataset> validation_;
  LabelScan labels_;
  TrainingState state_;
};

}  // namespace convoy
