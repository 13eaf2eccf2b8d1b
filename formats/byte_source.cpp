#include "formats/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace convoy {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kKeptBytes = std::size_t{4} << 20;

}  // namespace

std::span<const std::uint8_t> ByteSource::peek(std::size_t least) {
  while (end_ - begin_ < least && !ended_) {
    make_room();
    const std::size_t got = fill(std::as_writable_bytes(std::span(buffer_.get() + end_, size_ - end_)));
    ended_ = got == 0;
    end_ += got;
  }
  return {buffer_.get() + begin_, end_ - begin_};
}

// Makes room for a read. The bytes are moved to the front if they take at most as much room as has been
// taken there, so that each is moved at most once for each byte taken; else the buffer doubles. What a large
// image took is given back.
void ByteSource::make_room() {
  const std::size_t held = end_ - begin_;
  const bool large = size_ > kKeptBytes && held <= kReadBytes / 2;
  if (begin_ > 0 && held <= begin_ && !large) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    moved_ += held;
    begin_ = 0;
    end_ = held;
  }
  if (end_ < size_ && !large) return;
  const std::size_t size = std::max(kReadBytes, 2 * held);
  auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(size);  // NOLINT: as above
  if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
  moved_ += held;
  buffer_ = std::move(larger);
  size_ = size;
  begin_ = 0;
  end_ = held;
}

std::uint64_t ByteSource::skip(std::uint64_t bytes) {
  std::uint64_t done = 0;
  while (done < bytes) {
    if (begin_ == end_) {
      const std::uint64_t jumped = seek_ahead(bytes - done);
      done += jumped;
      taken_ += jumped;
      if (done == bytes) break;
    }
    const auto there = peek(1);
    if (there.empty()) break;
    const auto step = std::min<std::uint64_t>(there.size(), bytes - done);
    take(static_cast<std::size_t>(step));
    done += step;
  }
  return done;
}

FileSource::FileSource(InputFile& file) : file_(file), position_(file.position()) {}

std::size_t FileSource::fill(std::span<std::byte> into) {
  const std::size_t got = file_.read_some(into);
  position_ += got;
  return got;
}

std::uint64_t FileSource::seek_ahead(std::uint64_t bytes) {
  if (!file_.is_regular() || position_ >= file_.size()) return 0;
  const std::uint64_t step = std::min(bytes, file_.size() - position_);
  if (::lseek(file_.fd(), static_cast<off_t>(step), SEEK_CUR) < 0) return 0;
  position_ += step;
  return step;
}

std::size_t MemorySource::fill(std::span<std::byte> into) {
  const std::size_t got = std::min(into.size(), rest_.size());
  if (got > 0) std::memcpy(into.data(), rest_.data(), got);
  rest_ = rest_.subspan(got);
  return got;
}

}  // namespace convoy
