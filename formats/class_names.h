// Class IDs that a reader takes for one name, though their bytes differ.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/dataset_info.h"

namespace convoy {

// Longer IDs are compared by their bytes alone: no file system has longer names, and putting many combining
// marks in order takes time that grows with their square.
inline constexpr std::size_t kMaxComparedId = 255;

// The form in which IDs that look alike are equal: Unicode's NFC, without characters that have no width,
// without blanks at either end, and with plain spaces for other blanks inside. An ID that is longer than
// kMaxComparedId, or not UTF-8, stays as it is.
[[nodiscard]] std::string comparable_id(std::string_view id);

// The places of two classes of the table whose IDs differ, but not in comparable_id(); nothing if there are
// none. Takes time linear in the table.
[[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> alike_classes(
    const std::vector<ClassInfo>& classes);

// "in bytes, 'caf\xc3\xa9' against 'cafe\xcc\x81'", for two texts that may look alike.
[[nodiscard]] std::string in_bytes(std::string_view a, std::string_view b);

// "classes 'a' and 'b' look alike (in bytes, ...)".
[[nodiscard]] std::string alike_complaint(std::string_view a, std::string_view b);

}  // namespace convoy
