// The log of a training run: TSV with a head line. man/convoy-train.1 documents the columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/memory.h"
#include "lib/runs/log_file.h"
#include "lib/runs/metrics.h"

namespace convoy {

struct LogRow {
  std::uint64_t step = 0;  // steps taken so far
  double epoch = 0.0;      // images taken so far / records
  std::string_view set;    // "train": means since the last such row; "val": the whole validation set
  Totals totals;
  double learning_rate = 0.0;  // of the last step
  double seconds = 0.0;        // that the images took
};

// What the file of a log holds.
struct LogRows {
  std::uint64_t rows = 0;  // with `damaged`, at least 1
  std::uint64_t last_step = 0;
  double last_epoch = 0.0;          // at that step
  std::uint64_t damaged = 0;        // lines that are no rows, such as one with a number that cannot be read
  std::uint64_t first_damaged = 0;  // the number of the first such line, counted from 1
};
// The rows of the log at `path`; nothing if there are none, or if it is no regular file. Throws Error if the
// file is not a log; with `any` that is nothing, too.
[[nodiscard]] std::optional<LogRows> find_log_rows(const std::string& path, bool any = false,
                                                   const MemoryLimit& memory = {});

// A row as it stands in a file.
struct LogPoint {
  std::uint64_t step = 0;
  double epoch = 0.0;
  bool validation = false;  // else of the training set
  double loss = 0.0;        // these may be infinite or no numbers
  double top1_error = 0.0;
  double top5_error = 0.0;
  double learning_rate = 0.0;
};
struct LogPoints {
  std::vector<LogPoint> points;        // in the order of the file
  std::vector<std::uint64_t> damaged;  // numbers of lines that are no rows, at most kMaxDamagedLines of them
  std::uint64_t damaged_count = 0;
};
inline constexpr std::size_t kMaxDamagedLines = 1000;
// The whole rows of a log, for one who draws it; a last line without an end is being written, and is left
// out. "-" is standard input. Throws Error if it is no log.
[[nodiscard]] LogPoints read_log(const std::string& path, const MemoryLimit& memory = {});

class TrainingLog {
 public:
  // Starts a new file. If the run is resumed after `resumed_step` steps, keeps the rows up to that step of
  // an older file, and drops those that an interrupted run wrote after its last checkpoint, and lines that
  // are no rows. Throws Error, also if the older file is not such a log. "-" and non-regular files are only
  // written to.
  TrainingLog(const std::string& path, std::optional<std::uint64_t> resumed_step,
              const MemoryLimit& memory = {});

  // Writes the row to the file at once, and those that could not be written before. If that fails,
  // it throws nothing.
  void add(const LogRow& row);
  // Puts the rows on disk, if it is a file of its own: before a checkpoint, which must not outlive them.
  void sync() { file_.sync(); }

  [[nodiscard]] const std::string& name() const { return name_; }
  // Why there are rows that are not where they belong; empty if there are none.
  [[nodiscard]] const std::string& failure() const { return file_.failure(); }
  // How many rows are not in the file.
  [[nodiscard]] std::uint64_t missing() const { return file_.missing(); }

 private:
  std::string name_;
  LogFile file_;
};

}  // namespace convoy
