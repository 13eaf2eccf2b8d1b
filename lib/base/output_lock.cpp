#include "lib/base/output_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <new>
#include <string_view>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/file_identity.h"
#include "lib/base/temporaries.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::string_view kSuffix = ".convoy-lock";
constexpr mode_t kMode = 0666;  // less the umask

std::string lock_path(const Destination& output) {
  namespace fs = std::filesystem;
  std::error_code failure;
  const fs::path path = output.path;
  const fs::path folder = fs::canonical(path.has_parent_path() ? path.parent_path() : ".", failure);
  if (failure) return {};
  return (folder / ("." + path.filename().string() + std::string(kSuffix))).string();
}

// The process that wrote its number into the file, as " (process 42)"; empty if there is none.
std::string holder_of(int fd) {
  std::array<char, 24> text{};
  const ssize_t bytes = ::pread(fd, text.data(), text.size(), 0);
  const auto process =
      number_from<int>(std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(bytes, 0))));
  return process ? " (process " + std::to_string(*process) + ")" : std::string();
}

// Whether `path` leads to the open file no more: the run that held it may have removed it meanwhile. If that
// cannot be seen, the file is taken to be there: looking again would give the same.
bool is_removed(int fd, const std::string& path) {
  struct stat open {};
  struct stat there {};
  if (::fstat(fd, &open) != 0) return false;
  if (::lstat(path.c_str(), &there) != 0) return errno == ENOENT;
  return FileIdentity(open) != FileIdentity(there);
}

void write_holder(int fd) {
  const std::string process = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0) return;
  // If it fails, the message of another run says less.
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, process.data(), process.size(), 0);
}

}  // namespace

OutputLock::OutputLock(const std::string& output) : OutputLock(Destination::of(output)) {}

OutputLock::OutputLock(const Destination& output) {
  if (output.kind != Destination::Kind::file) return;
  const std::string path = lock_path(output);
  if (path.empty() || is_kept_temporary(path)) return;
  const HeldSignals held;  // so that none ends the process before the file is recorded
  while (true) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode));
    if (!fd.valid()) fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));  // another user's
    if (!fd.valid()) return;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) {
        throw Error(output.name, "another run is writing it" + holder_of(fd.get()));
      }
      ::unlink(path.c_str());
      return;
    }
    if (is_removed(fd.get(), path)) continue;
    try {
      keep_temporary(path);
    } catch (const std::bad_alloc&) {
      ::unlink(path.c_str());
      throw;
    }
    write_holder(fd.get());
    path_ = path;
    fd_ = std::move(fd);
    return;
  }
}

OutputLock::OutputLock(OutputLock&& other) noexcept
    : path_(std::exchange(other.path_, std::string())), fd_(std::move(other.fd_)) {}

OutputLock& OutputLock::operator=(OutputLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

OutputLock::~OutputLock() {
  if (path_.empty()) return;
  ::unlink(path_.c_str());  // before the lock goes with the descriptor
  forget_temporary(path_);
}

}  // namespace convoy
