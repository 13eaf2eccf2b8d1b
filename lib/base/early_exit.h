// What a tool does if a library ends the process.
#pragma once

#include <string_view>

namespace convoy {

// While it lives, exit() is the doing of a library, such as of libgomp if it cannot start a thread: the
// temporary files are removed, and a line on standard error, in the name of `tool`, says what may help. The
// exit status stays. Only one may live at a time.
class EarlyExit {
 public:
  explicit EarlyExit(std::string_view tool);
  EarlyExit(const EarlyExit&) = delete;
  EarlyExit& operator=(const EarlyExit&) = delete;
  EarlyExit(EarlyExit&&) = delete;
  EarlyExit& operator=(EarlyExit&&) = delete;
  ~EarlyExit();
};

}  // namespace convoy
