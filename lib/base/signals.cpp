#include "lib/base/signals.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// Handlers can use static storage only: these variables and the names of the temporary files.
volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t checkpoint_requested = 0;
std::atomic<bool> stops_noted = false;
std::array<char, 160> unreadable_message;
std::size_t unreadable_bytes = 0;
std::atomic_flag unreadable_said;  // several threads may get SIGBUS at once

// The signal raised here is delivered when the handler returns, and ends the process.
void on_end(int signal_number) {
  unlink_temporaries();
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

// A page of a mapped file cannot be read: the file was cut short after it was mapped, or its disk fails.
void on_bus_error(int signal_number, siginfo_t* info, void* /*context*/) {
  const bool fault = info->si_code > 0;  // not sent by a process
  if (fault && !unreadable_said.test_and_set()) {
    // If the message cannot be written, nothing is left to do.
    [[maybe_unused]] const ssize_t written =
        ::write(STDERR_FILENO, unreadable_message.data(), unreadable_bytes);
  }
  on_end(signal_number);
}

// A terminal that closes sends SIGHUP twice, through the shell and by the kernel, and systemd may send it
// right after SIGTERM. So SIGHUP can ask for a stop, but never cuts one short.
void on_stop(int signal_number) {
  if (stop_requested == 0) {
    stop_requested = signal_number;
  } else if (signal_number != SIGHUP) {
    on_end(signal_number);
  }
}

void on_checkpoint(int /*signal_number*/) { checkpoint_requested = 1; }

// Installs a handler, unless the process was started to ignore the signal.
void install(int signal_number, void (*handler)(int)) {
  struct sigaction now {};
  ::sigaction(signal_number, nullptr, &now);
  if (now.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigaction(signal_number, &action, nullptr);
}

// A library may crash if it gets no memory, and not all do so in the thread that holds a file. A handler that
// is there already, such as a sanitizer's, stays.
void install_for_fault(int signal_number) {
  struct sigaction now {};
  ::sigaction(signal_number, nullptr, &now);
  const bool free = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL;
  if (free) install(signal_number, on_end);
}

}  // namespace

void remove_temporaries_on_signals(std::string_view tool) {
  // On a terminal, erases a progress line first.
  const std::string message = (::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "") + std::string(tool) +
                              ": a file that is being read was cut short or cannot be read\n";
  unreadable_bytes = std::min(message.size(), unreadable_message.size());
  std::copy_n(message.begin(), unreadable_bytes, unreadable_message.begin());
  struct sigaction bus_error {};
  bus_error.sa_sigaction = on_bus_error;
  bus_error.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGBUS, &bus_error, nullptr);
  for (const int signal_number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2,
                                  SIGXCPU, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT}) {
    install(signal_number, on_end);
  }
  for (int signal_number = SIGRTMIN; signal_number <= SIGRTMAX; ++signal_number)
    install(signal_number, on_end);
  for (const int signal_number : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    install_for_fault(signal_number);
  }
  std::signal(SIGXFSZ, SIG_IGN);  // so a write beyond the limit fails, as on a full disk
}

SignalStack::SignalStack() {
  if (::sigaltstack(nullptr, &before_) != 0 || (before_.ss_flags & SS_DISABLE) == 0) return;  // a sanitizer's
  constexpr std::size_t kHandlerBytes = std::size_t{16} << 10;
  const std::size_t bytes = static_cast<std::size_t>(std::max(::sysconf(_SC_SIGSTKSZ), 0L)) + kHandlerBytes;
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = bytes;
  if (::sigaltstack(&stack, nullptr) != 0) {
    ::munmap(memory, bytes);
    return;
  }
  memory_ = memory;
  bytes_ = bytes;
}

SignalStack::~SignalStack() {
  if (memory_ == nullptr) return;
  ::sigaltstack(&before_, nullptr);
  ::munmap(memory_, bytes_);
}

SignalWatch::SignalWatch(Stops stops) {
  stop_requested = 0;
  checkpoint_requested = 0;
  for (std::size_t i = 0; i < kWatched.size(); ++i) ::sigaction(kWatched[i], nullptr, &before_[i]);
  install(SIGUSR1, on_checkpoint);
  if (stops == Stops::noted) note_stops();
}

SignalWatch::~SignalWatch() {
  stops_noted = false;
  for (std::size_t i = 0; i < kWatched.size(); ++i) ::sigaction(kWatched[i], &before_[i], nullptr);
}

void SignalWatch::note_stops() {
  for (const int signal_number : {SIGHUP, SIGINT, SIGTERM}) install(signal_number, on_stop);
  stops_noted = true;
}

bool SignalWatch::notes_stops() { return stops_noted; }

int SignalWatch::stop_signal() { return stop_requested; }

bool SignalWatch::take_checkpoint_request() {
  if (checkpoint_requested == 0) return false;
  checkpoint_requested = 0;
  return true;
}

}  // namespace convoy
