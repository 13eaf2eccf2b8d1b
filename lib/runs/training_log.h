// The log of a training run: TSV with a head line; man/convoy-train.1 documents the columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/file.h"
#include "lib/runs/metrics.h"

namespace convoy {

struct LogRow {
  std::uint64_t step = 0;  // steps taken
  double epoch = 0.0;      // images taken from the stream / records
  std::string_view set;    // "train": means since the last such row; "val": the whole validation set
  Totals totals;
  double learning_rate = 0.0;  // of the last step
  double seconds = 0.0;        // that the images took
};

class TrainingLog {
 public:
  // Begins the file anew, or, where the run goes on after `resumed_step` steps, keeps its rows up to that
  // step and drops what an interrupted run wrote after its last checkpoint. Throws Error, also where an
  // existing file is not such a log. "-" and what is not a regular file are written to as they are.
  TrainingLog(const std::string& path, std::optional<std::uint64_t> resumed_step);

  // The row is with the system when this returns.
  void add(const LogRow& row);

 private:
  std::string name_;
  std::optional<OutputFile> stream_;  // not a regular file
  Fd file_;                           // a regular one, appended to
};

}  // namespace convoy
