#include "lib/base/new_file.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "lib/base/fd.h"
#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr mode_t kNewFileMode = 0666;  // less the umask, as for every program

// Whether this process may act as the owner of any file (capabilities(7)).
bool has_fowner() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data.at(CAP_TO_INDEX(CAP_FOWNER)).effective & CAP_TO_MASK(CAP_FOWNER)) != 0;
}

}  // namespace

void throw_output_errno(const std::string& name, int code) {
  throw OutputError(name, std::generic_category().message(code));
}

unsigned new_file_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return kNewFileMode & ~mask;
}

std::string parent_folder(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string why_not_replaced(const std::string& path) {
  struct statx file {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &file) != 0) return {};
  const std::uint64_t attributes = file.stx_attributes & file.stx_attributes_mask;
  if ((attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0) {
    return "is there already, and cannot be replaced: it is immutable or append-only";
  }
#ifdef STATX_ATTR_MOUNT_ROOT
  if ((attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
    return "is there already, and cannot be replaced: it is mounted there";
  }
#endif
  struct stat folder {};
  if (::stat(parent_folder(path).c_str(), &folder) != 0 || (folder.st_mode & S_ISVTX) == 0) return {};
  const uid_t user = ::geteuid();
  if (file.stx_uid == user || folder.st_uid == user || has_fowner()) return {};
  return "is there already, and cannot be replaced: it belongs to another user, and the folder has the "
         "sticky bit";
}

void sync_folder(const std::string& path, const std::string& name) {
  const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return;  // one that can be searched and written to, but not read
  while (::fsync(folder.get()) != 0) {
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == ENOTSUP) return;  // of a file system that cannot do that
    throw NotOnDiskError(name, "written, but perhaps not on disk yet: the folder cannot be synced: " +
                                   std::generic_category().message(errno));
  }
}

}  // namespace convoy
