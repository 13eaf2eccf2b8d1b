#include "formats/unpacked.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace convoy {

// Not archive_read_support_filter_all(), which runs external programs for the formats that libarchive
// was built without.
Unpacked::Unpacked(ByteSource& source, std::string place)
    : handle_(source, std::move(place),
              {archive_read_support_filter_gzip, archive_read_support_filter_zstd,
               archive_read_support_filter_bzip2, archive_read_support_filter_xz,
               archive_read_support_format_raw, archive_read_support_format_empty}) {
  handle_.blocks().leave_as_they_are();
  handle_.check(archive_read_open1(handle_.get()));
  ended_ = handle_.read_header() == nullptr;
}

std::size_t Unpacked::fill(std::span<std::byte> into) {
  while (!ended_ && block_.empty()) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(handle_.get(), &bytes, &size, &offset);
    // Also after a success: libarchive may take a failure of the source for its end.
    ended_ = handle_.check(status) == ARCHIVE_EOF;
    if (!ended_) block_ = {static_cast<const std::byte*>(bytes), size};
  }
  const std::size_t got = std::min(into.size(), block_.size());
  std::copy_n(block_.begin(), got, into.begin());
  block_ = block_.subspan(got);
  unpacked_ += got;
  if (unpacked_ > kAlwaysUnpacked && unpacked_ / kMostUnpackedPerByte > handle_.blocks().given()) {
    throw Error(handle_.place(), "unpacks to more than " + std::to_string(kMostUnpackedPerByte) +
                                     " times its size, which is not read");
  }
  return got;
}

}  // namespace convoy
