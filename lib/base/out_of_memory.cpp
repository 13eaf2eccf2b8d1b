#include "lib/base/out_of_memory.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// Static, since the handler cannot allocate.
std::array<char, 96> message;
std::size_t message_bytes = 0;
std::terminate_handler before = nullptr;

bool is_out_of_memory() {
  const std::exception_ptr failure = std::current_exception();
  if (!failure) return false;
  try {
    std::rethrow_exception(failure);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const std::length_error&) {  // more than a container can have
    return true;
  } catch (...) {
    return false;
  }
}

[[noreturn]] void on_terminate() {
  if (is_out_of_memory()) {
    unlink_temporaries();
    // If the message cannot be written, nothing is left to do.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message_bytes);
    ::_exit(EXIT_FAILURE);
  }
  before();
  std::abort();
}

}  // namespace

void report_memory_at_terminate(std::string_view tool) {
  const std::string text = std::string(tool) + ": " + std::string(kOutOfMemory) + "\n";
  message_bytes = std::min(text.size(), message.size());
  std::copy_n(text.begin(), message_bytes, message.begin());
  before = std::set_terminate(on_terminate);
}

}  // namespace convoy
