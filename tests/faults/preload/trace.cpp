#include "tests/faults/preload/trace.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <mutex>

// All calls here go through syscall(2), so that they are neither traced nor fail.

namespace faults {
namespace {

struct Trace {
  int fd = -1;
  std::string under;
};

Trace open_trace() {
  Trace trace;
  const char* const path = std::getenv("TRACE");
  const char* const under = std::getenv("TRACE_UNDER");
  if (path == nullptr || under == nullptr) return trace;
  trace.fd = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (trace.fd < 0) std::abort();
  trace.under = under;
  return trace;
}

// Made by the first call that asks, and never destroyed: files are also closed after main().
const Trace& trace() {
  static const Trace* const made = new Trace(open_trace());
  return *made;
}

std::recursive_mutex& step_mutex() {
  static auto* const made = new std::recursive_mutex;
  return *made;
}

struct Inode {
  unsigned long long number = 0;
  bool folder = false;
  long long size = 0;
};

Inode inode(int folder, const char* path, int flags) {
  struct stat info {};
  if (::syscall(SYS_newfstatat, folder, path, &info, flags) != 0) return {};
  return {info.st_ino, S_ISDIR(info.st_mode), info.st_size};
}

Inode inode_of(int fd) { return inode(fd, "", AT_EMPTY_PATH); }

std::string path_of(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const long length = ::syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string();
}

bool is_traced_file(const std::string& path) {
  const std::string& under = trace().under;
  return path.starts_with(under) && (path.size() == under.size() || path[under.size()] == '/');
}

void add_line(const std::string& line) {
  const std::string whole = line + "\n";
  std::size_t done = 0;
  while (done < whole.size()) {
    const long written = ::syscall(SYS_write, trace().fd, whole.data() + done, whole.size() - done);
    if (written <= 0) std::abort();
    done += static_cast<std::size_t>(written);
  }
}

std::string number(unsigned long long value) { return "\t" + std::to_string(value); }

// The descriptor's file as a field, or an empty text if it does not count.
std::string file_field(int fd) { return is_traced_file(path_of(fd)) ? number(inode_of(fd).number) : ""; }

}  // namespace

Step::Step() { step_mutex().lock(); }
Step::~Step() { step_mutex().unlock(); }

bool is_traced() { return trace().fd >= 0; }

std::string traced_path(int folder, const char* path) {
  std::string full = path;
  if (full.empty() || full.front() != '/') {
    std::array<char, PATH_MAX> here{};
    std::string base;
    if (folder == AT_FDCWD) {
      if (::syscall(SYS_getcwd, here.data(), here.size()) > 0) base = here.data();
    } else {
      base = path_of(folder);
    }
    full = base + "/" + full;
  }
  while (full.size() > 1 && full.ends_with('/')) full.pop_back();
  return is_traced_file(full) ? full : std::string();
}

unsigned long long inode_at(const std::string& path) {
  return inode(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).number;
}

long long size_at(const std::string& path) { return inode(AT_FDCWD, path.c_str(), 0).size; }

void trace_opened(int fd, bool created, bool truncated) {
  const std::string path = path_of(fd);
  if (!is_traced_file(path)) return;
  const Inode file = inode_of(fd);
  constexpr const char* kDeleted = " (deleted)";
  add_line((created ? "create" : "open") + number(file.number) + "\t" +
           (path.ends_with(kDeleted) ? "" : path));
  if (truncated) add_line("truncate" + number(file.number) + number(0));
}

void trace_write(int fd, long long offset, const void* bytes, std::size_t count) {
  const std::string file = file_field(fd);
  if (file.empty() || count == 0) return;
  constexpr const char* kDigits = "0123456789abcdef";
  std::string line = "write" + file + number(static_cast<unsigned long long>(offset)) + "\t";
  const auto* const data = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    line += kDigits[data[i] >> 4];
    line += kDigits[data[i] & 15];
  }
  add_line(line);
}

void trace_truncate(int fd, long long size) {
  const std::string file = file_field(fd);
  if (!file.empty()) add_line("truncate" + file + number(static_cast<unsigned long long>(size)));
}

void trace_fsync(int fd) {
  const std::string path = path_of(fd);
  if (!is_traced_file(path)) return;
  const Inode file = inode_of(fd);
  add_line(file.folder ? "syncdir\t" + path : "fsync" + number(file.number));
}

void trace_syncfs(int fd) {
  if (is_traced_file(path_of(fd))) add_line("syncfs");
}

void trace_close(int fd) {
  const std::string file = file_field(fd);
  if (!file.empty()) add_line("close" + file);
}

void trace_name(const char* what, const std::string& from, const std::string& to) {
  if (!to.empty()) add_line(what + number(inode_at(to)) + "\t" + from + "\t" + to);
}

void trace_entry(const char* what, unsigned long long inode, const std::string& path) {
  if (!path.empty()) add_line(what + number(inode) + "\t" + path);
}

}  // namespace faults
