#include "formats/chunk_source.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr std::size_t kFirstRead = std::size_t{64} << 10;

}  // namespace

std::span<const std::byte> MappedSource::bytes(std::uint64_t offset, std::uint64_t length) {
  if (offset >= all_.size()) return {};
  return all_.subspan(offset, std::min<std::uint64_t>(length, all_.size() - offset));
}

std::span<const std::byte> StreamSource::bytes(std::uint64_t offset, std::uint64_t length) {
  if (!file_.empty()) return MappedSource(mapped_).bytes(offset, length);
  const std::size_t skip = offset - base_;
  // While a buffer grows there are two.
  const std::uint64_t most_of_file = std::min(kMaxHeldOfFile, memory_.bytes / 2);
  if (in_.is_regular() && in_.size() > 0 && skip + length > most_of_file) {
    map();
    return bytes(offset, length);
  }
  const std::size_t wanted = std::min<std::uint64_t>(skip + length, kMaxHeldOfPipe);
  while (end_ - begin_ < wanted) {
    if (end_ == buffer_.size()) make_room(wanted);
    const std::size_t step = std::min(wanted - (end_ - begin_), buffer_.size() - end_);
    const std::size_t got = in_.read(std::span(buffer_).subspan(end_, step));
    end_ += got;
    if (got < step) break;
  }
  if (end_ - begin_ <= skip) return {};
  return std::span<const std::byte>(buffer_).subspan(begin_ + skip,
                                                     std::min<std::uint64_t>(length, end_ - begin_ - skip));
}

// Moves the bytes to the front if that is at least as much room as they take, so that each byte is moved at
// most once for each byte that was released. Else the buffer grows, with what has arrived: a header may
// promise more.
void StreamSource::make_room(std::size_t wanted) {
  const std::size_t held = end_ - begin_;
  moved_ += held;
  if (begin_ > 0 && begin_ >= held) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, held);
    begin_ = 0;
    end_ = held;
    return;
  }
  const std::size_t room = begin_ + std::min(wanted, std::max(kFirstRead, 2 * held));
  // While the buffer grows there are both, the old one and the new one.
  require_memory(saturating_add(room, buffer_.size()), memory_, in_.name(),
                 "a chunk of " + format_bytes(wanted) + " that comes through a pipe would");
  buffer_.resize(room);
}

StreamSource::~StreamSource() {
  if (!file_.empty()) ::munmap(const_cast<std::byte*>(file_.data()), file_.size());
}

std::uint64_t StreamSource::most() const { return file_.empty() ? kMaxHeldOfPipe : UINT64_MAX; }

void StreamSource::map() {
  const std::uint64_t first = in_.position() - (base_ + (end_ - begin_));  // of the input in the file
  const auto size = static_cast<std::size_t>(in_.size());
  void* const mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, in_.fd(), 0);
  if (mapping == MAP_FAILED) throw Error(in_.name(), std::generic_category().message(errno));
  ::madvise(mapping, size, MADV_SEQUENTIAL);
  file_ = {static_cast<const std::byte*>(mapping), size};
  mapped_ = file_.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(first, size)));
  dropped_ = base_;
  buffer_ = {};
}

// The pages go back to the system, which keeps them as long as it has the memory, or reads them again.
void StreamSource::looked_before(std::uint64_t offset) {
  if (file_.empty() || offset < dropped_ + kMaxHeldOfFile) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto first = static_cast<std::uint64_t>(mapped_.data() - file_.data());
  const std::uint64_t from = (first + dropped_) / page * page;
  const std::uint64_t to = (first + std::min<std::uint64_t>(offset, mapped_.size())) / page * page;
  if (to > from) ::madvise(const_cast<std::byte*>(file_.data() + from), to - from, MADV_DONTNEED);
  dropped_ = offset;
}

void StreamSource::release_before(std::uint64_t offset) {
  if (!file_.empty()) return looked_before(offset);
  const std::size_t drop = std::min<std::uint64_t>(offset - base_, end_ - begin_);
  begin_ += drop;
  base_ += drop;
}

}  // namespace convoy
