#include "lib/base/destination.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/file_identity.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

bool in_procfs(const fs::path& folder) {
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

// Whether the path is PROC/PID/fd/N or PROC/PID/task/TID/fd/N of this process, wherever procfs is mounted; or
// of another one, such as the shell, whose descriptor N this process was started with.
bool is_own_descriptor(const fs::path& path, int number) {
  std::error_code failure;
  fs::path folder = fs::canonical(folder_of(path), failure);
  if (failure || folder.filename() != "fd" || !in_procfs(folder)) return false;
  folder = folder.parent_path();
  if (folder.parent_path().filename() == "task") folder = folder.parent_path().parent_path();
  if (fs::read_symlink(folder.parent_path() / "self", failure) == folder.filename()) return true;
  struct stat theirs {};
  struct stat own {};
  return ::stat(path.c_str(), &theirs) == 0 && ::fstat(number, &own) == 0 &&
         FileIdentity(theirs) == FileIdentity(own);
}

// The descriptor that a path names. The names in /dev mean what they do in a shell, even if the links that
// most systems have there are missing or are something else.
std::optional<int> named_descriptor(const fs::path& path) {
  constexpr std::array<std::pair<std::string_view, int>, 3> kNames = {
      {{"/dev/stdin", STDIN_FILENO}, {"/dev/stdout", STDOUT_FILENO}, {"/dev/stderr", STDERR_FILENO}}};
  const std::string normal = path.lexically_normal().string();
  for (const auto& [name, descriptor] : kNames) {
    if (normal == name) return descriptor;
  }
  const auto number = number_from<int>(path.filename().string());
  if (!number || *number < 0) return std::nullopt;
  const bool named = fs::path(normal).parent_path() == "/dev/fd" || is_own_descriptor(path, *number);
  return named ? number : std::nullopt;
}

// Every descriptor that this process opens itself is closed on exec, and none that it was started with is.
void check_inherited(int descriptor, const std::string& name) {
  const int flags = ::fcntl(descriptor, F_GETFD);
  if (flags == -1 || (flags & FD_CLOEXEC) != 0) throw_errno(name, EBADF);
}

std::string numbers(std::string_view what, std::uint64_t first, std::uint64_t second) {
  return std::string(what) + " " + std::to_string(first) + ":" + std::to_string(second);
}

}  // namespace

Destination Destination::of(const std::string& output) {
  Destination to{.kind = Kind::descriptor,
                 .name = display_name(output, "stdout"),
                 .path = output,
                 .descriptor = STDOUT_FILENO};
  if (output == kStdStreamName) return to;
  fs::path path = output;
  while (true) {
    if (const auto descriptor = named_descriptor(path)) {
      check_inherited(*descriptor, to.name);
      to.descriptor = *descriptor;
      return to;
    }
    // Asked first, the system refuses circles, and links that it does not let this user follow.
    struct stat info {};
    const bool there = ::stat(path.c_str(), &info) == 0;
    if (!there && errno != ENOENT) throw_errno(to.name, errno);
    if (::lstat(path.c_str(), &info) != 0) {
      if (errno != ENOENT) throw_errno(to.name, errno);
      to.kind = Kind::file;
      to.path = path.string();
      return to;
    }
    if (!S_ISLNK(info.st_mode)) {
      to.kind = S_ISREG(info.st_mode) ? Kind::file : Kind::special;
      if (to.kind == Kind::file) to.path = path.string();
      return to;
    }
    if (in_procfs(folder_of(path))) {  // leads to what has no path, perhaps
      to.kind = Kind::special;
      return to;
    }
    std::error_code failure;
    const fs::path target = fs::read_symlink(path, failure);
    if (failure) throw Error(to.name, failure.message());
    path = path.parent_path() / target;
  }
}

Destination Destination::of_descriptor(int descriptor) {
  return {.kind = Kind::descriptor, .name = {}, .path = {}, .descriptor = descriptor};
}

std::string Destination::identity() const {
  struct stat info {};
  const int failed = kind == Kind::descriptor ? ::fstat(descriptor, &info) : ::stat(path.c_str(), &info);
  if (failed != 0) {
    std::error_code failure;
    // Of a relative path that does not begin with something there, weakly_canonical() makes no absolute one.
    return fs::weakly_canonical(fs::absolute(path, failure), failure).string();
  }
  if (S_ISBLK(info.st_mode)) return numbers("device", info.st_rdev, 0);
  if (!S_ISCHR(info.st_mode)) return file_identity(info);
  return kind == Kind::descriptor ? "descriptor " + std::to_string(descriptor) : std::string();
}

std::string file_identity(const struct stat& info) { return numbers("file", info.st_dev, info.st_ino); }

bool is_replaced(const std::string& output) {
  return Destination::of(output).kind == Destination::Kind::file;
}

}  // namespace convoy
