// Memory directly from the operating system.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "lib/base/error.h"

namespace convoy::emulation {

// Pages of an anonymous mapping. The lowest page is inaccessible, so that a stack overflow ends the
// program there.
class Pages {
 public:
  explicit Pages(std::size_t bytes) : bytes_(bytes) {
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data_ == MAP_FAILED) throw_errno("cuda emulation", errno);
    if (mprotect(data_, page(), PROT_NONE) != 0) throw_errno("cuda emulation", errno);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  Pages(Pages&&) = delete;
  Pages& operator=(Pages&&) = delete;
  ~Pages() { munmap(data_, bytes_); }
  [[nodiscard]] std::byte* begin() const { return static_cast<std::byte*>(data_) + page(); }
  [[nodiscard]] std::byte* end() const { return static_cast<std::byte*>(data_) + bytes_; }

 private:
  static std::size_t page() {
    static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
  }
  void* data_ = nullptr;
  std::size_t bytes_;
};

}  // namespace convoy::emulation
