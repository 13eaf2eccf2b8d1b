#include "lib/base/signals.h"

#include "lib/base/temporaries.h"

namespace convoy {
namespace {

// A handler can only reach static storage; these two and the temporaries' names are the whole of it.
volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t checkpoint_requested = 0;

// The signal comes again when its handler returns, and ends the process then.
void on_end(int signal_number) {
  unlink_temporaries();
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

void on_stop(int signal_number) {
  if (stop_requested != 0) {
    on_end(signal_number);
    return;
  }
  stop_requested = signal_number;
}

void on_checkpoint(int /*signal_number*/) { checkpoint_requested = 1; }

// Leaves a signal alone that the process was started to ignore.
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

void remove_temporaries_on_signals() {
  for (const int signal_number :
       {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU}) {
    install(signal_number, on_end);
  }
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails then, as on a full disk
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
  install(SIGINT, on_stop);
  install(SIGTERM, on_stop);
}

int SignalWatch::stop_signal() { return stop_requested; }

bool SignalWatch::take_checkpoint_request() {
  if (checkpoint_requested == 0) return false;
  checkpoint_requested = 0;
  return true;
}

}  // namespace convoy
