#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/file_identity.h"
#include "lib/base/new_file.h"
#include "lib/base/stop_wait.h"
#include "lib/base/temporaries.h"

namespace convoy {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kReadStep = std::size_t{64} << 10;

struct stat stat_fd(int fd, const std::string& name) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno(name, errno);
  return info;
}

std::size_t read_once(int fd, std::span<std::byte> into, const std::string& name) {
  while (true) {
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_errno(name, errno);
  }
}

// The permissions of a new file: those of the file that it replaces, else 0666 less the umask.
mode_t mode_for(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return info.st_mode & 0777;
  return new_file_mode();
}

// Whether what is written comes between the messages on standard error, in a file or a pipe.
bool takes_messages(int fd) {
  struct stat output {};
  struct stat messages {};
  return ::fstat(fd, &output) == 0 && ::fstat(STDERR_FILENO, &messages) == 0 &&
         FileIdentity(output) == FileIdentity(messages) &&
         (S_ISREG(output.st_mode) || S_ISFIFO(output.st_mode));
}

// A descriptor that shares the offset and the append mode of one that the process was started with.
Fd duplicate(int descriptor, const std::string& name) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  const bool writable = flags != -1 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
  Fd fd(writable ? ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1);
  if (!fd.valid()) throw_errno(name, writable ? errno : EBADF);
  return fd;
}

// Appending, since another process's descriptor can lead to a regular file, which is not ours alone.
Fd open_as_it_is(const std::string& path, const std::string& name) {
  Fd fd = open_to_append(path);
  if (!fd.valid()) throw_errno(name, errno);
  return fd;
}

}  // namespace

