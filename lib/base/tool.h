// What all tools have in common: options from the command line and --config, --help, --version, messages,
// exit statuses.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/command_line.h"
#include "lib/base/console.h"
#include "lib/base/options.h"

namespace convoy {

// Exit statuses of the contract (README, every man page).
inline constexpr int kStatusDone = 0;
inline constexpr int kStatusFailure = 1;  // of data, I/O or a device: the output is not there
inline constexpr int kStatusUsage = 2;
inline constexpr int kStatusLeftOut = 3;   // the output is whole, and some inputs were left out of it
inline constexpr int kStatusSignal = 128;  // plus the signal's number

struct ToolInfo {
  std::string name;     // "imgprep"
  std::string usage;    // what follows the name, one form a line: "[OPTION]... [INPUT]..."
  std::string summary;  // one or two sentences for --help
  // Groups of options that exclude each other. One on the command line replaces the others in --config.
  std::vector<ExclusiveOptions> exclusive = {};
  std::function<std::string()> ranks =
      {};  // what several processes work together with, for --version; empty: nothing
};

// Which of the shared options a tool has. All tools have --help, --version, --config, --max-memory, -q and
// -v.
struct SharedOptions {
  bool output = false;      // -o, --output=FILE
  bool files_from = false;  // --files-from=FILE, -0: operands, one a line
  bool threads = false;     // -j, --threads=N
  bool seed = false;        // --seed=N
  bool device = false;      // --device=auto|cpu|cuda[:N]
};

// Runs a tool from argv to its exit status. `declare` adds the tool's own options; `body` does the work and
// returns a status. An exception becomes one line on standard error and the exit status that belongs to it.
int run_tool(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
             const std::function<void(po::options_description&)>& declare,
             const std::function<int(const Options&, Console&)>& body);

}  // namespace convoy
