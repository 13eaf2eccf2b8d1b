#include "lib/base/signals.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// Handlers can use static storage only: these variables and the names of the temporary files.
volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t checkpoint_requested = 0;
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

// A library may crash if it gets no memory, and not all do so in the thread that holds a file. A handler that
// is there already, such as a sanitizer's, stays.
void install_for_crash(int signal_number) {
  struct sigaction now {};
  ::sigaction(signal_number, nullptr, &now);
  if (now.sa_handler == SIG_DFL) std::signal(signal_number, on_end);
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
  action.sa_flags = SA_RESTART;
  ::sigaction(signal_number, &action, nullptr);
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
  bus_error.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &bus_error, nullptr);
  for (const int signal_number :
       {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU}) {
    install(signal_number, on_end);
  }
  for (const int signal_number : {SIGSEGV, SIGABRT, SIGFPE, SIGILL}) install_for_crash(signal_number);
  // A library may end the process, as GNU's OpenMP does if it cannot start a thread.
  std::atexit(unlink_temporaries);
  std::signal(SIGXFSZ, SIG_IGN);  // so a write beyond the limit fails, as on a full disk
}

SignalWatch::SignalWatch(Stops stops) {
  stop_requested = 0;
  checkpoint_requested = 0;
  for (std::size_t i = 0; i < kWatched.size(); ++i) ::sigaction(kWatched[i], nullptr, &before_[i]);
  install(SIGUSR1, on_checkpoint);
  if (stops == Stops::noted) note_stops();
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < kWatched.size(); ++i) ::sigaction(kWatched[i], &before_[i], nullptr);
}

void SignalWatch::note_stops() {
  for (const int signal_number : {SIGHUP, SIGINT, SIGTERM}) install(signal_number, on_stop);
}

int SignalWatch::stop_signal() { return stop_requested; }

bool SignalWatch::take_checkpoint_request() {
  if (checkpoint_requested == 0) return false;
  checkpoint_requested = 0;
  return true;
}

}  // namespace convoy
