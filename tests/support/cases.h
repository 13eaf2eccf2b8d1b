// What the case tables of the operations (cases_NAME.h) share. A table has the cases, the expected results
// and the error bounds for the tests of all backends: NAME_test.cpp and cuda_NAME_test.cpp.
#pragma once

#include <string>

namespace convoy {

// Names the tests of a suite after the `name` of their cases.
inline constexpr auto case_name = [](const auto& tested) { return std::string(tested.param.name); };

// "relu before and after", for SCOPED_TRACE.
[[nodiscard]] inline std::string relu_text(bool before, bool after) {
  if (before) return after ? "relu before and after" : "relu before";
  return after ? "relu after" : "no relu";
}

}  // namespace convoy
