// Takes the place of the C library's calls, for LD_PRELOAD: lets some fail (fault.h), and writes a trace
// (trace.h).
//
// Both names of a call that has a 64-bit one are here, and those that _FORTIFY_SOURCE puts in their place.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/faults/preload/fault.h"
#include "tests/faults/preload/trace.h"

using faults::Kind;

namespace {

// The call that this one takes the place of.
template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// Whether the call is to fail, with errno set.
bool fails(int error) {
  if (error > 0) errno = error;
  return error > 0;
}
bool fails_at(Kind kind, const char* what, const char* path) {
  return faults::counts(path) && fails(faults::fault_of(kind, what, path));
}
int fault_at(Kind kind, const char* what, int fd) {
  std::array<char, 512> path{};
  return faults::counts(fd, path) ? faults::fault_of(kind, what, path.data()) : 0;
}
bool fails_at(Kind kind, const char* what, int fd) { return fails(fault_at(kind, what, fd)); }

// Half of a count, for a call that is to be cut short; at least 1, since 0 would be the end of the file.
std::size_t cut(int fault, std::size_t count) {
  return fault == faults::kShort ? std::max<std::size_t>(std::min<std::size_t>(count, 1), count / 2) : count;
}

long long offset_of(int fd) {
  const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
  struct stat info {};
  if (appends && ::fstat(fd, &info) == 0) return info.st_size;
  return ::lseek(fd, 0, SEEK_CUR);
}

// Opens by `call`, and traces whether that made or emptied the file.
template <typename Call>
int open_by(const char* what, int folder, const char* path, int flags, Call&& call) {
  if (fails_at(Kind::open, what, path)) return -1;
  const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
  if (!changes || !faults::is_traced()) return call();
  const faults::Step step;
  const std::string full = faults::traced_path(folder, path);
  const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
  const bool there = !nameless && faults::inode_at(full) != 0;
  const bool filled = there && faults::size_at(full) != 0;
  const int fd = call();
  if (fd >= 0) faults::trace_opened(fd, !there, filled && (flags & O_TRUNC) != 0);
  return fd;
}

template <typename Call>
FILE* fopen_by(const char* path, const char* mode, Call&& call) {
  if (fails_at(Kind::open, "fopen", path)) return nullptr;
  if (mode[0] == 'r' || !faults::is_traced()) return call();
  const faults::Step step;
  const std::string full = faults::traced_path(AT_FDCWD, path);
  const bool there = faults::inode_at(full) != 0;
  FILE* const file = call();
  if (file != nullptr) faults::trace_opened(::fileno(file), !there, there && mode[0] == 'w');
  return file;
}

template <typename Call>
int temporary_by(const char* what, const char* pattern, Call&& call) {
  if (fails_at(Kind::open, what, pattern)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const int fd = call();
  if (fd >= 0) faults::trace_opened(fd, true, false);
  return fd;
}

template <typename Call>
ssize_t read_by(const char* what, int fd, std::size_t count, Call&& call) {
  const int fault = fault_at(Kind::read, what, fd);
  return fails(fault) ? -1 : call(cut(fault, count));
}

// offset: where the bytes go; negative: at the descriptor's own.
template <typename Call>
ssize_t write_by(const char* what, int fd, const void* bytes, std::size_t count, long long offset,
                 Call&& call) {
  const int fault = fault_at(Kind::write, what, fd);
  if (fails(fault)) return -1;
  if (!faults::is_traced()) return call(cut(fault, count));
  const faults::Step step;
  const long long at = offset >= 0 ? offset : offset_of(fd);
  const ssize_t done = call(count);
  if (done > 0 && at >= 0) faults::trace_write(fd, at, bytes, static_cast<std::size_t>(done));
  return done;
}

template <typename Call>
int sync_by(const char* what, int fd, bool all, Call&& call) {
  if (fails_at(Kind::fsync, what, fd)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const int status = call();
  if (status == 0 && all) faults::trace_syncfs(fd);
  if (status == 0 && !all) faults::trace_fsync(fd);
  return status;
}

template <typename Call>
int name_by(const char* what, const char* traced, int from_folder, const char* from, int to_folder,
            const char* to, Call&& call) {
  if (fails_at(Kind::rename, what, to)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const std::string old_path = faults::traced_path(from_folder, from);
  const int status = call();
  if (status == 0) faults::trace_name(traced, old_path, faults::traced_path(to_folder, to));
  return status;
}

template <typename Call>
int remove_by(const char* what, const char* traced, int folder, const char* path, Call&& call) {
  if (fails_at(Kind::unlink, what, path)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const std::string full = faults::traced_path(folder, path);
  const unsigned long long inode = faults::inode_at(full);
  const int status = call();
  if (status == 0) faults::trace_entry(traced, inode, full);
  return status;
}

template <typename Call>
int mkdir_by(const char* what, int folder, const char* path, Call&& call) {
  if (fails_at(Kind::mkdir, what, path)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const int status = call();
  const std::string full = faults::traced_path(folder, path);
  if (status == 0) faults::trace_entry("mkdir", faults::inode_at(full), full);
  return status;
}

template <typename Call>
int truncate_by(const char* what, int fd, long long size, Call&& call) {
  if (fails_at(Kind::truncate, what, fd)) return -1;
  if (!faults::is_traced()) return call();
  const faults::Step step;
  const int status = call();
  if (status == 0) faults::trace_truncate(fd, size);
  return status;
}

template <typename Call>
void* map_by(const char* what, std::size_t bytes, int fd, int flags, Call&& call) {
  const bool anonymous = (flags & MAP_ANONYMOUS) != 0;
  const int fault = anonymous ? faults::fault_of_allocation(bytes, what) : fault_at(Kind::mmap, what, fd);
  return fails(fault) ? MAP_FAILED : call();
}

mode_t mode_of(int flags, va_list& arguments) {
  const bool has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return has_mode ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define NEXT(name) static const auto real = next<decltype(&::name)>(#name)

extern "C" {

using Main = int (*)(int, char**, char**);
static Main main_of_program = nullptr;
static int main_counted(int count, char** arguments, char** environment) {
  faults::start();
  return main_of_program(count, arguments, environment);
}
int __libc_start_main(Main program, int count, char** arguments, void (*init)(), void (*fini)(),
                      void (*rtld_fini)(), void* stack_end) {
  static const auto real = next<decltype(&__libc_start_main)>("__libc_start_main");
  main_of_program = program;
  return real(main_counted, count, arguments, init, fini, rtld_fini, stack_end);
}

// The C library's allocator by its other names, since dlsym() itself allocates.
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) noexcept {
  return fails(faults::fault_of_allocation(bytes, "malloc")) ? nullptr : __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return fails(faults::fault_of_allocation(count * bytes, "calloc")) ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) noexcept {
  return fails(faults::fault_of_allocation(bytes, "realloc")) ? nullptr : __libc_realloc(block, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  if (fails(faults::fault_of_allocation(bytes, "aligned_alloc"))) return nullptr;
  return __libc_memalign(alignment, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return fails(faults::fault_of_allocation(bytes, "memalign")) ? nullptr : __libc_memalign(alignment, bytes);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept {
  if (faults::fault_of_allocation(bytes, "posix_memalign") != 0) return ENOMEM;
  void* const made = __libc_memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  NEXT(pthread_create);
  const int fault = faults::fault_of(Kind::thread, "pthread_create", "");
  return fault != 0 ? fault : real(thread, attributes, start, argument);
}

#define OPEN(name)                                                                         \
  int name(const char* path, int flags, ...) {                                             \
    NEXT(name);                                                                            \
    va_list arguments;                                                                     \
    va_start(arguments, flags);                                                            \
    const mode_t mode = mode_of(flags, arguments);                                         \
    va_end(arguments);                                                                     \
    return open_by(#name, AT_FDCWD, path, flags, [&] { return real(path, flags, mode); }); \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                                             \
  int name(int folder, const char* path, int flags, ...) {                                       \
    NEXT(name);                                                                                  \
    va_list arguments;                                                                           \
    va_start(arguments, flags);                                                                  \
    const mode_t mode = mode_of(flags, arguments);                                               \
    va_end(arguments);                                                                           \
    return open_by(#name, folder, path, flags, [&] { return real(folder, path, flags, mode); }); \
  }
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char* path, int flags) { return ::open(path, flags); }
int __open64_2(const char* path, int flags) { return ::open(path, flags); }
int __openat_2(int folder, const char* path, int flags) { return ::openat(folder, path, flags); }
int __openat64_2(int folder, const char* path, int flags) { return ::openat(folder, path, flags); }

FILE* fopen(const char* path, const char* mode) {
  NEXT(fopen);
  return fopen_by(path, mode, [&] { return real(path, mode); });
}
FILE* fopen64(const char* path, const char* mode) {
  NEXT(fopen64);
  return fopen_by(path, mode, [&] { return real(path, mode); });
}
int mkostemp(char* pattern, int flags) {
  NEXT(mkostemp);
  return temporary_by("mkostemp", pattern, [&] { return real(pattern, flags); });
}
int mkostemp64(char* pattern, int flags) {
  NEXT(mkostemp64);
  return temporary_by("mkostemp64", pattern, [&] { return real(pattern, flags); });
}
DIR* opendir(const char* path) {
  NEXT(opendir);
  return fails_at(Kind::open, "opendir", path) ? nullptr : real(path);
}

ssize_t read(int fd, void* into, std::size_t count) {
  NEXT(read);
  return read_by("read", fd, count, [&](std::size_t bytes) { return real(fd, into, bytes); });
}
ssize_t __read_chk(int fd, void* into, std::size_t count, std::size_t /*room*/) {
  return ::read(fd, into, count);
}
#define PREAD(name)                                                                                     \
  ssize_t name(int fd, void* into, std::size_t count, off_t offset) {                                   \
    NEXT(name);                                                                                         \
    return read_by(#name, fd, count, [&](std::size_t bytes) { return real(fd, into, bytes, offset); }); \
  }
PREAD(pread)
PREAD(pread64)
ssize_t __pread_chk(int fd, void* into, std::size_t count, off_t offset, std::size_t /*room*/) {
  return ::pread(fd, into, count, offset);
}
ssize_t __pread64_chk(int fd, void* into, std::size_t count, off_t offset, std::size_t /*room*/) {
  return ::pread(fd, into, count, offset);
}
ssize_t readv(int fd, const iovec* parts, int count) {
  NEXT(readv);
  const int fault = fault_at(Kind::read, "readv", fd);
  if (fails(fault)) return -1;
  return fault == faults::kShort ? real(fd, parts, 1) : real(fd, parts, count);
}

ssize_t write(int fd, const void* bytes, std::size_t count) {
  NEXT(write);
  return write_by("write", fd, bytes, count, -1, [&](std::size_t some) { return real(fd, bytes, some); });
}
#define PWRITE(name)                                                                  \
  ssize_t name(int fd, const void* bytes, std::size_t count, off_t offset) {          \
    NEXT(name);                                                                       \
    return write_by(#name, fd, bytes, count, offset,                                  \
                    [&](std::size_t some) { return real(fd, bytes, some, offset); }); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)
// One part at a time, as the call itself may do.
ssize_t writev(int fd, const iovec* parts, int count) {
  for (int i = 0; i < count; ++i) {
    if (parts[i].iov_len > 0) return ::write(fd, parts[i].iov_base, parts[i].iov_len);
  }
  return 0;
}
// A program that copies by it tries read() and write() if it cannot.
ssize_t sendfile(int /*to*/, int /*from*/, off_t* /*offset*/, std::size_t /*count*/) noexcept {
  errno = EINVAL;
  return -1;
}

int fsync(int fd) {
  NEXT(fsync);
  return sync_by("fsync", fd, false, [&] { return real(fd); });
}
int fdatasync(int fd) {
  NEXT(fdatasync);
  return sync_by("fdatasync", fd, false, [&] { return real(fd); });
}
int syncfs(int fd) noexcept {
  NEXT(syncfs);
  return sync_by("syncfs", fd, true, [&] { return real(fd); });
}

int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  return name_by("rename", "rename", AT_FDCWD, from, AT_FDCWD, to, [&] { return real(from, to); });
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  NEXT(renameat);
  return name_by("renameat", "rename", from_folder, from, to_folder, to,
                 [&] { return real(from_folder, from, to_folder, to); });
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  NEXT(renameat2);
  return name_by("renameat2", "rename", from_folder, from, to_folder, to,
                 [&] { return real(from_folder, from, to_folder, to, flags); });
}
int link(const char* from, const char* to) noexcept {
  NEXT(link);
  return name_by("link", "link", AT_FDCWD, from, AT_FDCWD, to, [&] { return real(from, to); });
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  NEXT(linkat);
  return name_by("linkat", "link", from_folder, from, to_folder, to,
                 [&] { return real(from_folder, from, to_folder, to, flags); });
}

int unlink(const char* path) noexcept {
  NEXT(unlink);
  return remove_by("unlink", "unlink", AT_FDCWD, path, [&] { return real(path); });
}
int remove(const char* path) noexcept {
  NEXT(remove);
  return remove_by("remove", "unlink", AT_FDCWD, path, [&] { return real(path); });
}
int rmdir(const char* path) noexcept {
  NEXT(rmdir);
  return remove_by("rmdir", "rmdir", AT_FDCWD, path, [&] { return real(path); });
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  NEXT(unlinkat);
  return remove_by("unlinkat", (flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", folder, path,
                   [&] { return real(folder, path, flags); });
}
int mkdir(const char* path, mode_t mode) noexcept {
  NEXT(mkdir);
  return mkdir_by("mkdir", AT_FDCWD, path, [&] { return real(path, mode); });
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  NEXT(mkdirat);
  return mkdir_by("mkdirat", folder, path, [&] { return real(folder, path, mode); });
}

// A file is closed also if that fails, as Linux does it.
int close(int fd) {
  NEXT(close);
  const int fault = fault_at(Kind::close, "close", fd);
  if (faults::is_traced()) {
    const faults::Step step;
    faults::trace_close(fd);
    return real(fd);
  }
  const int status = real(fd);
  return fails(fault) ? -1 : status;
}

#define TRUNCATE(name)                                                   \
  int name(int fd, off_t size) noexcept {                                \
    NEXT(name);                                                          \
    return truncate_by(#name, fd, size, [&] { return real(fd, size); }); \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define MMAP(name)                                                                                          \
  void* name(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {       \
    NEXT(name);                                                                                             \
    return map_by(#name, bytes, fd, flags, [&] { return real(at, bytes, protection, flags, fd, offset); }); \
  }
MMAP(mmap)
MMAP(mmap64)

#define STAT(name, Type)                                              \
  int name(const char* path, Type* info) noexcept {                   \
    NEXT(name);                                                       \
    return fails_at(Kind::stat, #name, path) ? -1 : real(path, info); \
  }
STAT(stat, struct stat)
STAT(stat64, struct stat64)
STAT(lstat, struct stat)
STAT(lstat64, struct stat64)
#define FSTAT(name, Type)                                         \
  int name(int fd, Type* info) noexcept {                         \
    NEXT(name);                                                   \
    return fails_at(Kind::stat, #name, fd) ? -1 : real(fd, info); \
  }
FSTAT(fstat, struct stat)
FSTAT(fstat64, struct stat64)
#define FSTATAT(name, Type)                                                          \
  int name(int folder, const char* path, Type* info, int flags) noexcept {           \
    NEXT(name);                                                                      \
    return fails_at(Kind::stat, #name, path) ? -1 : real(folder, path, info, flags); \
  }
FSTATAT(fstatat, struct stat)
FSTATAT(fstatat64, struct stat64)
int statx(int folder, const char* path, int flags, unsigned mask, struct statx* info) noexcept {
  NEXT(statx);
  return fails_at(Kind::stat, "statx", path) ? -1 : real(folder, path, flags, mask, info);
}
ssize_t readlink(const char* path, char* into, std::size_t bytes) noexcept {
  NEXT(readlink);
  return fails_at(Kind::stat, "readlink", path) ? -1 : real(path, into, bytes);
}
ssize_t __readlink_chk(const char* path, char* into, std::size_t bytes, std::size_t /*room*/) noexcept {
  return ::readlink(path, into, bytes);
}
char* realpath(const char* path, char* into) noexcept {
  NEXT(realpath);
  return fails_at(Kind::stat, "realpath", path) ? nullptr : real(path, into);
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
  NEXT(lseek);
  return fails_at(Kind::lseek, "lseek", fd) ? -1 : real(fd, offset, whence);
}
off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  NEXT(lseek64);
  return fails_at(Kind::lseek, "lseek64", fd) ? -1 : real(fd, offset, whence);
}
int fchmod(int fd, mode_t mode) noexcept {
  NEXT(fchmod);
  return fails_at(Kind::chmod, "fchmod", fd) ? -1 : real(fd, mode);
}
int chmod(const char* path, mode_t mode) noexcept {
  NEXT(chmod);
  return fails_at(Kind::chmod, "chmod", path) ? -1 : real(path, mode);
}

dirent* readdir(DIR* folder) {
  NEXT(readdir);
  return fails_at(Kind::readdir, "readdir", ::dirfd(folder)) ? nullptr : real(folder);
}
dirent64* readdir64(DIR* folder) {
  NEXT(readdir64);
  return fails_at(Kind::readdir, "readdir64", ::dirfd(folder)) ? nullptr : real(folder);
}

int flock(int fd, int operation) noexcept {
  NEXT(flock);
  return fails_at(Kind::lock, "flock", fd) ? -1 : real(fd, operation);
}
#define FCNTL(name)                                                             \
  int name(int fd, int command, ...) {                                          \
    NEXT(name);                                                                 \
    va_list arguments;                                                          \
    va_start(arguments, command);                                               \
    void* const argument = va_arg(arguments, void*);                            \
    va_end(arguments);                                                          \
    return fails_at(Kind::fcntl, #name, fd) ? -1 : real(fd, command, argument); \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

ssize_t getrandom(void* into, std::size_t bytes, unsigned flags) {
  NEXT(getrandom);
  return fails(faults::fault_of(Kind::random, "getrandom", "")) ? -1 : real(into, bytes, flags);
}

}  // extern "C"
