// Values that are infinite or not a number.
#pragma once

#include <span>

#include "lib/base/error.h"

namespace convoy {

// A loss, an output or a parameter is infinite or not a number, so the net is of no use any more.
class NotFiniteError : public Error {
 public:
  using Error::Error;
};

// Whether no value is infinite or not a number. Runs at memory speed: all parameters are checked whenever a
// net is read or written, since the loss alone does not show them (a ReLU turns NaN into 0).
[[nodiscard]] bool all_finite(std::span<const float> values);

}  // namespace convoy
