// Waits for pipes, which may last for ever, and end if a signal asks to stop while a SignalWatch notes that.
// Without such a watch the signal ends the process itself, and these wait for nothing.
#pragma once

#include <cstddef>
#include <exception>
#include <string>

#include "lib/base/fd.h"

namespace convoy {

// A signal asks to stop while the process waits for an input. No Error: nothing is wrong with the input. In a
// tool, the exit status is then 128 + signal(), without a message.
class Stopped : public std::exception {
 public:
  explicit Stopped(int signal) : signal_(signal) {}
  [[nodiscard]] int signal() const { return signal_; }
  [[nodiscard]] const char* what() const noexcept override { return "stopped by a signal"; }

 private:
  int signal_;
};

// Opens a file for reading, as open(2) does: returns the descriptor, or an invalid one with errno set. Does
// not wait until a FIFO has a writer; wait_to_read() does.
[[nodiscard]] Fd open_to_read(const std::string& path);
// Returns once reading from the descriptor does not block. Throws Stopped.
void wait_to_read(int fd);

// Opens what is no regular file for appending, once a FIFO has a reader. If a signal asks to stop meanwhile,
// waits no longer than a second: then returns an invalid descriptor, with EINTR in errno. What is opened
// after such a signal is written because of it, and waits for its reader.
[[nodiscard]] Fd open_to_append(const std::string& path);
// Returns how many of `bytes` bytes can be written without blocking; all of them to a regular file, or if
// nothing notes stops. If a signal asks to stop, waits for its reader no longer than a second: then 0.
[[nodiscard]] std::size_t wait_to_write(int fd, std::size_t bytes);

}  // namespace convoy
