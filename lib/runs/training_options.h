// The options that the result of a training run depends on. Weights files keep them, and a resumed run takes
// them from its checkpoint.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/tool.h"
#include "lib/net/compiled_net.h"
#include "lib/net/device.h"
#include "lib/runs/sampling.h"
#include "lib/runs/schedule.h"

namespace convoy {

struct TrainingOptions {
  int batch = 128;
  double epochs = 90;                  // not used where `steps` is given
  std::optional<std::uint64_t> steps;  // to take in all
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 0.0005;
  Schedule schedule;
  CropRule crop;
  bool shuffle = true;
  Element precision = Element::f32;
  std::uint64_t seed = kDefaultSeed;
  int threads = 1;

  // Names as on the command line, without the dashes.
  static constexpr std::array<const char*, 13> kNames = {
      "batch", "epochs", "steps", "lr",        "momentum", "weight-decay", "lr-policy",
      "crop",  "flip",   "order", "precision", "seed",     "threads"};

  // Sets one of kNames from its text. Throws UsageError.
  void set(std::string_view name, const std::string& text);
  // The value of one of kNames as set() reads it, in one canonical form; empty for that of `epochs` and
  // `steps` which is not in use.
  [[nodiscard]] std::string text(std::string_view name) const;

  // Steps of a whole run over a training set of `records`: `steps`, or as many as it takes to see every
  // record `epochs` times, the last batch filled from the next epoch. Throws UsageError where that is beyond
  // all bounds.
  [[nodiscard]] std::uint64_t total_steps(std::uint64_t records) const;
  // Learning rate of the step that comes after `step` steps.
  [[nodiscard]] SgdRule rule(std::uint64_t step, std::uint64_t records) const;
};

// The options of a run from the command line: what is not given there is as in `resumed`, the options of a
// checkpoint, or without one (nullptr) has its default. A precision left to `auto` is settled here, by the
// checkpoint or else by the device, so that a run goes on in the one that it began in wherever it is resumed.
// Throws UsageError.
[[nodiscard]] TrainingOptions training_options_from(const Options& options, const TrainingOptions* resumed,
                                                    const Device& device);

// As a JSON object of texts. Reading throws Error(place, reason).
[[nodiscard]] nlohmann::json to_json(const TrainingOptions& options);
[[nodiscard]] TrainingOptions training_options_from_json(const nlohmann::json& value, std::string_view place);

// The options in which a resumed run differs from its checkpoint, as "lr: 0.01 in the checkpoint, 0.001 now".
// Throws UsageError where one of them says which images come when (batch, order, seed): that cannot change.
[[nodiscard]] std::vector<std::string> resume_differences(const TrainingOptions& checkpoint,
                                                          const TrainingOptions& now);

}  // namespace convoy
