#include "formats/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace convoy {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

}  // namespace

std::span<const std::uint8_t> ByteSource::peek(std::size_t least) {
  while (end_ - begin_ < least) {
    if (begin_ > 0) {
      std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
      end_ -= begin_;
      begin_ = 0;
    }
    const std::size_t wanted = std::max(least, kReadBytes);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    const std::size_t got = fill(std::as_writable_bytes(std::span(buffer_).subspan(end_)));
    if (got == 0) break;
    end_ += got;
  }
  return std::span(buffer_).subspan(begin_, end_ - begin_);
}

void ByteSource::unread(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> joined(bytes.begin(), bytes.end());
  joined.insert(joined.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_));
  buffer_ = std::move(joined);
  begin_ = 0;
  end_ = buffer_.size();
}

std::uint64_t ByteSource::skip(std::uint64_t bytes) {
  std::uint64_t done = 0;
  while (done < bytes) {
    if (begin_ == end_) {
      const std::uint64_t jumped = seek_ahead(bytes - done);
      done += jumped;
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
