#include "lib/base/part.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr std::string_view kOption = "--part";

}  // namespace

Part::Range Part::of(std::uint64_t whole) const {
  const std::uint64_t each = whole / count;
  const std::uint64_t one_more = whole % count;  // parts with one item more
  const std::uint64_t before = number - 1;
  const std::uint64_t begin = before * each + std::min(before, one_more);
  return {.begin = begin, .end = begin + each + (before < one_more ? 1 : 0)};
}

Part parse_part(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    throw UsageError(kOption,
                     "'" + std::string(text) + "' is not i/N, such as 3/8 for the third of eight parts");
  }
  const std::int64_t count = parse_integer(text.substr(slash + 1), kOption, 1, kMaxParts);
  const std::int64_t number = parse_integer(text.substr(0, slash), kOption, 1, count);
  return {.number = static_cast<std::uint64_t>(number), .count = static_cast<std::uint64_t>(count)};
}

void add_part_option(po::options_description& options, const std::string& help) {
  options.add_options()(kPartOption, text_option("i/N"), help.c_str());
}

}  // namespace convoy
