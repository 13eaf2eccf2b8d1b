#include "lib/base/processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "lib/base/control_groups.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWaitPolicy = "OMP_WAIT_POLICY";
constexpr const char* kSpinCount = "GOMP_SPINCOUNT";
// Set by the program itself, for the process that it executes.
constexpr const char* kMark = "CONVOY_SPINCOUNT";
// A few microseconds: about what it takes to wake a thread that sleeps.
constexpr const char* kShortSpin = "1000";

int processors_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

// The quota in one group's folder: version 2 has one file "50000 100000" or "max 100000", version 1 a file
// for each number. Microseconds of processor time in a period of so many microseconds.
std::optional<double> quota_in(const fs::path& folder, bool unified) {
  double quota = 0;
  double period = 0;
  if (unified) {
    std::ifstream file(folder / "cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_file(folder / "cpu.cfs_quota_us");
    std::ifstream period_file(folder / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;  // -1: none
  return quota / period;
}

}  // namespace

std::optional<int> threads_from(const char* value) {
  if (value == nullptr) return std::nullopt;
  std::string_view text(value);
  while (text.starts_with(' ')) text.remove_prefix(1);
  int threads = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), threads);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (failure != std::errc() || threads < 1) return std::nullopt;
  if (rest.find_first_not_of(' ') != std::string_view::npos && !rest.starts_with(',')) return std::nullopt;
  return threads;
}

std::optional<double> processor_quota(const std::string& root) {
  std::optional<double> least;
  for_each_control_group(
      "cpu",
      [&](const fs::path& folder, bool unified) {
        if (const auto quota = quota_in(folder, unified)) least = std::min(least.value_or(*quota), *quota);
      },
      root);
  return least;
}

int default_threads() {
  // getenv() is safe: nothing changes the environment after let_idle_threads_sleep().
  const auto asked = threads_from(std::getenv("OMP_NUM_THREADS"));  // NOLINT(concurrency-mt-unsafe)
  int threads = asked.value_or(processors_by_affinity());
  if (const auto quota = processor_quota(); quota && !asked) {
    threads = static_cast<int>(std::min(static_cast<double>(threads), std::ceil(*quota)));
  }
  const auto limit = threads_from(std::getenv("OMP_THREAD_LIMIT"));  // NOLINT(concurrency-mt-unsafe)
  return std::max(1, std::min(threads, limit.value_or(threads)));
}

// NOLINTBEGIN(concurrency-mt-unsafe): there is one thread.
void let_idle_threads_sleep(char** argv) {
  if (std::getenv(kMark) != nullptr) {
    ::unsetenv(kMark);
    ::unsetenv(kSpinCount);
    return;
  }
  if (std::getenv(kWaitPolicy) != nullptr || std::getenv(kSpinCount) != nullptr) return;
  std::error_code failure;
  // The link's target and not the link, which would give the process its name.
  const std::string program = fs::read_symlink("/proc/self/exe", failure).string();
  if (failure || ::setenv(kMark, "1", 1) != 0 || ::setenv(kSpinCount, kShortSpin, 1) != 0) return;
  ::execv(program.c_str(), argv);
  // If that fails (the program has been replaced meanwhile), the threads spin.
  ::unsetenv(kMark);
  ::unsetenv(kSpinCount);
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace convoy
