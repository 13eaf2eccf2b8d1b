#include "lib/runs/earlier_run.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "lib/base/count.h"
#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/own_files.h"
#include "lib/base/text.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/kept_weights.h"
#include "lib/runs/run_files.h"
#include "lib/runs/training_log.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kResumeAutomatically = "auto";

struct FoundCheckpoint {
  bool readable = false;
  std::string text;  // "holds step 400 of 600 of an earlier run"
};

FoundCheckpoint look_at_checkpoint(const std::string& path, const MemoryLimit& memory) {
  constexpr const char* kUnreadable = "is there already, and is no checkpoint that can be read: ";
  try {
    const Checkpoint checkpoint = read_checkpoint(WeightsFile(path, Expected::weights, memory));
    const std::uint64_t records = checkpoint.state.records;
    const std::uint64_t total = records == 0 ? 0 : checkpoint.options.total_steps(records);
    return {true, "holds step " + std::to_string(checkpoint.state.step) + " of " + std::to_string(total) +
                      " of an earlier run"};
  } catch (const Error& error) {
    return {false, kUnreadable + error.reason()};
  } catch (const UsageError& error) {
    return {false, kUnreadable + std::string(error.what())};
  }
}

[[noreturn]] void refuse_checkpoint(const RunFiles& files) {
  const FoundCheckpoint found = look_at_checkpoint(files.checkpoint, files.memory);
  const bool anew = files.beginning == Beginning::anew;
  std::string advice = "give --checkpoint another name";
  if (!anew) advice += " or remove it";
  if (anew) advice += ", or replace it with --overwrite";
  if (found.readable) {
    advice = "--resume=" + files.checkpoint + " goes on from it, " +
             (anew ? "--resume=auto does so if it fits, and --overwrite starts anew and replaces it"
                   : "but --resume names another: " + advice);
  }
  throw Error(files.checkpoint, found.text + ": " + advice);
}

std::string content_of_log(const LogRows& rows) {
  return "holds " + count_of(rows.rows, "line") + ", up to step " + std::to_string(rows.last_step) +
         ", of an earlier run";
}

bool same_file(const std::string& one, const std::string& other) {
  const auto first = regular_file(one);
  return first && first == regular_file(other);
}

// The steps of log and run count the same images, so a log in which a step ends at another epoch is of
// another run.
void check_log_is_of_run(const std::string& path, const LogRows& rows, double epochs_a_step) {
  constexpr double kTolerance = 1e-4;  // epochs are logged with six digits
  const double expected = static_cast<double>(rows.last_step) * epochs_a_step;
  if (std::abs(rows.last_epoch - expected) <= kTolerance * std::max(expected, rows.last_epoch)) return;
  throw Error(path, "is the log of another run: step " + std::to_string(rows.last_step) +
                        " does not end there at epoch " + format("%.6g", expected) +
                        ": give --log another name");
}

}  // namespace

RunFiles RunFiles::of(const Options& options) {
  RunFiles files;
  files.log = options.text("log");
  files.kept = find_kept_weights(options.text("output"), keep_from(options));
  files.memory = options.memory_limit();
  files.memory.of_machine = true;  // what does not fit in memory says nothing about a checkpoint or a log
  const std::string resume = options.text("resume");
  if (options.flag("overwrite")) files.beginning = Beginning::overwriting;
  if (resume == kResumeAutomatically) {
    files.beginning = Beginning::resumed_if_fits;
  } else if (!resume.empty()) {
    files.beginning = Beginning::resumed;
    files.resumed_from = resume;
  }
  if (options.given("checkpoint")) {
    files.checkpoint = options.text("checkpoint");
  } else if (files.beginning == Beginning::resumed && is_replaced(resume)) {
    files.checkpoint = resume;
  } else {
    files.checkpoint = default_checkpoint(options.text("output"));
  }
  if (files.beginning != Beginning::resumed_if_fits) return files;
  if (files.checkpoint.empty() || !is_replaced(files.checkpoint)) {
    throw UsageError("--resume", "auto needs a checkpoint that is a file: give --checkpoint=FILE");
  }
  if (is_left(files.checkpoint)) files.resumed_from = files.checkpoint;
  return files;
}

