#include "formats/archive_handle.h"

#include <cerrno>
#include <new>
#include <string_view>
#include <utility>

#include "lib/base/error.h"

namespace convoy {
namespace {

// Whether an error of libarchive means that memory is short. Its filters for zstd and bzip2 have that only in
// words. But xz data that need more than libarchive's own limit are to blame themselves, and come with the
// same number.
bool is_out_of_memory(int code, const char* reason) {
  const std::string_view text = reason != nullptr ? reason : "";
  if (text == "Lzma library error: Out of memory") return false;
  return code == ENOMEM || text.find("Allocation error") != std::string_view::npos ||
         text.find("out of memory") != std::string_view::npos;
}

}  // namespace

ArchiveHandle::ArchiveHandle(ByteSource& source, std::string place, std::initializer_list<Support> supports)
    : blocks_(source), place_(std::move(place)), handle_(archive_read_new()) {
  if (!handle_) throw std::bad_alloc();
  for (const Support support : supports) check(support(get()));
  archive_read_set_read_callback(get(), read);
  archive_read_set_skip_callback(get(), skip);
  archive_read_set_callback_data(get(), this);
}

la_ssize_t ArchiveHandle::read(archive* handle, void* self, const void** block) noexcept {
  auto& mine = *static_cast<ArchiveHandle*>(self);
  try {
    const auto there = mine.blocks_.next();
    *block = there.data();
    return static_cast<la_ssize_t>(there.size());
  } catch (...) {
    mine.failure_ = std::current_exception();
    archive_set_error(handle, EIO, "read failed");
    return ARCHIVE_FATAL;
  }
}

la_int64_t ArchiveHandle::skip(archive* handle, void* self, la_int64_t bytes) noexcept {
  auto& mine = *static_cast<ArchiveHandle*>(self);
  try {
    return static_cast<la_int64_t>(mine.blocks_.skip(static_cast<std::uint64_t>(bytes)));
  } catch (...) {
    mine.failure_ = std::current_exception();
    archive_set_error(handle, EIO, "read failed");
    return ARCHIVE_FATAL;
  }
}

int ArchiveHandle::check(int status) {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (status < ARCHIVE_WARN || status == ARCHIVE_RETRY) {
    const char* reason = archive_error_string(get());
    if (is_out_of_memory(archive_errno(get()), reason)) throw SystemError(place_, "out of memory");
    throw Error(place_, reason != nullptr ? reason : "not an archive");
  }
  return status;
}

archive_entry* ArchiveHandle::read_header() {
  // libarchive's own entry, which archive_read_next_header() gives, may be none if memory is short.
  if (!entry_) entry_.reset(archive_entry_new2(get()));
  if (!entry_) throw std::bad_alloc();
  const int status = check(archive_read_next_header2(get(), entry_.get()));
  return status == ARCHIVE_EOF ? nullptr : entry_.get();
}

}  // namespace convoy
