#include "lib/base/output_batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/new_file.h"
#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// Files that get their names together: 1, then 32, then 1024 at a time.
constexpr std::size_t kGrowth = 32;
constexpr std::size_t kMostFiles = kGrowth * kGrowth;
// So many files or folders are put on disk each by itself; with more, the whole file system is quicker.
constexpr std::size_t kFewFiles = 8;
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;

// Never replaces a file, also where the file system takes two names for one, as one that ignores case does.
// Returns 0, or an errno.
int give_name(const std::string& temporary, const std::string& path) {
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;  // those of a system that lacks this call
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return EEXIST;
  return ::rename(temporary.c_str(), path.c_str()) == 0 ? 0 : errno;
}

Fd open_to_sync(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw_output_errno(path, errno);
  return fd;
}

void sync_file(const std::string& path) {
  const Fd fd = open_to_sync(path);
  while (::fsync(fd.get()) != 0) {
    if (errno != EINTR) throw_output_errno(path, errno);
  }
}

// Puts all that is written to the file system of `path` on disk, also by others.
void sync_file_system(const std::string& path) {
  const Fd fd = open_to_sync(path);
  while (::syncfs(fd.get()) != 0) {
    if (errno != EINTR) throw_output_errno(path, errno);
  }
}

}  // namespace

OutputBatch::OutputBatch() : mode_(new_file_mode()) {}

OutputBatch::~OutputBatch() {
  for (const File& file : waiting_) {
    ::unlink(file.temporary.c_str());
    forget_temporary(file.temporary);
  }
}

void OutputBatch::add(const std::string& path, std::span<const std::byte> bytes) {
  waiting_.push_back({path, {}});
  File& file = waiting_.back();
  std::string name = path + ".XXXXXX";
  Fd fd;
  file.temporary.reserve(name.size());  // so that nothing fails once the file is there
  fd = Fd(create_temporary(name));
  if (!fd.valid()) {
    const int failure = errno;
    waiting_.pop_back();
    throw_output_errno(path, failure);
  }
  file.temporary = name;
  ::fchmod(fd.get(), mode_);
  write_all(fd.get(), bytes, path);
  if (::close(fd.release()) != 0 && errno != EINTR) throw_output_errno(path, errno);
  bytes_ += bytes.size();
  if (waiting_.size() >= most_ || bytes_ >= kMostBytes) name_all();
}

void OutputBatch::add_folder(const std::string& path) { folders_.insert(parent_folder(path)); }

void OutputBatch::name_all() {
  if (waiting_.size() > kFewFiles) {
    sync_file_system(waiting_.front().temporary);
  } else {
    for (const File& file : waiting_) sync_file(file.temporary);
  }
  std::reverse(waiting_.begin(), waiting_.end());  // so that each leaves the end of the list
  while (!waiting_.empty()) {
    const File& file = waiting_.back();
    if (const int failure = give_name(file.temporary, file.path); failure != 0) {
      throw_output_errno(file.path, failure);
    }
    forget_temporary(file.temporary);
    folders_.insert(parent_folder(file.path));
    waiting_.pop_back();
  }
  bytes_ = 0;
  most_ = std::min(kGrowth * most_, kMostFiles);
}

void OutputBatch::commit() {
  name_all();
  if (folders_.size() > kFewFiles) {
    sync_file_system(*folders_.begin());
  } else {
    for (const std::string& folder : folders_) sync_folder(folder, folder);
  }
  folders_.clear();
}

}  // namespace convoy
