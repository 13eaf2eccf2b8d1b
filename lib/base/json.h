// JSON, read strictly.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace convoy {

// Parses one JSON value that must be the whole of `text`. Duplicate keys of an object, nesting deeper than 64
// and anything else outside RFC 8259 are refused. Throws FormatError(place, base_offset + byte, reason).
[[nodiscard]] nlohmann::json parse_json(std::string_view text, std::string_view place,
                                        std::uint64_t base_offset = 0);

}  // namespace convoy
