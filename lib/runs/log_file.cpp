#include "lib/runs/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/file_identity.h"
#include "lib/base/finite.h"

namespace convoy {
namespace {

// Bytes of lines after which they are put on disk, so that they need no longer be kept in memory.
constexpr std::size_t kMaxKept = std::size_t{1} << 20;

std::string text_of(int code) { return std::generic_category().message(code); }

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

// The first bytes of a file. Throws SystemError.
std::string beginning_of(int fd, std::uint64_t bytes, const std::string& name) {
  std::string text(static_cast<std::size_t>(bytes), '\0');
  for (std::size_t got = 0; got < text.size();) {
    const ssize_t step = ::pread(fd, text.data() + got, text.size() - got, static_cast<off_t>(got));
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) throw SystemError(name, text_of(errno));
    if (step == 0) throw SystemError(name, "cut short by something else");
    got += static_cast<std::size_t>(step);
  }
  return text;
}

Fd open_for_appending(const std::string& path, const std::string& name) {
  Fd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  if (!fd.valid()) throw OutputError(name, text_of(errno));
  return fd;
}

}  // namespace

std::string failure_to_write(const std::function<void()>& action) {
  try {
    action();
  } catch (const NotFiniteError&) {
    throw;
  } catch (const Error& error) {
    return error.reason();
  } catch (const SystemError& error) {
    return error.reason();
  } catch (const std::bad_alloc&) {
    return "out of memory";
  }
  return {};
}

LogFile::LogFile(const std::string& path, std::string_view start) : path_(path) {
  const Destination to = Destination::of(path);
  if (to.kind != Destination::Kind::file) {
    stream_.emplace(path, OutputFile::Content::text);
    stream_->write(start);
    stream_->flush();
    return;
  }
  at_ = to.path;
  lock_ = OutputLock(to);
  OutputFile file(path, OutputFile::Content::text);
  file.write(start);
  file.commit();
  file_ = open_for_appending(at_, path_);
  on_disk_ = start.size();
}

void LogFile::add(std::string_view line) {
  if (lines_.size() - written_ + line.size() > kMaxUnwrittenLog) {
    ++lost_;
  } else {
    lines_ += line;
  }
  write_waiting();
  if (failure_.empty() && lines_.size() > kMaxKept) sync();
}

// What the stream has taken and cannot write, it writes the next time.
void LogFile::write_to_stream() {
  failure_ = failure_to_write([this] {
    if (!lines_.empty()) stream_->write(lines_);
    unsent_ += lines_in(std::exchange(lines_, {}));
    stream_->flush();
    unsent_ = 0;
  });
}

void LogFile::write_waiting() {
  if (stream_) return write_to_stream();
  failure_.clear();
  if (doubtful_ || is_gone()) make_again();
  if (!failure_.empty()) return;
  while (written_ < lines_.size()) {
    const ssize_t step = ::write(file_.get(), lines_.data() + written_, lines_.size() - written_);
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) {
      failure_ = text_of(errno);
      return;
    }
    written_ += static_cast<std::size_t>(step);
  }
}

void LogFile::sync() {
  write_waiting();
  if (stream_ || !failure_.empty()) return;
  while (::fdatasync(file_.get()) != 0) {
    if (errno == EINTR) continue;
    failure_ = text_of(errno);
    doubtful_ = true;
    return;
  }
  on_disk_ += lines_.size();
  lines_.clear();
  written_ = 0;
}

// Whether the file has been deleted. One that has been moved is written on.
bool LogFile::is_gone() const {
  struct stat info {};
  return ::fstat(file_.get(), &info) == 0 && info.st_nlink == 0;
}

// The file with all of its lines, which a deleted file still has while it is open.
void LogFile::make_again() {
  struct stat there {};
  struct stat ours {};
  if (::lstat(at_.c_str(), &there) == 0 &&
      (::fstat(file_.get(), &ours) != 0 || FileIdentity(there) != FileIdentity(ours))) {
    failure_ = "another file has taken its place";
    return;
  }
  failure_ = failure_to_write([&] {
    const std::string before = beginning_of(file_.get(), on_disk_, path_);
    OutputFile file(path_, OutputFile::Content::text);
    file.write(before);
    file.write(lines_);
    file.commit();
    file_ = open_for_appending(at_, path_);
    on_disk_ += lines_.size();
    lines_.clear();
    written_ = 0;
    doubtful_ = false;
  });
}

std::uint64_t LogFile::missing() const {
  if (stream_) return lost_ + unsent_ + lines_in(lines_);
  const bool nowhere = doubtful_ || is_gone();
  return lost_ + lines_in(std::string_view(lines_).substr(nowhere ? 0 : written_));
}

}  // namespace convoy
