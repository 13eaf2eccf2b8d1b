#include "lib/shards/extract_names.h"

#include <algorithm>

#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kMaxNameBytes = 200;  // file systems allow 255; a number and an extension are added

bool ends_in(std::string_view name, std::string_view ending) {
  if (name.size() <= ending.size()) return false;
  const std::string_view tail = name.substr(name.size() - ending.size());
  return std::equal(tail.begin(), tail.end(), ending.begin(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

// The record's name as a file in its class's folder. imgprep names images in folders "CLASS/FILE": the class
// is left out. Slashes that remain become '_'.
std::string base_name(std::string_view name, std::string_view class_id) {
  if (!class_id.empty() && name.size() > class_id.size() + 1 && name.starts_with(class_id) &&
      name[class_id.size()] == '/') {
    name.remove_prefix(class_id.size() + 1);
  }
  name.remove_prefix(std::min(name.find_first_not_of('/'), name.size()));
  std::string flat(name);
  std::replace(flat.begin(), flat.end(), '/', '_');
  return safe_file_name(flat);
}

}  // namespace

std::string safe_file_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size() && name.size() < kMaxNameBytes; ++i) {
    const char c = text[i];
    const bool leading = i == 0 && (c == '.' || c == '-');
    if (is_control(c) || c == '/' || c == '%' || leading) {
      name += format("%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      name += c;
    }
  }
  return name.empty() ? "_" : name;
}

std::string ExtractNames::path(std::string_view name, std::string_view class_id, Codec codec) {
  std::string file = base_name(name, class_id);
  const bool has_ending =
      codec == Codec::raw ? ends_in(file, ".png") : ends_in(file, ".jpg") || ends_in(file, ".jpeg");
  if (!has_ending) file += codec == Codec::raw ? ".png" : ".jpg";
  std::string path = (class_id.empty() ? "" : safe_file_name(class_id) + "/") + file;
  ++tries_;
  if (used_.insert(path).second) return path;
  // Numbers only go up, so that many records of one name do not try each number again.
  std::uint64_t& number = numbers_.emplace(path, 1).first->second;
  const std::size_t dot = path.rfind('.');
  while (true) {
    ++tries_;
    std::string numbered = path.substr(0, dot) + "~" + std::to_string(++number) + path.substr(dot);
    if (used_.insert(numbered).second) return numbered;
  }
}

}  // namespace convoy
