// Parses the command line and the file of --config.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/options.h"

namespace convoy {

// Options that exclude each other.
using ExclusiveOptions = std::vector<std::string>;

// The options that may be given.
struct CommandLineRules {
  po::options_description options;  // on the command line
  po::options_description file;     // in the file that --config names
  // One option of a group on the command line replaces the others in the file.
  std::vector<ExclusiveOptions> exclusive;
};

struct CommandLine {
  po::variables_map values;                   // operands under kOperands
  std::map<std::string, std::string> places;  // "FILE:LINE" of each "--NAME" that the file decides
};

// Parses argv, and the file that --config names; the command line wins. If an option is given several times,
// the last one counts, as users of getopt(3) expect, unless the option keeps all its values. Throws
// UsageError, with the line if it is about the file, and Error if the file cannot be read.
[[nodiscard]] CommandLine parse_command_line(int argc, char** argv, const CommandLineRules& rules);

}  // namespace convoy
