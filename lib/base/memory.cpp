#include "lib/base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/control_groups.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKibibyte = 1024;
constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::string_view kAddressLimit = "ulimit -v";
constexpr std::string_view kDataLimit = "ulimit -d";

// What a thread takes beside its stack: guard pages, the stack of its signal handlers, its own cache.
constexpr std::uint64_t kBesideStack = 128 * kKibibyte;

std::uint64_t stack_bytes() {
  constexpr std::uint64_t kUsual = 8 * kMebibyte;
  pthread_attr_t attributes;
  std::size_t bytes = 0;
  if (::pthread_getattr_default_np(&attributes) != 0) return kUsual;
  const bool known = ::pthread_attr_getstacksize(&attributes, &bytes) == 0;
  ::pthread_attr_destroy(&attributes);
  return known ? bytes : kUsual;
}

bool is_limited(int resource) {
  struct rlimit limit {};
  return ::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

// The number in a file of the kernel that holds nothing else; nothing for another text, such as "max".
std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

// The number that follows `name` at the start of a line.
std::optional<std::uint64_t> number_after(const fs::path& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    std::uint64_t number = 0;
    if (words >> word >> number && word == name) return number;
  }
  return std::nullopt;
}

void lower(std::optional<AvailableMemory>& least, std::uint64_t bytes, const std::string& limit) {
  if (!least || bytes < least->bytes) least = {.bytes = bytes, .limit = limit};
}

// The files of one version of control groups.
struct GroupFiles {
  const char* limit;
  const char* usage;
  const char* reclaimable;  // in memory.stat: file pages that go when memory is short
};
constexpr GroupFiles kUnified = {"memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kLegacy = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

void lower_by_group(std::optional<AvailableMemory>& least, const fs::path& folder, const GroupFiles& files) {
  const auto limit = number_in(folder / files.limit);
  const auto usage = number_in(folder / files.usage);
  if (!limit || !usage) return;
  const std::uint64_t cached = number_after(folder / "memory.stat", files.reclaimable).value_or(0);
  const std::uint64_t used = *usage > cached ? *usage - cached : 0;
  lower(least, *limit > used ? *limit - used : 0, "left to this process's control group");
}

std::optional<std::uint64_t> kibibytes_after(const std::string& path, std::string_view name) {
  const auto number = number_after(path, name);
  return number ? std::optional(*number * kKibibyte) : std::nullopt;
}

// Lowers by what the process's own limits leave it. lead: of the limits' names.
void lower_by_own_limits(std::optional<AvailableMemory>& least, const std::string& root,
                         const std::string& lead) {
  const std::string status = root + "/proc/self/status";
  const auto lower_by = [&](int resource, const char* in_use, std::string_view name) {
    const auto used = kibibytes_after(status, in_use);
    struct rlimit limit {};
    if (!used || ::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    lower(least, limit.rlim_cur > *used ? limit.rlim_cur - *used : 0, lead + std::string(name));
  };
  lower_by(RLIMIT_AS, "VmSize:", kAddressLimit);
  lower_by(RLIMIT_DATA, "VmData:", kDataLimit);
}

}  // namespace

std::string MemoryLimit::text() const { return format_bytes(bytes) + " (" + source + ")"; }

std::optional<AvailableMemory> available_memory(const std::string& root) {
  std::optional<AvailableMemory> least;
  if (const auto free = kibibytes_after(root + "/proc/meminfo", "MemAvailable:")) {
    lower(least, *free, "free on this machine");
  }
  for_each_control_group(
      "memory",
      [&](const fs::path& folder, bool unified) {
        lower_by_group(least, folder, unified ? kUnified : kLegacy);
      },
      root);
  lower_by_own_limits(least, root, "left under ");
  return least;
}

void refuse_memory(const MemoryLimit& limit, std::string_view place, std::string_view reason) {
  if (limit.of_machine) throw SystemError(place, reason);
  throw Error(place, reason);
}

std::string max_memory_that_allows(std::uint64_t bytes) {
  return "--max-memory=" + std::to_string(bytes / kMebibyte + 1) + "M would allow it";
}

void refuse_lines_so_far(std::uint64_t read, std::uint64_t need, const MemoryLimit& limit,
                         std::string_view place, bool of_pipe) {
  refuse_memory(limit, place,
                "its lines need " + format_bytes(need) + " of memory after the first " + format_bytes(read) +
                    ", the limit is " + limit.text() + ": a larger --max-memory would allow more" +
                    (of_pipe ? ", and a file instead of a pipe would tell how much is needed" : ""));
}

void require_memory(std::uint64_t bytes, const MemoryLimit& limit, std::string_view place,
                    std::string_view what) {
  if (bytes <= limit.bytes) return;
  refuse_memory(limit, place,
                std::string(what) + " need " + format_bytes(bytes) + " of memory, the limit is " +
                    limit.text() + ": " + max_memory_that_allows(bytes));
}

int threads_that_fit(int threads, std::uint64_t fixed, std::uint64_t each, const MemoryLimit& limit,
                     std::string_view place, std::string_view what) {
  require_memory(saturating_add(fixed, each), limit, place, what);
  const std::uint64_t fit = (limit.bytes - fixed) / std::max<std::uint64_t>(each, 1);
  return static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max(threads, 1)), fit));
}

MemoryLimit machine_memory(const std::string& root) {
  std::optional<AvailableMemory> least;
  if (const auto whole = kibibytes_after(root + "/proc/meminfo", "MemTotal:")) {
    lower(least, *whole, "the memory of this machine");
  }
  for_each_control_group(
      "memory",
      [&](const fs::path& folder, bool unified) {
        const auto limit = number_in(folder / (unified ? kUnified : kLegacy).limit);
        if (limit) lower(least, *limit, "this process's control group");
      },
      root);
  lower_by_own_limits(least, root, "");
  if (!least) return {};
  const bool address_space = least->limit == kAddressLimit || least->limit == kDataLimit;
  return {.bytes = least->bytes,
          .source = std::move(least->limit),
          .of_machine = true,
          .address_space = address_space};
}

MemoryLimit beside_threads(MemoryLimit limit, std::uint64_t threads, std::uint64_t program) {
  if (!limit.address_space) return limit;
  const std::uint64_t taken = saturating_add(saturating_mul(threads, stack_bytes() + kBesideStack), program);
  limit.bytes -= std::min(limit.bytes, taken);
  limit.source += " beside " + std::to_string(threads) + " threads";
  return limit;
}

void spare_limited_memory() {
  constexpr int kMapped = 1 << 20;  // from this size on, a buffer goes back to the system when it is freed
  if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA)) return;
  (void)::mallopt(M_ARENA_MAX, 1);
  (void)::mallopt(M_MMAP_THRESHOLD, kMapped);
}

}  // namespace convoy
