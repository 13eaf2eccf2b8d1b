#include "lib/base/table.h"

#include <algorithm>

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

}  // namespace convoy
