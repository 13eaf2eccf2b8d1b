#include "lib/shards/encoding.h"

#include <string_view>

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr const char* kName = "codec";
constexpr std::string_view kOption = "--codec";
constexpr std::string_view kQualityPrefix = "jpeg:";

}  // namespace

void add_codec_option(po::options_description& options, const CodecHelp& help) {
  options.add_options()(kName, text_option(help.placeholder, help.default_value), help.text.c_str());
}

std::optional<Encoding> read_encoding(const Options& options) {
  const std::string text = options.text(kName);
  if (text.empty()) return std::nullopt;
  for (const Codec codec : {Codec::raw, Codec::jpeg}) {
    if (text == codec_name(codec)) return Encoding{.codec = codec};
  }
  if (!text.starts_with(kQualityPrefix)) {
    throw UsageError(kOption, "'" + text + "' is neither raw nor jpeg nor jpeg:QUALITY");
  }
  const auto quality = parse_integer(std::string_view(text).substr(kQualityPrefix.size()), kOption, 1, 100);
  return Encoding{.codec = Codec::jpeg, .quality = static_cast<int>(quality)};
}

}  // namespace convoy
