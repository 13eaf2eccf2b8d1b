// What a run's options are at each of its steps: --at changes them as epochs begin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/runs/sampling.h"
#include "lib/runs/training_options.h"

namespace convoy {

// The options of a part of a run.
struct TrainingPhase {
  double epoch = 0.0;  // from its start on
  TrainingOptions options;
  std::vector<ParameterFactors> factors;  // of each parameter of the net
  std::string changes;                    // "momentum=0.5, conv1.lr=0": from the phase before
};

class TrainingPhases {
 public:
  // Throws UsageError if a change is of a layer that the net does not have, or that has no parameters.
  TrainingPhases(const TrainingOptions& options, const NetSpec& net);

  // By epoch; the first one begins at 0.
  [[nodiscard]] const std::vector<TrainingPhase>& all() const { return phases_; }
  // The phase of the step that begins after `seen` images of a training set of `records`.
  [[nodiscard]] const TrainingPhase& at(std::uint64_t seen, std::uint64_t records) const;

  // The rule of the step that comes after `step` steps, once the plateau rule has let the rate fall `drops`
  // times. The rule refers to this object.
  [[nodiscard]] SgdRule rule(std::uint64_t step, std::uint64_t records, std::uint64_t drops = 0) const;
  // How crops are taken, for TrainingStream. Images are counted exactly, also within a batch.
  [[nodiscard]] std::vector<CropChange> crop_changes(std::uint64_t records) const;
  // Whether colours change in any phase.
  [[nodiscard]] bool has_color_noise() const;
  // Whether a layer of the net learns in any phase: for CompileOptions.
  [[nodiscard]] std::vector<bool> learning_layers(const NetSpec& net) const;

 private:
  std::vector<TrainingPhase> phases_;
};

}  // namespace convoy
