#include "lib/base/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "lib/base/fd.h"
#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr mode_t kNewFileMode = 0666;  // less the umask, as for every program

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
