#include "lib/prep/list_text.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "lib/base/file.h"
#include "lib/base/lines.h"

namespace convoy {
namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";
constexpr std::size_t kShownOfLine = 100;

std::string_view first_line(std::span<const std::uint8_t> head) {
  const std::string_view text = as_text(std::as_bytes(head));
  return text.substr(0, text.find('\n'));
}

std::string_view trimmed(std::string_view line) {
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  return line.substr(0, line.find_last_not_of(kBlanks) + 1);
}

bool exists(std::string_view path) {
  const std::string name(trimmed(path));
  return !name.empty() && ::access(name.c_str(), F_OK) == 0;
}

}  // namespace

std::span<const std::uint8_t> list_head(ByteSource& source) {
  const auto there = source.peek(kListPeek);
  return there.first(std::min(there.size(), kListPeek));
}

bool is_list(std::span<const std::uint8_t> head) {
  const std::string_view line = trimmed(first_line(head));
  if (line.empty() || line.find('\0') != std::string_view::npos) return false;
  return exists(line) || exists(line.substr(0, line.find('\t'))) || exists(line.substr(0, line.rfind(' ')));
}

bool is_text(std::span<const std::uint8_t> head) {
  return !head.empty() && is_text(as_text(std::as_bytes(head)));
}

std::string names_no_file(std::span<const std::uint8_t> head) {
  const std::string_view line = trimmed(first_line(head));
  return "a text whose first line names no file ('" + std::string(line.substr(0, kShownOfLine)) +
         (line.size() > kShownOfLine ? "..." : "") + "')";
}

std::string below_root(const std::string& root, const std::string& path) {
  if (root.empty()) return path;
  const std::size_t begin = std::min(path.find_first_not_of('/'), path.size());
  return root + (root.ends_with('/') ? "" : "/") + path.substr(begin);
}

}  // namespace convoy
