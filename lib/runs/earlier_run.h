// What an earlier run left under the names that a run writes. Its checkpoint and its log are days of work,
// and are not replaced unless the user asks for that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/console.h"
#include "lib/base/options.h"

namespace convoy {

// How a run begins.
enum class Beginning {
  anew,             // neither --resume nor --overwrite
  overwriting,      // --overwrite
  resumed,          // --resume=CHECKPOINT
  resumed_if_fits,  // --resume=auto: from the run's own checkpoint if it is there and fits, else anew
};

// The files of a run that an earlier run may have left. Empty names are none.
struct RunFiles {
  Beginning beginning = Beginning::anew;
  std::string checkpoint;    // that the run writes
  std::string resumed_from;  // the checkpoint to go on from
  std::string log;
  std::vector<std::string> kept = {};  // weights that --keep would replace and that are there
  MemoryLimit memory = {};             // what an older log or checkpoint may take to be read

  // Of the options of train. Throws UsageError.
  [[nodiscard]] static RunFiles of(const Options& options);
};

// Whether a regular file with at least one byte is there.
[[nodiscard]] bool is_left(const std::string& path);

// Throws Error, which says what to do, if the run would replace a checkpoint, a log or kept weights that are
// not its own, and for a log that is none. Call this once the files are held (hold_output), before anything
// else.
void check_earlier_run(const RunFiles& files);

// Where the run begins, once its data have been compared with the checkpoint.
struct RunStart {
  std::uint64_t step = 0;
  double epochs_a_step = 0.0;  // images a step, divided by the records
  bool resumed = false;        // from RunFiles::resumed_from
  std::string unfit;           // why it does not go on from a checkpoint that is there
};
// Takes what an earlier run left out of the way, right before the first step, and says so. --overwrite
// removes its checkpoint and kept weights; with --resume=auto, a run that starts anew keeps them and the log
// as "NAME.~1~", or the first such name that is free. Throws Error if the log that a resumed run would
// continue is of another run.
void clear_earlier_run(const RunFiles& files, const RunStart& start, Console& console);

// Renames the file at the end of `path` to the first free name of "PATH.~1~", "PATH.~2~", ..., and returns
// it. Throws Error.
std::string keep_aside(const std::string& path);

}  // namespace convoy
