#include "lib/base/text.h"

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace convoy {
namespace {

bool is_within(char c, std::uint8_t least, std::uint8_t most) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte >= least && byte <= most;
}

}  // namespace

std::string format(const char* pattern, ...) {
  std::va_list arguments;
  va_start(arguments, pattern);
  std::va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(static_cast<std::size_t>(std::max(length, 0)), '\0');
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

// The ranges are those of table 3-7 of the Unicode standard: no overlong form, no surrogate, nothing above
// U+10FFFF.
std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = static_cast<std::uint8_t>(text.front());
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  const std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  const std::string_view rest = text.substr(2, length - 2);
  const bool good = is_within(text[1], least, most) &&
                    std::ranges::all_of(rest, [](char c) { return is_within(c, 0x80, 0xBF); });
  return good ? length : 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  constexpr std::string_view kDots = "...";
  const auto is_inside = [&](std::size_t at) { return at < text.size() && is_within(text[at], 0x80, 0xBF); };
  const std::size_t kept = longest - std::min(longest, kDots.size());
  // At most three bytes back, and forth: what is no UTF-8 may have more of those within characters.
  std::size_t head = kept - kept / 4;
  for (int i = 0; i < 3 && head > 0 && is_inside(head); ++i) --head;
  std::size_t tail = text.size() - kept / 4;
  for (int i = 0; i < 3 && is_inside(tail); ++i) ++tail;
  return std::string(text.substr(0, head)).append(kDots).append(text.substr(tail));
}

}  // namespace convoy
