#include "lib/base/json.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kMaxDepth = 64;

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view place, std::uint64_t base_offset) {
  using nlohmann::json;
  // The library takes a NUL byte for the end of the text.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    throw FormatError(place, base_offset + nul, "invalid JSON");
  }
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) throw FormatError(place, base_offset, "JSON nested too deeply");
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key && !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw FormatError(place, base_offset, "duplicate JSON key '" + parsed.get<std::string>() + "'");
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& error) {
    const std::uint64_t byte = error.byte > 0 ? error.byte - 1 : 0;
    throw FormatError(place, base_offset + byte, "invalid JSON");
  }
}

}  // namespace convoy
