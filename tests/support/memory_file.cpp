#include "tests/support/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <iterator>
#include <stdexcept>

namespace convoy::test {

MemoryFile::MemoryFile() : fd_(::memfd_create("test", MFD_CLOEXEC)) {
  if (!fd_.valid()) throw std::runtime_error("memfd_create");
}

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

void MemoryFile::write(std::span<const std::uint8_t> bytes) const {
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
    throw std::runtime_error("cannot write " + path());
  }
}

}  // namespace convoy::test