bool is_left(const std::string& path) {
  if (path.empty()) return false;
  const Destination to = Destination::of(path);
  if (to.kind != Destination::Kind::file) return false;
  std::error_code failure;
  const bool left = fs::is_regular_file(to.path, failure) && fs::file_size(to.path, failure) > 0;
  throw_system_failure(path, failure);
  return left;
}

void check_earlier_run(const RunFiles& files) {
  const auto log = find_log_rows(files.log, files.beginning == Beginning::overwriting, files.memory);
  const bool checkpoint = is_left(files.checkpoint);
  const bool other = files.beginning == Beginning::anew || (files.beginning == Beginning::resumed &&
                                                            !same_file(files.checkpoint, files.resumed_from));
  if (checkpoint && other) refuse_checkpoint(files);
  if (files.beginning == Beginning::anew && log) {
    throw Error(files.log, content_of_log(*log) +
                               ": --resume=FILE continues it from a checkpoint, --resume=auto keeps it under "
                               "another name if there is no checkpoint, and --overwrite starts anew and "
                               "replaces it");
  }
  if (files.beginning == Beginning::anew && !files.kept.empty()) {
    throw Error(files.kept.front(),
                "is there already, of an earlier run with --keep: --overwrite removes it and starts anew, or "
                "give --output another name");
  }
}

std::string keep_aside(const std::string& path) {
  const std::string from = Destination::of(path).path;
  for (std::uint64_t number = 1;; ++number) {
    std::string name = from + ".~" + std::to_string(number) + "~";
    std::error_code failure;
    if (fs::exists(fs::symlink_status(name, failure))) continue;
    if (std::rename(from.c_str(), name.c_str()) != 0) throw_errno(name, errno);
    return name;
  }
}

void clear_earlier_run(const RunFiles& files, const RunStart& start, Console& console) {
  const bool overwriting = files.beginning == Beginning::overwriting;
  const auto log = find_log_rows(files.log, overwriting, files.memory);
  if (start.resumed) {
    if (!log) return;
    check_log_is_of_run(files.log, *log, start.epochs_a_step);
    if (log->damaged > 0) {
      console.warn(files.log + ": dropped " + count_of(log->damaged, "line") +
                   " not of a log, the first is line " + std::to_string(log->first_damaged));
    }
    if (log->last_step > start.step) {
      console.note(files.log + ": dropped the lines after step " + std::to_string(start.step) +
                   ", up to step " + std::to_string(log->last_step));
    }
    return;
  }
  if (overwriting && is_left(files.checkpoint)) {
    const FoundCheckpoint found = look_at_checkpoint(files.checkpoint, files.memory);
    console.note(files.checkpoint +
                 ": removed: " + (found.readable ? found.text : "was no checkpoint that could be read"));
    if (std::remove(Destination::of(files.checkpoint).path.c_str()) != 0)
      throw_errno(files.checkpoint, errno);
  }
  if (overwriting) {
    for (const std::string& kept : files.kept) {
      if (std::remove(kept.c_str()) != 0) throw_errno(kept, errno);
      console.note(kept + ": removed: was kept by an earlier run");
    }
  }
  if (files.beginning != Beginning::resumed_if_fits) return;
  for (const std::string& kept : files.kept) {
    console.warn(kept + ": was kept by an earlier run: kept as " + keep_aside(kept));
  }
  // The log first: without a checkpoint beside it, it is kept again if this is interrupted.
  if (log) console.warn(files.log + ": " + content_of_log(*log) + ": kept as " + keep_aside(files.log));
  if (is_left(files.checkpoint)) {
    console.warn(start.unfit + ": kept as " + keep_aside(files.checkpoint) + "; the run starts anew");
  } else {
    console.note("no checkpoint " + files.checkpoint + " yet: the run starts anew");
  }
}

}  // namespace convoy
