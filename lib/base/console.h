// What a tool says to a person: messages and progress on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace convoy {

// Writes lines "tool: message" to standard error, with control characters escaped, and one progress line,
// which messages do not garble. Thread-safe.
class Console {
 public:
  enum class Verbosity {
    silent,  // says nothing: another process speaks for this one
    quiet,
    normal,
    verbose
  };

  explicit Console(std::string tool, Verbosity verbosity = Verbosity::normal);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  Console(Console&&) = delete;
  Console& operator=(Console&&) = delete;
  ~Console();

  void set_verbosity(Verbosity verbosity) { verbosity_ = verbosity; }
  [[nodiscard]] Verbosity verbosity() const { return verbosity_; }
  [[nodiscard]] const std::string& tool() const { return tool_; }

  void error(std::string_view message);   // always shown
  void warn(std::string_view message);    // likewise: something the user must know
  void note(std::string_view message);    // not with -q
  void detail(std::string_view message);  // only with -v

 private:
  friend class Progress;
  void print_line(std::string_view message);
  void show_progress(const std::string& line, bool final);
  void erase_progress();

  std::string tool_;
  Verbosity verbosity_;
  bool terminal_;
  std::mutex mutex_;
  std::string progress_line_;  // the progress line that the terminal shows now
};

// Whether a tool that writes lines to `output` writes them to a terminal, where progress would come
// between them.
[[nodiscard]] bool shows_lines(const std::string& output);

// Progress with the rate and the estimated time left: on a terminal a bar, redrawn ten times a second;
// elsewhere a plain line every ten seconds; nothing with -q. update() is cheap enough to call for every item.
// Use from one thread.
class Progress {
 public:
  // total: items expected; 0 if that is unknown. unit: "images", "steps".
  Progress(Console& console, std::uint64_t total, std::string unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  ~Progress();

  void set_total(std::uint64_t total) { total_ = total; }
  // Shows nothing from now on.
  void hide() { hidden_ = true; }
  // done: items done so far. extra: shown at the end of the line, e.g. "loss 2.31".
  void update(std::uint64_t done, std::string_view extra = {});
  // Shows the last state and ends the line. The destructor calls it.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] std::string line(Clock::time_point now) const;
  [[nodiscard]] std::string bar(std::size_t others) const;

  Console& console_;
  std::uint64_t total_;
  std::string unit_;
  Clock::time_point start_;
  Clock::time_point last_shown_;
  std::uint64_t first_done_ = 0;
  bool any_ = false;
  std::uint64_t done_ = 0;
  std::string extra_;
  bool shown_ = false;
  bool finished_ = false;
  bool hidden_ = false;
};

// 4096 -> "4.0 KiB": for messages.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
// 75 -> "1m15s": for progress.
[[nodiscard]] std::string format_seconds(double seconds);

}  // namespace convoy
