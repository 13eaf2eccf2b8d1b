// Curves of training runs: errors, loss and learning rate over epochs.
#pragma once

#include <string>
#include <vector>

#include "lib/pictures/sketch.h"
#include "lib/runs/training_log.h"

namespace convoy {

inline constexpr std::size_t kMaxRuns = 64;

struct LoggedRun {
  std::string name;  // in the legend
  std::vector<LogPoint> points;
};

struct CurveOptions {
  bool error = true;  // top-1, in per cent
  bool top5 = false;  // a panel of the top-5 error
  bool loss = true;
  bool rate = true;  // the learning rate
  bool training = true;
  bool validation = true;
  bool steps = false;     // over steps instead of epochs
  bool log_loss = false;  // the loss on a logarithmic scale
  // Linear axes of errors and losses reach to the highest value of the whole runs, not to that after the
  // first tenth of each.
  bool whole = false;
};

// The name of each run in a legend: its path without a folder that all have and without an ending ".tsv"; if
// they are all called alike, such as "log.tsv" in folders, the folders are what is left.
[[nodiscard]] std::vector<std::string> run_names(const std::vector<std::string>& paths);

// Values that are no finite numbers, or not positive on a logarithmic scale, leave a gap. Throws Error if a
// panel would have no value at all. At most kMaxRuns runs.
[[nodiscard]] Drawing draw_curves(const std::vector<LoggedRun>& runs, const CurveOptions& options,
                                  const Page& page, const Fonts& fonts);

}  // namespace convoy
