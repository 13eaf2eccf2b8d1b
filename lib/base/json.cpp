#include "lib/base/json.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kMaxDepth = 64;

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

// Builds the value from the events of the library's parser. The library's own builder with a callback
// searches all of a parent's elements at the end of each object.
class Parser : public nlohmann::json_sax<nlohmann::json> {
 public:
  using json = nlohmann::json;

  Parser(std::string_view place, std::uint64_t base_offset) : place_(place), base_offset_(base_offset) {}

  void hand_over_elements(std::string_view array, const TakeElement& take) {
    array_ = array;
    take_element_ = &take;
  }
  void hand_over_members(const TakeMember& take) { take_member_ = &take; }

  json parse(std::string_view text) {
    // The library treats a NUL byte as the end of the text.
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) refuse(nul, "invalid JSON");
    json::sax_parse(text.begin(), text.end(), this);
    return std::move(root_);
  }

  bool null() override { return deliver(nullptr, ++values_); }
  bool boolean(bool value) override { return deliver(value, ++values_); }
  bool number_integer(number_integer_t value) override { return deliver(value, ++values_); }
  bool number_unsigned(number_unsigned_t value) override { return deliver(value, ++values_); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return deliver(value, ++values_);
  }
  bool string(string_t& value) override { return deliver(std::move(value), ++values_); }
  bool binary(binary_t& /*value*/) override { return false; }  // no part of JSON's text

  bool start_object(std::size_t /*elements*/) override { return open(json::object()); }
  bool start_array(std::size_t /*elements*/) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    Open& object = open_.back();
    const bool is_new = takes_members() ? member_keys_.insert(key).second : !object.value.contains(key);
    if (!is_new) refuse(0, "duplicate JSON key '" + key + "'");
    object.key = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& error) override {
    const bool out_of_range = dynamic_cast<const json::out_of_range*>(&error) != nullptr;
    refuse(position > 0 ? position - 1 : 0, out_of_range ? "a JSON number is out of range" : "invalid JSON");
  }

 private:
  // An array or object whose end has not come yet.
  struct Open {
    json value;
    std::string key;         // of the member that comes next, if this is an object
    std::size_t values = 0;  // that were in memory with its beginning
  };

  [[noreturn]] void refuse(std::uint64_t offset, const std::string& reason) const {
    throw FormatError(place_, base_offset_ + offset, reason);
  }

  bool open(json&& value) {
    if (open_.size() >= kMaxDepth) refuse(0, "JSON nested too deeply");
    open_.push_back({std::move(value), {}, ++values_});
    return true;
  }

  bool close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    return deliver(std::move(closed.value), closed.values);
  }

  [[nodiscard]] bool takes_members() const { return take_member_ != nullptr && open_.size() == 1; }
  [[nodiscard]] bool takes_elements() const {
    return take_element_ != nullptr && open_.size() == 2 && open_[1].value.is_array() &&
           open_[0].value.is_object() && open_[0].key == array_;
  }

  // Puts a complete value where it belongs. It was number `number` of the values in memory when it began.
  bool deliver(json&& value, std::size_t number) {
    if (values_ > kMaxJsonValues)
      refuse(0, "JSON of more than " + std::to_string(kMaxJsonValues) + " values");
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (takes_members() && open_[0].value.is_object()) {
      (*take_member_)(open_[0].key, value);
      values_ = number - 1;
    } else if (takes_elements()) {
      (*take_element_)(value);
      values_ = number - 1;
    } else if (open_.back().value.is_array()) {
      open_.back().value.push_back(std::move(value));
    } else {
      open_.back().value.emplace(std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  std::string_view place_;
  std::uint64_t base_offset_;
  std::string_view array_;
  const TakeElement* take_element_ = nullptr;
  const TakeMember* take_member_ = nullptr;
  std::unordered_set<std::string> member_keys_;
  std::vector<Open> open_;
  std::size_t values_ = 0;
  json root_;
};

template <typename Json>
std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Outside of strings, JSON has only ASCII without control characters.
std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = display_control_length(text.substr(i));
    if (length == 0 && !is_control(text[i])) {
      result += text[i++];
      continue;
    }
    // UTF-8 has the high bits in the first of two or three bytes, and six more in each other.
    unsigned code = length == 0 ? byte(i) : byte(i) & (length == 2 ? 0x1FU : 0x0FU);
    for (std::size_t k = 1; k < length; ++k) code = code << 6U | (byte(i + k) & 0x3FU);
    result += format("\\u%04x", code);
    i += std::max<std::size_t>(length, 1);
  }
  return result;
}

bool holds(std::initializer_list<std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

}  // namespace

std::string json_text(const nlohmann::json& value) { return printable(dumped(value)); }
std::string json_text(const nlohmann::ordered_json& value) { return printable(dumped(value)); }

nlohmann::json parse_json(std::string_view text, std::string_view place, std::uint64_t base_offset) {
  return Parser(place, base_offset).parse(text);
}

nlohmann::json parse_json_but_array(std::string_view text, std::string_view array, const TakeElement& take,
                                    std::string_view place, std::uint64_t base_offset) {
  Parser parser(place, base_offset);
  parser.hand_over_elements(array, take);
  return parser.parse(text);
}

void parse_json_members(std::string_view text, const TakeMember& take, std::string_view place,
                        std::uint64_t base_offset) {
  Parser parser(place, base_offset);
  parser.hand_over_members(take);
  if (!parser.parse(text).is_object()) throw FormatError(place, base_offset, "not a JSON object");
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
