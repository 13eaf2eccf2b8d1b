// Signals: none leaves temporary files behind, and some ask a long run to stop or to checkpoint.
#pragma once

#include <array>
#include <csignal>
#include <string_view>

namespace convoy {

// From now on the signals that other processes, terminals, pipes and clocks send end the process as they do
// by default, but remove its temporary files first. Those that the process was started to ignore stay
// ignored. A file that reaches the size limit is a write error. Where a mapped file that is being read was
// cut short, or its disk fails, SIGBUS does so too, after one line on standard error in the name of `tool`.
void remove_temporaries_on_signals(std::string_view tool);

// While it lives, SIGINT and SIGTERM are noted (a second one of either ends the process at once, as without
// it), and SIGUSR1 is noted as the wish for a checkpoint. The handlers before come back with its end. One at
// a time.
class SignalWatch {
 public:
  enum class Stops {
    noted,
    at_once,  // SIGINT and SIGTERM stay as they are until note_stops(): there is nothing yet to save
  };

  explicit SignalWatch(Stops stops = Stops::noted);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  SignalWatch(SignalWatch&&) = delete;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  static void note_stops();
  // 0, or the signal that asked to stop: the exit status is then 128 + that number.
  [[nodiscard]] static int stop_signal();
  // Whether SIGUSR1 has come since the last call.
  [[nodiscard]] static bool take_checkpoint_request();

 private:
  static constexpr std::array kWatched = {SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, kWatched.size()> before_{};
};

}  // namespace convoy
