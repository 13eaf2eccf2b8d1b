#include "lib/base/early_exit.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// Static, since what runs at exit() gets no argument.
std::array<char, 200> message;
std::size_t message_bytes = 0;
std::atomic<pid_t> working = 0;  // the process whose work is not done

void on_exit_while_working() {
  if (working != ::getpid()) return;
  unlink_temporaries();
  // If the message cannot be written, nothing is left to do.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message_bytes);
}

}  // namespace

EarlyExit::EarlyExit(std::string_view tool) {
  const std::string text = std::string(tool) +
                           ": ended by a library, which has said why; if it lacked threads or memory, try a "
                           "smaller -j\n";
  message_bytes = std::min(text.size(), message.size());
  std::copy_n(text.begin(), message_bytes, message.begin());
  [[maybe_unused]] static const int registered = std::atexit(on_exit_while_working);
  working = ::getpid();
}

EarlyExit::~EarlyExit() { working = 0; }

}  // namespace convoy
