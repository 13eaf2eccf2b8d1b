// Text in tables of tab-separated fields.
#pragma once

#include <string>
#include <string_view>

namespace convoy {

// The text as one field: a tab, newline, carriage return or backslash in it, as file names may have them, is
// written as \t, \n, \r or \\ .
[[nodiscard]] inline std::string tsv_field(std::string_view text) {
  std::string field;
  field.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '\t':
        field += "\\t";
        break;
      case '\n':
        field += "\\n";
        break;
      case '\r':
        field += "\\r";
        break;
      case '\\':
        field += "\\\\";
        break;
      default:
        field += c;
    }
  }
  return field;
}

}  // namespace convoy
