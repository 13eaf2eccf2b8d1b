#include "lib/prep/temporary_source.h"

#include <algorithm>
#include <cstring>

#include "lib/base/console.h"
#include "lib/base/error.h"

namespace convoy {

std::size_t TemporarySource::fill(std::span<std::byte> into) {
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), end_ - at_));
  if (bytes > 0) file_.read_at(at_, into.first(bytes));
  at_ += bytes;
  return bytes;
}

std::uint64_t TemporarySource::seek_ahead(std::uint64_t bytes) {
  const std::uint64_t step = std::min(bytes, end_ - at_);
  at_ += step;
  return step;
}

std::uint64_t append_all(ByteSource& source, TemporaryFile& to, std::uint64_t limit) {
  std::uint64_t size = 0;
  while (size < limit) {
    const auto there = source.peek(1);
    if (there.empty()) break;
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(there.size(), limit - size));
    to.append(std::as_bytes(there.first(step)));
    source.take(step);
    size += step;
  }
  return size;
}

void CopiedPipe::keep(std::span<const std::byte> bytes) {
  if (gone_) return;
  try {
    if (bytes.size() > kMaxPipeCopy - copied_) {
      throw Error(name_,
                  "only the first " + format_bytes(kMaxPipeCopy) + " of a pipe are kept: give the file");
    }
    if (!copy_) copy_.emplace("temporary copy of " + name_);
    copy_->append(bytes);
    copied_ += bytes.size();
  } catch (...) {
    // A copy that nobody may need ends no run; from_start() ends it.
    gone_ = std::current_exception();
    copy_.reset();
  }
}

std::size_t CopiedPipe::fill(std::span<std::byte> into) {
  const auto there = pipe_.peek(1);
  const std::size_t got = std::min(there.size(), into.size());
  if (got == 0) return 0;
  std::memcpy(into.data(), there.data(), got);
  pipe_.take(got);
  keep(into.first(got));
  return got;
}

std::shared_ptr<ByteSource> CopiedPipe::from_start() {
  if (gone_) std::rethrow_exception(gone_);
  if (!copy_) copy_.emplace("temporary copy of " + name_);
  copied_ += append_all(pipe_, *copy_);
  return std::make_shared<TemporarySource>(*copy_, 0, copied_);
}

}  // namespace convoy
