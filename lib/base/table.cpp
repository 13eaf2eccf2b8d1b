#include "lib/base/table.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "lib/base/lines.h"

namespace convoy {

std::string aligned_table(const std::vector<std::vector<std::string>>& rows, std::size_t text_columns) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      if (i > 0) text += "  ";
      text += i < text_columns ? row[i] + fill : fill + row[i];
    }
    text += '\n';
  }
  return text;
}

std::string tsv_field(std::string_view text) {
  std::string doubled;
  doubled.reserve(text.size());
  for (const char c : text) doubled.append(c == '\\' ? 2 : 1, c);
  return escape_controls(doubled);
}

std::optional<std::string> tsv_text(std::string_view field) {
  constexpr std::size_t kHexEscape = 4;  // "\x1b"
  std::string text;
  text.reserve(field.size());
  while (!field.empty()) {
    const std::size_t plain = field.find('\\');
    text += field.substr(0, plain);
    if (plain == std::string_view::npos) break;
    field.remove_prefix(plain);
    if (field.size() < 2) return std::nullopt;
    std::size_t length = 2;
    switch (field[1]) {
      case '\\':
        text += '\\';
        break;
      case 't':
        text += '\t';
        break;
      case 'n':
        text += '\n';
        break;
      case 'r':
        text += '\r';
        break;
      case 'x': {
        length = kHexEscape;
        if (field.size() < length) return std::nullopt;
        constexpr int kHexBase = 16;
        unsigned value = 0;
        const char* const last = field.data() + length;
        const auto [end, failure] = std::from_chars(field.data() + 2, last, value, kHexBase);
        if (failure != std::errc() || end != last) return std::nullopt;
        text += static_cast<char>(value);
        break;
      }
      default:
        return std::nullopt;
    }
    field.remove_prefix(length);
  }
  return text;
}

}  // namespace convoy
