// The messages of errors.
#pragma once

#include <functional>
#include <string>

#include "lib/base/error.h"

namespace convoy::test {

// The message of the Error or SystemError that `action` throws; empty if it throws none.
[[nodiscard]] inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const SystemError& error) {
    return error.what();
  }
  return {};
}

}  // namespace convoy::test
