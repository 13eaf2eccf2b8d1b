// The pictures that shownet draws, by the words of its command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/options.h"
#include "lib/pictures/picture_request.h"
#include "lib/pictures/render.h"

namespace convoy {

struct PictureKind {
  std::string_view name;                  // "filters"
  std::string_view inputs;                // in the usage: "WEIGHTS"
  std::vector<std::string_view> options;  // besides those of all kinds, without dashes
  bool many;                              // whether it takes more than one input
  Drawing (*draw)(const PictureRequest& request);
};

// All kinds, in the order of --help.
[[nodiscard]] std::span<const PictureKind> picture_kinds();
// The forms of a command line, one a line, for ToolInfo.
[[nodiscard]] std::string picture_usage();

// Declares the options of all kinds.
void declare_picture_options(po::options_description& options);

// The kind that the first operand names. Throws UsageError if there is none, if an option is not for it, or
// if there are too many operands.
[[nodiscard]] const PictureKind& read_picture_kind(const Options& options);
// The operands after the kind; "-" if there are none. Throws MissingInputError if standard
// input is then a terminal.
[[nodiscard]] std::vector<std::string> picture_inputs(const Options& options);
// --width, --title, --scale.
[[nodiscard]] Page read_page(const Options& options);
// --format, or the format that the name of --output has. Throws UsageError if there is neither.
[[nodiscard]] PictureFormat read_picture_format(const Options& options);

}  // namespace convoy
