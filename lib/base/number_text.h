// Numbers as texts.
#pragma once

#include <string>

namespace convoy {

// The shortest text that is read as exactly this number.
[[nodiscard]] std::string number_text(double value);

}  // namespace convoy