std::string display_name(const std::string& path, std::string_view standard) {
  return path == kStdStreamName ? std::string(standard) : path;
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

InputFile::InputFile(const std::string& path, const std::string& name)
    : name_(name.empty() ? display_name(path) : name) {
  standard_ = path == kStdStreamName;
  if (!standard_) {
    fd_ = open_to_read(path);
    if (!fd_.valid()) throw_errno(name_, errno);
  }
  const struct stat info = stat_fd(fd(), name_);
  if (S_ISDIR(info.st_mode)) throw Error(name_, "a folder where a file is expected");
  regular_ = S_ISREG(info.st_mode);
  if (regular_) {
    const off_t here = ::lseek(fd(), 0, SEEK_CUR);
    position_ = here > 0 ? static_cast<std::uint64_t>(here) : 0;
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
}

std::size_t InputFile::read(std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const std::size_t got = read_some(into.subspan(done));
    if (got == 0) break;
    done += got;
  }
  return done;
}

std::size_t InputFile::read_some(std::span<std::byte> into) {
  if (into.empty()) return 0;
  if (!regular_) wait_to_read(fd());
  const std::size_t got = read_once(fd(), into, name_);
  position_ += got;
  return got;
}

namespace {

// The rest of a file, as InputFile::read_all() gives it, in a container of bytes.
template <typename Bytes>
Bytes read_rest(InputFile& file, std::uint64_t limit) {
  const std::string too_large = "larger than the limit of " + std::to_string(limit) + " bytes";
  const std::uint64_t known =
      file.is_regular() && file.size() > file.position() ? file.size() - file.position() : 0;
  if (known > limit) throw Error(file.name(), too_large);
  Bytes bytes;
  // A regular file is read in one call: its size is known, and asking for one byte more shows that it ends.
  std::size_t step = known > 0 ? static_cast<std::size_t>(known) + 1 : kReadStep;
  while (true) {
    const std::size_t before = bytes.size();
    bytes.resize(before + step);
    const std::size_t got = file.read(std::as_writable_bytes(std::span(bytes)).subspan(before));
    bytes.resize(before + got);
    if (bytes.size() > limit) throw Error(file.name(), too_large);
    if (got < step) return bytes;
    step = std::max(kReadStep, bytes.size());
  }
}

}  // namespace

std::vector<std::byte> InputFile::read_all(std::uint64_t limit) {
  return read_rest<std::vector<std::byte>>(*this, limit);
}

MappedFile::MappedFile(const std::string& path, const std::string& name)
    : name_(name.empty() ? display_name(path) : name) {
  InputFile input(path, name_);
  std::optional<TemporaryFile> spool;
  int fd = input.fd();
  // A file without a size may have bytes all the same, or fail when it is read, if it is one of the kernel.
  if (!input.is_regular() || input.position() != 0 || input.size() == 0) {
    std::vector<std::byte> step(kBufferBytes);
    while (const std::size_t got = input.read_some(step)) {
      if (!spool) spool.emplace("temporary copy of " + name_);
      spool->append(std::span(step).first(got));
    }
    if (!spool) return;
    fd = spool->fd();
  }
  size_ = static_cast<std::size_t>(stat_fd(fd, name_).st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) throw_errno(name_, errno);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    unmap();
    name_ = std::move(other.name_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

MappedFile::~MappedFile() { unmap(); }

void MappedFile::unmap() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  data_ = nullptr;
}

void map_ahead(std::span<const std::uint8_t> bytes) {
#ifdef MADV_POPULATE_READ
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t before = reinterpret_cast<std::uintptr_t>(bytes.data()) % page;
  auto* const start = const_cast<std::uint8_t*>(bytes.data()) - before;  // only advice
  ::madvise(start, bytes.size() + before, MADV_POPULATE_READ);
#else
  static_cast<void>(bytes);
#endif
}

OutputFile::OutputFile(const std::string& path, Content content) {
  const Destination to = Destination::of(path);
  name_ = to.name;
  buffer_.reserve(kBufferBytes);
  if (to.kind == Destination::Kind::file) {
    lock_ = OutputLock(to);
    path_ = to.path;
    create_temporary_beside();
    return;
  }
  fd_ = to.kind == Destination::Kind::descriptor ? duplicate(to.descriptor, name_)
                                                 : open_as_it_is(to.path, name_);
  if (content == Content::text) return;
  const bool standard = path == kStdStreamName;
  const std::string which = standard ? "standard output" : name_;
  const std::string advice = standard ? "redirect it or give -o FILE" : "name a file";
  if (::isatty(fd_.get()) == 1)
    throw UsageError(which + " is a terminal and the output is binary: " + advice);
  if (takes_messages(fd_.get())) {
    throw UsageError(which + " is standard error too and the output is binary: " + advice);
  }
}

void OutputFile::create_temporary_beside() {
  constexpr std::string_view kPattern = ".XXXXXX";
  if (const std::string reason = why_not_replaced(path_); !reason.empty()) throw OutputError(name_, reason);
  const std::size_t name_bytes = path_.size() - (path_.rfind('/') + 1);  // npos + 1 is 0
  // Of a name that the system takes, but not with more characters, only the beginning is used.
  const bool long_name = name_bytes <= NAME_MAX && name_bytes > NAME_MAX - kPattern.size();
  temporary_ = path_.substr(0, path_.size() - (long_name ? name_bytes + kPattern.size() - NAME_MAX : 0));
  temporary_ += kPattern;
  fd_ = Fd(create_temporary(temporary_));
  if (!fd_.valid()) {
    temporary_.clear();
    throw_errno(path_ == name_ ? name_ : name_ + " (a link to " + path_ + ")", errno);
  }
  ::fchmod(fd_.get(), mode_for(path_));
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : name_(std::move(other.name_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::string())),
      lock_(std::move(other.lock_)),
      fd_(std::move(other.fd_)),
      buffer_(std::move(other.buffer_)),
      position_(other.position_) {
  other.buffer_.clear();
}

OutputFile::~OutputFile() {
  if (temporary_.empty()) return;
  ::unlink(temporary_.c_str());
  forget_temporary(temporary_);
}

void OutputFile::write(std::span<const std::byte> bytes) {
  position_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    flush();
    if (bytes.size() >= kBufferBytes) {
      while (!bytes.empty()) bytes = bytes.subspan(write_some(bytes));
      return;
    }
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void OutputFile::write(std::string_view text) { write(as_bytes_of(text)); }

// Returns how many bytes of some it has written, perhaps none.
std::size_t OutputFile::write_some(std::span<const std::byte> bytes) {
  const std::size_t most = temporary_.empty() ? wait_to_write(fd_.get(), bytes.size()) : bytes.size();
  if (most == 0) throw OutputError(name_, "nobody reads it, and a signal ends the run");
  const ssize_t written = ::write(fd_.get(), bytes.data(), most);
  if (written < 0 && errno != EINTR) throw_output_errno(name_, errno);
  return written < 0 ? 0 : static_cast<std::size_t>(written);
}

// What could not be written stays in the buffer, and only that.
void OutputFile::flush() {
  std::size_t done = 0;
  const auto drop = [&] {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(done));
  };
  try {
    while (done < buffer_.size()) done += write_some(std::span(buffer_).subspan(done));
  } catch (const OutputError&) {
    drop();
    throw;
  }
  drop();
}

void OutputFile::close_whole() {
  flush();
  buffer_ = {};
  while (!temporary_.empty() && ::fsync(fd_.get()) != 0) {
    if (errno != EINTR) throw_output_errno(name_, errno);
  }
  // Some file systems report only at close() that bytes they accepted were lost.
  if (::close(fd_.release()) != 0 && errno != EINTR) throw_output_errno(name_, errno);
}

void OutputFile::seal() {
  close_whole();
  lock_ = {};
}

void OutputFile::commit() {
  if (fd_.valid()) close_whole();
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_output_errno(name_, errno);
  forget_temporary(temporary_);
  temporary_.clear();
  lock_ = {};
  sync_folder(parent_folder(path_), name_);
}

void write_all(int fd, std::span<const std::byte> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_output_errno(name, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

TemporaryFile::TemporaryFile(std::string_view use) {
  const char* const given = std::getenv("TMPDIR");
  const std::string folder = given != nullptr && *given != '\0' ? given : "/tmp";
  name_ = std::string(use) + " in " + folder;
  std::string pattern = folder + "/convoy.XXXXXX";
  fd_ = Fd(create_temporary(pattern));
  if (!fd_.valid()) throw_output_errno(name_, errno);
  ::unlink(pattern.c_str());
  forget_temporary(pattern);
}

void TemporaryFile::append(std::span<const std::byte> bytes) { write_all(fd(), bytes, name_); }

void TemporaryFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_output_errno(name_, errno);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

void TemporaryFile::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t done = ::pread(fd(), into.data(), into.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_output_errno(name_, errno);
    if (done == 0) throw OutputError(name_, "shorter than what was written");
    offset += static_cast<std::uint64_t>(done);
    into = into.subspan(static_cast<std::size_t>(done));
  }
}

std::vector<std::byte> read_file(const std::string& path, std::uint64_t limit) {
  return InputFile(path).read_all(limit);
}

std::string read_text_file(const std::string& path, std::uint64_t limit) {
  InputFile file(path);
  return read_rest<std::string>(file, limit);
}

}  // namespace convoy
