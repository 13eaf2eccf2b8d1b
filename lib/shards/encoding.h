// --codec of imgprep and shardpack: how the pixels of a record are stored.
#pragma once

#include <optional>
#include <string>

#include "formats/dataset_info.h"
#include "formats/jpeg.h"
#include "lib/base/options.h"

namespace convoy {

struct Encoding {
  Codec codec = Codec::raw;
  int quality = kDefaultJpegQuality;  // of JPEG
};

// Declares --codec; `help` describes it in one tool.
struct CodecHelp {
  std::string placeholder;
  std::string default_value;
  std::string text;
};
void add_codec_option(po::options_description& options, const CodecHelp& help);

// Reads --codec: raw, jpeg or jpeg:QUALITY; nothing if it is not given and has no default. Throws UsageError.
[[nodiscard]] std::optional<Encoding> read_encoding(const Options& options);

}  // namespace convoy
