#include "lib/net/cpu/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace convoy {

namespace {

constexpr std::size_t kVector = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

CpuBuffer::CpuBuffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kVector;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded < bytes) throw std::bad_alloc();
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
  if (!data_) throw std::bad_alloc();
  if (alignment == kHugePage)
    ::madvise(data_.get(), rounded, MADV_HUGEPAGE);  // best effort: without it only speed is lost
  std::memset(data_.get(), 0, rounded);
}

void CpuBuffer::Free::operator()(std::byte* data) const { std::free(data); }

}  // namespace convoy
