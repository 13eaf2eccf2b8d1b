// libarchive's reader of a ByteSource.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>

#include "formats/byte_source.h"
#include "formats/tar_blocks.h"

namespace convoy {

// Its address is known to libarchive, so that it cannot be moved.
class ArchiveHandle {
 public:
  using Support = int (*)(archive*);

  // supports: what the handle reads. `source` must outlive it. Throws Error(place, reason).
  ArchiveHandle(ByteSource& source, std::string place, std::initializer_list<Support> supports);
  ArchiveHandle(const ArchiveHandle&) = delete;
  ArchiveHandle& operator=(const ArchiveHandle&) = delete;
  ArchiveHandle(ArchiveHandle&&) = delete;
  ArchiveHandle& operator=(ArchiveHandle&&) = delete;
  ~ArchiveHandle() = default;

  [[nodiscard]] archive* get() const { return handle_.get(); }
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] TarBlocks& blocks() { return blocks_; }
  // Throws if a status of libarchive is an error, else returns it. Warnings (an odd time stamp, a name in
  // another character set) cost no data.
  int check(int status);
  // The next entry; null at the end. Throws Error(place, reason).
  archive_entry* read_header();

 private:
  struct CloseArchive {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };
  struct FreeEntry {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };
  static la_ssize_t read(archive* handle, void* self, const void** block) noexcept;
  static la_int64_t skip(archive* handle, void* self, la_int64_t bytes) noexcept;

  TarBlocks blocks_;
  std::string place_;
  std::unique_ptr<archive, CloseArchive> handle_;
  std::unique_ptr<archive_entry, FreeEntry> entry_;
  // No exception may leave a callback: it is kept, and rethrown when libarchive has returned.
  std::exception_ptr failure_;
};

}  // namespace convoy
