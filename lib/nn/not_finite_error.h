#pragma once

#include "lib/base/error.h"

namespace convoy {

// A loss, an output or a parameter that is infinite or not a number: the net is worth nothing any more.
class NotFiniteError : public Error {
 public:
  using Error::Error;
};

}  // namespace convoy
