// Signals: none leaves temporary files behind, and some ask a long run to stop or to write a checkpoint.
#pragma once

#include <array>
#include <csignal>
#include <string_view>

namespace convoy {

// From now on, signals from other processes, terminals, pipes and timers still end the process, as they do by
// default, but its temporary files are removed first. Signals that the process was started to ignore stay
// ignored. A file that reaches the size limit is a write error (SIGXFSZ is ignored). SIGBUS, which comes if a
// mapped file is cut short or its disk fails, also writes a line to standard error in the name of `tool`.
// The files are also removed if the process crashes, or if a library ends it by exit().
void remove_temporaries_on_signals(std::string_view tool);

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
  // The signal that asked to stop, or 0. The exit status is then 128 + its number.
  [[nodiscard]] static int stop_signal();
  // Whether SIGUSR1 has come since the last call.
  [[nodiscard]] static bool take_checkpoint_request();

 private:
  static constexpr std::array kWatched = {SIGHUP, SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, kWatched.size()> before_{};
};

}  // namespace convoy
