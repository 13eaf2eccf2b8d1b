#include "lib/base/signals.h"

#include <csignal>

namespace convoy {
namespace {

// A handler can only reach static storage; these three are the whole of it.
volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t checkpoint_requested = 0;

void on_stop(int signal_number) {
  if (stop_requested != 0) {
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
    return;
  }
  stop_requested = signal_number;
}

void on_checkpoint(int /*signal_number*/) { checkpoint_requested = 1; }

void install(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal_number, &action, nullptr);
}

}  // namespace

SignalWatch::SignalWatch() {
  stop_requested = 0;
  checkpoint_requested = 0;
  install(SIGINT, on_stop);
  install(SIGTERM, on_stop);
  install(SIGUSR1, on_checkpoint);
}

SignalWatch::~SignalWatch() {
  install(SIGINT, SIG_DFL);
  install(SIGTERM, SIG_DFL);
  install(SIGUSR1, SIG_DFL);
}

int SignalWatch::stop_signal() { return stop_requested; }

bool SignalWatch::take_checkpoint_request() {
  if (checkpoint_requested == 0) return false;
  checkpoint_requested = 0;
  return true;
}

}  // namespace convoy
