// Signals that ask a long run to stop or to checkpoint.
#pragma once

namespace convoy {

// While it lives, SIGINT and SIGTERM are noted (a second one of either ends the process at once, as without
// it), and SIGUSR1 is noted as the wish for a checkpoint. The default handlers come back with its end. One at
// a time.
class SignalWatch {
 public:
  SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  SignalWatch(SignalWatch&&) = delete;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  // 0, or the signal that asked to stop: the exit status is then 128 + that number.
  [[nodiscard]] static int stop_signal();
  // Whether SIGUSR1 has come since the last call.
  [[nodiscard]] static bool take_checkpoint_request();
};

}  // namespace convoy
