#include "lib/base/number_text.h"

#include <array>
#include <charconv>
#include <system_error>

namespace convoy {

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  const auto [end, failure] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), failure == std::errc() ? end : buffer.data()};
}

}  // namespace convoy
