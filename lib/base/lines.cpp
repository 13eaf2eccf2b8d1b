#include "lib/base/lines.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace convoy {

bool is_c1_control(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return text.size() >= 2 && byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F;
}

std::size_t display_control_length(std::string_view text) {
  constexpr std::string_view kArabicLetterMark = "\xD8\x9C";
  if (is_c1_control(text) || text.starts_with(kArabicLetterMark)) return 2;
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  const auto last = static_cast<unsigned char>(text[2]);
  const bool control = text[1] == '\x80'   ? last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE)
                       : text[1] == '\x81' ? last >= 0xA6 && last <= 0xA9
                                           : false;
  return control ? 3 : 0;
}

namespace {

// A control character in encodings of one byte, which terminals that do without UTF-8 obey.
bool is_c1_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 && byte <= 0x9F;
}

}  // namespace

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text[i]) || is_c1_control(text.substr(i))) return true;
  }
  return false;
}

bool is_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return !is_control(c) || (c >= '\t' && c <= '\r'); });
}

void check_printable(std::string_view line, std::string_view place, std::uint64_t number) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if ((is_control(line[i]) && line[i] != '\t') || is_c1_control(line.substr(i))) {
      throw TextError(place, number, i + 1, "a control character: is this a text?");
    }
  }
}

std::string escape_controls(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  const auto add_hex = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    result += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0xFU]};
  };
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t character = utf8_length(text.substr(i));
    if (display_control_length(text.substr(i)) > 0) {
      for (const char byte : text.substr(i, character)) add_hex(byte);
    } else if (character > 1) {
      result += text.substr(i, character);
    } else if (c == '\t') {
      result += "\\t";
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\r') {
      result += "\\r";
    } else if (is_control(c) || (character == 0 && is_c1_byte(c))) {
      add_hex(c);
    } else {
      result += c;
    }
    i += std::max<std::size_t>(character, 1);
  }
  return result;
}

void check_name_line(std::string_view line, std::string_view place, std::uint64_t number) {
  const auto refuse = [&](std::size_t at, std::string_view reason) {
    throw TextError(place, number, at + 1, reason);
  };
  if (number == 1 && line.starts_with(kByteOrderMark)) refuse(0, "byte order mark: save it as plain UTF-8");
  const bool marked = line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF");
  // Without a mark, every other byte of ASCII letters is 0.
  const auto zeros_at = [&](std::size_t at) { return line.size() > 3 && line[at] == 0 && line[at + 2] == 0; };
  if (number == 1 && (marked || zeros_at(0) || zeros_at(1))) {
    refuse(0, "UTF-16 text: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)");
  }
  if (line.empty()) refuse(0, "empty line");
  if (line.back() == '\r') {
    refuse(line.size() - 1, "carriage return at the end of the line: the file has DOS line ends");
  }
  const std::size_t control = line.find_first_of(std::string_view("\r\0", 2));
  if (control != std::string_view::npos) {
    refuse(control, line[control] == '\r' ? "carriage return" : "NUL byte (is this a -0 list?)");
  }
  if (is_blank(line.back())) refuse(line.size() - 1, "blank at the end of the line");
  if (is_blank(line.front())) refuse(0, "blank at the beginning of the line");
}

}  // namespace convoy
