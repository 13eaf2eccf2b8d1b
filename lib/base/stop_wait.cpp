#include "lib/base/stop_wait.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "lib/base/signals.h"

namespace convoy {
namespace {

// A signal may come right before a wait begins, or to another thread: waits last no longer at a time.
constexpr int kSliceMs = 100;
constexpr int kSlicesForReader = 10;  // after the signal

void pause_for_slice() { ::poll(nullptr, 0, kSliceMs); }

// Whether the descriptor is ready, or broken, which read() or write() will say.
bool ready_in_slice(int fd, short events) {
  pollfd one{.fd = fd, .events = events, .revents = 0};
  const int got = ::poll(&one, 1, kSliceMs);
  return got > 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
}

// Makes the descriptor wait again, as the others of the process.
Fd blocking(Fd fd) {
  if (!fd.valid()) return fd;
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags != -1) ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  return fd;
}

}  // namespace

Fd open_to_read(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC;
  if (!SignalWatch::notes_stops()) return Fd(::open(path.c_str(), kFlags));
  return blocking(Fd(::open(path.c_str(), kFlags | O_NONBLOCK)));
}

void wait_to_read(int fd) {
  while (SignalWatch::notes_stops()) {
    if (const int signal = SignalWatch::stop_signal(); signal != 0) throw Stopped(signal);
    if (ready_in_slice(fd, POLLIN)) return;
  }
}

Fd open_to_append(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
  const bool stopping = SignalWatch::stop_signal() != 0;
  int stopped = 0;
  while (SignalWatch::notes_stops()) {
    Fd fd = blocking(Fd(::open(path.c_str(), kFlags | O_NONBLOCK)));
    if (fd.valid() || errno != ENXIO) return fd;
    if (!stopping && SignalWatch::stop_signal() != 0 && ++stopped > kSlicesForReader) {
      errno = EINTR;
      return fd;
    }
    pause_for_slice();
  }
  return Fd(::open(path.c_str(), kFlags));
}

std::size_t wait_to_write(int fd, std::size_t bytes) {
  struct stat info {};
  if (!SignalWatch::notes_stops() || (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode))) return bytes;
  int stopped = 0;
  while (SignalWatch::notes_stops()) {
    // A pipe that can be written takes so many at once.
    if (ready_in_slice(fd, POLLOUT)) return std::min<std::size_t>(bytes, PIPE_BUF);
    if (SignalWatch::stop_signal() != 0 && ++stopped > kSlicesForReader) return 0;
  }
  return bytes;
}

}  // namespace convoy
