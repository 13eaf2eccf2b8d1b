// Signals: none leaves temporary files behind, and some ask a long run to stop or to write a checkpoint.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <string_view>

namespace convoy {

// From now on, signals still end the process, as they do by default, but its temporary files are removed
// first: those that other processes, terminals, pipes and timers send, and those that come of a fault of the
// program (SIGSEGV, SIGABRT ...), also on a stack that is full (SignalStack). Signals that the process was
// started to ignore stay ignored, and handlers of faults that are there, as a sanitizer's, stay. A file that
// reaches the size limit is a write error (SIGXFSZ is ignored). SIGBUS, which comes if a mapped file is cut
// short or its disk fails, also writes a line to standard error in the name of `tool`.
void remove_temporaries_on_signals(std::string_view tool);

// While it lives, handlers of faults of this thread run on a stack of their own, so that they run at all if
// the thread's own is full. If there is no memory for it, they run on the thread's own.
class SignalStack {
 public:
  SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  SignalStack(SignalStack&&) = delete;
  SignalStack& operator=(SignalStack&&) = delete;
  ~SignalStack();

 private:
  void* memory_ = nullptr;  // mapped; nullptr: another one is in use
  std::size_t bytes_ = 0;
  stack_t before_{};
};

// While it lives, SIGHUP, SIGINT and SIGTERM are noted as a request to stop, and SIGUSR1 as a request for a
// checkpoint. A second SIGINT or SIGTERM ends the process at once, as it would without a watch. Its
// destructor restores the earlier handlers. Only one may live at a time.
class SignalWatch {
 public:
  enum class Stops {
    noted,
    at_once,  // signals end the process until note_stops() is called: there is nothing to save yet
  };

  explicit SignalWatch(Stops stops = Stops::noted);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  SignalWatch(SignalWatch&&) = delete;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  static void note_stops();
  // Whether a watch lives that notes requests to stop.
  [[nodiscard]] static bool notes_stops();
  // The signal that asked to stop, or 0. The exit status is then 128 + its number.
  [[nodiscard]] static int stop_signal();
  // Whether SIGUSR1 has come since the last call.
  [[nodiscard]] static bool take_checkpoint_request();

 private:
  static constexpr std::array kWatched = {SIGHUP, SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, kWatched.size()> before_{};
};

}  // namespace convoy
