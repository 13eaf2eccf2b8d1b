// JSON, read strictly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// The value as JSON text for people and programs to read: bytes that are no UTF-8 become U+FFFD, and control
// characters that RFC 8259 allows in strings (DEL and U+0080 to U+009F), which terminals obey, are escaped
// too.
[[nodiscard]] std::string json_text(const nlohmann::json& value);
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& value);

// Values, of all depths, that may be in memory as JSON at a time: each takes some hundred bytes, however
// short its text is.
inline constexpr std::size_t kMaxJsonValues = std::size_t{1} << 18;

// Parses one JSON value that must be the whole of `text`, in time and memory linear in its length. Refuses
// duplicate keys of an object, nesting deeper than 64, more than kMaxJsonValues values, numbers out of range,
// and anything else outside RFC 8259. Throws FormatError(place, base_offset + byte, reason).
[[nodiscard]] nlohmann::json parse_json(std::string_view text, std::string_view place,
                                        std::uint64_t base_offset = 0);

// The same for a document that holds more values than that: parts of it are handed over as soon as each is
// complete, and are not kept. What `take` throws ends the parsing.
//
// The elements of the array that is the member `array` of the outermost object; the result has an empty array
// in its place.
using TakeElement = std::function<void(const nlohmann::json& element)>;
[[nodiscard]] nlohmann::json parse_json_but_array(std::string_view text, std::string_view array,
                                                  const TakeElement& take, std::string_view place,
                                                  std::uint64_t base_offset = 0);
// The members of the outermost object, in the order of the text. Throws FormatError if the text is something
// else than an object.
using TakeMember = std::function<void(const std::string& key, const nlohmann::json& value)>;
void parse_json_members(std::string_view text, const TakeMember& take, std::string_view place,
                        std::uint64_t base_offset = 0);

// The members of a JSON object, read with their types checked. The object must outlive the reader.
class JsonObject {
 public:
  // Messages call the object `what`: every error is an Error(place, "WHAT: ...") that names the key. Throws
  // one if `value` is not an object.
  JsonObject(const nlohmann::json& value, std::string_view what, std::string_view place);

  // Throws Error if a key of `required` is missing, or if there is a key that neither list has.
  void check_keys(std::initializer_list<std::string_view> required,
                  std::initializer_list<std::string_view> optional = {}) const;

  [[nodiscard]] bool has(std::string_view key) const { return value_.contains(key); }
  // The member `key`. These throw Error if it is missing, has another type, or is out of range.
  [[nodiscard]] const nlohmann::json& member(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] double real(std::string_view key) const;
  [[nodiscard]] std::uint64_t count(std::string_view key) const;
  [[nodiscard]] int integer(std::string_view key, int least, int most) const;
  // An array of `size` integers.
  [[nodiscard]] std::vector<int> integers(std::string_view key, std::size_t size, int least, int most) const;

 private:
  [[noreturn]] void refuse(std::string_view key, const std::string& reason) const;

  const nlohmann::json& value_;
  std::string what_;
  std::string place_;
};

}  // namespace convoy
