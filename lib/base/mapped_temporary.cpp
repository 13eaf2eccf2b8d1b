#include "lib/base/mapped_temporary.h"

#include <sys/mman.h>

#include <cerrno>

#include "lib/base/new_file.h"

namespace convoy {

MappedTemporary::MappedTemporary(const TemporaryFile& file, std::uint64_t size) : size_(size) {
  if (size_ == 0) return;
  void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (mapped == MAP_FAILED) throw_output_errno(file.name(), errno);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedTemporary::~MappedTemporary() {
  // The system takes what it has mapped.
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);  // NOLINT(*-const-cast)
}

}  // namespace convoy
