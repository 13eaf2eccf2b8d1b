#include "lib/base/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kPlainInterval = std::chrono::seconds(10);
constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kNarrowBarWidth = 10;
constexpr std::size_t kWideTerminal = 100;  // columns at which the bar gets its full width

// One write a line, so that the lines of several processes on one terminal stay whole. Ignores errors: there
// is nowhere to report them.
void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < units.size()) {
    value /= 1024.0;
    ++unit;
  }
  return format(unit == 0 ? "%.0f %s" : "%.1f %s", value, units.at(unit));
}

std::string format_seconds(double seconds) {
  const auto whole = std::llround(std::max(0.0, seconds));
  const auto h = static_cast<unsigned long>(whole / 3600);
  const auto m = static_cast<unsigned long>(whole / 60 % 60);
  const auto s = static_cast<unsigned long>(whole % 60);
  if (h > 0) return format("%luh%02lum", h, m);
  if (m > 0) return format("%lum%02lus", m, s);
  return format("%lus", s);
}

Console::Console(std::string tool, Verbosity verbosity)
    : tool_(std::move(tool)), verbosity_(verbosity), terminal_(::isatty(STDERR_FILENO) == 1) {}

Console::~Console() { erase_progress(); }

void Console::error(std::string_view message) {
  if (verbosity_ > Verbosity::silent) print_line(message);
}
void Console::warn(std::string_view message) { error(message); }
void Console::note(std::string_view message) {
  if (verbosity_ > Verbosity::quiet) print_line(message);
}
void Console::detail(std::string_view message) {
  if (verbosity_ == Verbosity::verbose) print_line(message);
}

void Console::print_line(std::string_view message) {
  const std::lock_guard lock(mutex_);
  const std::string progress = progress_line_;
  erase_progress();
  write_stderr(tool_ + ": " + escape_controls(message) + "\n");
  if (!progress.empty()) {
    write_stderr(progress);
    progress_line_ = progress;
  }
}

void Console::show_progress(const std::string& line, bool final) {
  const std::lock_guard lock(mutex_);
  if (!terminal_) {
    write_stderr(tool_ + ": " + escape_controls(line) + "\n");
    return;
  }
  erase_progress();
  std::string shown = tool_ + ": " + escape_controls(line);
  shown.resize(std::min(shown.size(), terminal_columns() - 1));
  write_stderr(final ? shown + "\n" : shown);
  progress_line_ = final ? std::string() : shown;
}

void Console::erase_progress() {
  if (progress_line_.empty()) return;
  write_stderr("\r\x1b[K");
  progress_line_.clear();
}

bool shows_lines(const std::string& output) {
  const Destination to = Destination::of(output);
  return to.kind == Destination::Kind::descriptor && ::isatty(to.descriptor) == 1;
}

Progress::Progress(Console& console, std::uint64_t total, std::string unit)
    : console_(console), total_(total), unit_(std::move(unit)), start_(Clock::now()), last_shown_(start_) {}

Progress::~Progress() { finish(); }

void Progress::update(std::uint64_t done, std::string_view extra) {
  if (!any_) {
    // A resumed run starts in the middle; the rate counts only what this run does.
    any_ = true;
    first_done_ = done > 0 ? done - 1 : 0;
  }
  done_ = done;
  extra_ = extra;
  if (hidden_ || console_.verbosity_ <= Console::Verbosity::quiet) return;
  const auto now = Clock::now();
  if (now - last_shown_ < (console_.terminal_ ? Clock::duration(kTerminalInterval) : kPlainInterval)) return;
  last_shown_ = now;
  console_.show_progress(line(now), false);
  shown_ = true;
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  // A pipe needs no last line from a run that ended before its first one; people at a terminal look for it.
  const bool wanted = shown_ || (console_.terminal_ && any_);
  if (hidden_ || console_.verbosity_ <= Console::Verbosity::quiet || !wanted) return;
  console_.show_progress(line(Clock::now()), true);
}

// A narrow terminal cuts the end of the line, so the important things come first.
std::string Progress::line(Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - first_done_) / seconds : 0.0;
  std::string text = std::to_string(done_);
  if (total_ > 0) text += "/" + std::to_string(total_);
  text += " " + unit_ + format(rate >= 100 ? " %.0f/s" : " %.1f/s", rate);
  if (total_ > done_ && rate > 0) {
    text += " ETA " + format_seconds(static_cast<double>(total_ - done_) / rate);
  } else {
    text += " in " + format_seconds(seconds);
  }
  if (console_.terminal_ && total_ > 0) text.insert(0, bar(text.size()));
  return extra_.empty() ? text : text + " " + extra_;
}

// The bar; empty if it does not fit beside the `others` characters of the line, which say more.
std::string Progress::bar(std::size_t others) const {
  constexpr std::size_t kAround = 3;  // "[", "] "
  const std::size_t columns = terminal_columns();
  const std::size_t width = columns < kWideTerminal ? kNarrowBarWidth : kBarWidth;
  const std::size_t name = console_.tool().size() + 2;
  if (name + width + kAround + others >= columns) return {};
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
  return "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] ";
}

}  // namespace convoy
