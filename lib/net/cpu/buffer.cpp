#include "lib/net/cpu/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "lib/base/checked.h"

namespace convoy {

namespace {

constexpr std::size_t kVector = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::uint64_t alignment_of(std::uint64_t bytes) { return bytes >= 2 * kHugePage ? kHugePage : kVector; }

}  // namespace

std::uint64_t CpuBuffer::allocated(std::uint64_t bytes) {
  return checked_align(bytes, alignment_of(bytes)).value_or(UINT64_MAX);
}

CpuBuffer::CpuBuffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const auto rounded = checked_align(bytes, alignment_of(bytes));
  if (!rounded) throw std::bad_alloc();
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment_of(bytes), *rounded)));
  if (!data_) throw std::bad_alloc();
  if (alignment_of(bytes) == kHugePage)
    ::madvise(data_.get(), *rounded, MADV_HUGEPAGE);  // best effort: without it only speed is lost
  std::memset(data_.get(), 0, *rounded);
}

void CpuBuffer::Free::operator()(std::byte* data) const { std::free(data); }

void CpuArena::take(CpuBuffer& buffer, std::uint64_t bytes) {
  bytes_ = saturating_add(bytes_, CpuBuffer::allocated(bytes));
  if (pass_ == Pass::allocate) buffer = CpuBuffer(bytes);
}

}  // namespace convoy
