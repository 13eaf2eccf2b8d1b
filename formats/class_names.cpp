#include "formats/class_names.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <unordered_map>

namespace convoy {
namespace {

constexpr utf8proc_int32_t kSpace = ' ';

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

// The text in NFC without characters that have no width; nothing if it is not UTF-8.
std::optional<std::string> composed(std::string_view text) {
  utf8proc_uint8_t* made = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_IGNORE);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &made, options);
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(made);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
}

// Well-formed UTF-8 with a plain space for each blank of another kind.
std::string with_plain_spaces(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                   static_cast<utf8proc_ssize_t>(text.size()), &code);
    const auto length = static_cast<std::size_t>(std::max<utf8proc_ssize_t>(size, 1));
    const bool blank = size > 0 && utf8proc_category(code) == UTF8PROC_CATEGORY_ZS;
    if (blank) {
      plain += static_cast<char>(kSpace);
    } else {
      plain += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return plain;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The text in quotes, with each byte that is not ASCII as \\xNN.
std::string quoted_bytes(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string escaped = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      escaped += c;
    } else {
      escaped += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xF]};
    }
  }
  return escaped + "'";
}

}  // namespace

std::string comparable_id(std::string_view id) {
  if (id.size() > kMaxComparedId) return std::string(id);
  std::string form(id);
  if (!is_ascii(id)) {
    const auto nfc = composed(id);
    if (!nfc) return form;
    form = with_plain_spaces(*nfc);
  }
  const std::size_t begin = std::min(form.find_first_not_of(' '), form.size());
  form.erase(0, begin);
  form.erase(form.find_last_not_of(' ') + 1);
  return form;
}

std::optional<std::pair<std::size_t, std::size_t>> alike_classes(const std::vector<ClassInfo>& classes) {
  // Most tables have no ID of another form than the one that is compared, and then nothing is hashed.
  std::unordered_map<std::string, std::size_t> others;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    std::string form = comparable_id(classes[i].id);
    if (form == classes[i].id) continue;
    const auto [seen, added] = others.emplace(std::move(form), i);
    if (!added && classes[seen->second].id != classes[i].id) return std::pair(seen->second, i);
  }
  if (others.empty()) return std::nullopt;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto seen = others.find(classes[i].id);
    if (seen != others.end()) return std::pair(std::min(seen->second, i), std::max(seen->second, i));
  }
  return std::nullopt;
}

std::string in_bytes(std::string_view a, std::string_view b) {
  return "in bytes, " + quoted_bytes(a) + " against " + quoted_bytes(b);
}

std::string alike_complaint(std::string_view a, std::string_view b) {
  return "classes '" + std::string(a) + "' and '" + std::string(b) + "' look alike (" + in_bytes(a, b) + ")";
}

}  // namespace convoy
