#include "lib/base/json.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kMaxDepth = 64;

// The value as a number from `least` to `most`; nothing if it is something else.
std::optional<int> integer_from(const nlohmann::json& value, int least, int most) {
  if (!value.is_number_integer()) return std::nullopt;
  // Compared as they are stored, in 64 bits: 2^32 + 1 must not pass for 1.
  const bool small = value.is_number_unsigned() ? std::cmp_less_equal(value.get<std::uint64_t>(), most)
                                                : std::cmp_less_equal(value.get<std::int64_t>(), most);
  if (!small || value.get<std::int64_t>() < least) return std::nullopt;
  return value.get<int>();
}

std::string range_text(int least, int most) {
  return "from " + std::to_string(least) + " to " + std::to_string(most);
}

bool holds(std::initializer_list<std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view place, std::uint64_t base_offset) {
  using nlohmann::json;
  // The library treats a NUL byte as the end of the text.
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

JsonObject::JsonObject(const nlohmann::json& value, std::string_view what, std::string_view place)
    : value_(value), what_(what), place_(place) {
  if (!value.is_object()) throw Error(place_, what_ + ": not a JSON object");
}

void JsonObject::refuse(std::string_view key, const std::string& reason) const {
  throw Error(place_, what_ + ": '" + std::string(key) + "' " + reason);
}

void JsonObject::check_keys(std::initializer_list<std::string_view> required,
                            std::initializer_list<std::string_view> optional) const {
  for (const std::string_view key : required) static_cast<void>(member(key));
  for (const auto& [key, unused] : value_.items()) {
    if (!holds(required, key) && !holds(optional, key)) refuse(key, "is not a known key");
  }
}

const nlohmann::json& JsonObject::member(std::string_view key) const {
  const auto found = value_.find(key);
  if (found == value_.end()) refuse(key, "is missing");
  return *found;
}

bool JsonObject::boolean(std::string_view key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_boolean()) refuse(key, "is neither true nor false");
  return value.get<bool>();
}

std::string JsonObject::text(std::string_view key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_string()) refuse(key, "is not a text");
  return value.get<std::string>();
}

double JsonObject::real(std::string_view key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_number()) refuse(key, "is not a number");
  return value.get<double>();
}

std::uint64_t JsonObject::count(std::string_view key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_number_unsigned()) refuse(key, "is not a count");
  return value.get<std::uint64_t>();
}

int JsonObject::integer(std::string_view key, int least, int most) const {
  const auto number = integer_from(member(key), least, most);
  if (!number) refuse(key, "is not a whole number " + range_text(least, most));
  return *number;
}

std::vector<int> JsonObject::integers(std::string_view key, std::size_t size, int least, int most) const {
  const nlohmann::json& value = member(key);
  std::vector<int> numbers;
  for (const nlohmann::json& element : value) {
    if (const auto number = integer_from(element, least, most)) numbers.push_back(*number);
  }
  if (!value.is_array() || value.size() != size || numbers.size() != size) {
    refuse(key, "is not an array of " + std::to_string(size) + " whole numbers " + range_text(least, most));
  }
  return numbers;
}

}  // namespace convoy
