// The command line and the file of --config, parsed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/options.h"

namespace convoy {

// Options that exclude each other.
using ExclusiveOptions = std::vector<std::string>;

// What a command line may have.
struct CommandLineRules {
  po::options_description options;  // of the command line
  po::options_description file;     // of the file that --config names
  std::vector<ExclusiveOptions>
      exclusive;  // one of a group on the command line replaces the others in the file
};

struct CommandLine {
  po::variables_map values;                   // operands under kOperands
  std::map<std::string, std::string> places;  // "FILE:LINE" of each "--NAME" that the file decided
};

// Parses argv, and the file that --config names: what the command line has, the file does not change. Of an
// option given several times the last counts, as getopt(3)'s users expect, unless its values are gathered.
// Throws UsageError, for the file with its line; Error where the file cannot be read.
[[nodiscard]] CommandLine parse_command_line(int argc, char** argv, const CommandLineRules& rules);

}  // namespace convoy
