// Numbers that are infinite or not a number.
#pragma once

#include <span>

#include "lib/base/error.h"

namespace convoy {

// A loss, an output or a parameter that is infinite or not a number: the net is worth nothing any more.
class NotFiniteError : public Error {
 public:
  using Error::Error;
};

// Whether none is infinite or not a number. As fast as memory: a whole net is looked through each time it is
// read or written, since a ReLU makes 0 of what is not a number, and hides it from the loss.
[[nodiscard]] bool all_finite(std::span<const float> values);

}  // namespace convoy
