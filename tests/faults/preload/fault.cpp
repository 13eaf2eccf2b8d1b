#include "tests/faults/preload/fault.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

// The code here runs inside of calls such as malloc and open: it allocates nothing, and opens and reads
// through syscall(2), which is not counted.

namespace faults {
namespace {

struct Plan {
  bool on = false;
  Kind kind = Kind::open;
  std::uint64_t nth = 0;
  int error = 0;
  bool always = false;
  std::size_t bytes = 512;
  const char* under = "";
  Report* report = nullptr;
};

Report* map_report(const char* path) {
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return nullptr;
  void* mapped = MAP_FAILED;
  if (::syscall(SYS_ftruncate, fd, sizeof(Report)) == 0) {
    mapped = reinterpret_cast<void*>(
        ::syscall(SYS_mmap, nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  }
  ::syscall(SYS_close, fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<Report*>(mapped);
}

Plan read_plan() {
  Plan plan;
  const char* const text = std::getenv("FAULTS");
  if (text == nullptr) return plan;
  std::array<char, 16> kind{};
  std::array<char, 16> error{};
  std::array<char, 16> how{};
  unsigned long long nth = 0;
  if (std::sscanf(text, "%15[^:]:%llu:%15[^:]:%15s", kind.data(), &nth, error.data(), how.data()) != 4) {
    std::abort();
  }
  const auto* const found = std::ranges::find(kKinds, std::string_view(kind.data()),
                                              [](const char* k) { return std::string_view(k); });
  if (found == kKinds.end()) std::abort();
  plan.kind = static_cast<Kind>(found - kKinds.begin());
  plan.nth = nth;
  plan.error = std::string_view(error.data()) == "short" ? kShort : std::atoi(error.data());
  plan.always = std::string_view(how.data()) == "always";
  if (const char* const bytes = std::getenv("FAULTS_BYTES")) plan.bytes = std::strtoull(bytes, nullptr, 10);
  if (const char* const under = std::getenv("FAULTS_UNDER")) plan.under = under;
  if (const char* const report = std::getenv("FAULTS_REPORT")) plan.report = map_report(report);
  if (plan.report == nullptr) std::abort();
  // The first call loads libgcc, and allocates.
  std::array<void*, 2> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));
  return plan;
}

Plan the_plan;

// Set while backtrace() runs, which may allocate.
__attribute__((tls_model("initial-exec"))) thread_local bool looking = false;

bool is_path_of_onednn(const char* path) {
  const char* const name = std::strrchr(path, '/');
  return name != nullptr && std::strncmp(name, "/libdnnl", 8) == 0;
}

// Whether the call comes from oneDNN, however many functions lie between.
bool is_made_by_onednn() {
  std::array<void*, 64> frames{};
  looking = true;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  bool found = false;
  for (int i = 0; i < count && !found; ++i) {
    Dl_info info{};
    found = ::dladdr(frames.at(static_cast<std::size_t>(i)), &info) != 0 && info.dli_fname != nullptr &&
            is_path_of_onednn(info.dli_fname);
  }
  looking = false;
  return found;
}

int fault_counted(Kind kind, const char* what, const char* place) {
  if (looking) return 0;
  Report& report = *the_plan.report;
  const std::uint64_t n = 1 + std::atomic_ref(report.calls.at(static_cast<std::size_t>(kind)))
                                  .fetch_add(1, std::memory_order_relaxed);
  if (kind != the_plan.kind || the_plan.nth == 0 || n < the_plan.nth) return 0;
  if (n > the_plan.nth) {
    if (!the_plan.always) return 0;
    if (the_plan.error == EINTR && (n - the_plan.nth) % 2 == 1) return 0;
  }
  if (kind == Kind::malloc && is_made_by_onednn()) std::atomic_ref(report.foreign).fetch_add(1);
  if (std::atomic_ref(report.failed).fetch_add(1) == 0) {
    std::snprintf(report.first.data(), report.first.size(), "%s %s", what, place);
  }
  return the_plan.error;
}

}  // namespace

void start() {
  the_plan = read_plan();
  the_plan.on = the_plan.report != nullptr;
}

bool counts(const char* path) {
  if (!the_plan.on || path == nullptr) return false;
  std::array<char, PATH_MAX> full{};
  if (path[0] != '/') {
    if (::syscall(SYS_getcwd, full.data(), full.size()) < 0) return false;
    path = full.data();  // what is below the working directory is below its parent
  }
  const std::size_t length = std::strlen(the_plan.under);
  return std::strncmp(path, the_plan.under, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool counts(int fd, std::array<char, 512>& path) {
  if (!the_plan.on || fd == STDERR_FILENO) return false;
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const long length = ::syscall(SYS_readlinkat, AT_FDCWD, link.data(), path.data(), path.size() - 1);
  if (length < 0) return false;
  path.at(static_cast<std::size_t>(length)) = '\0';
  return std::strncmp(path.data(), "pipe:", 5) == 0 || counts(path.data());
}

int fault_of(Kind kind, const char* what, const char* place) {
  return the_plan.on ? fault_counted(kind, what, place) : 0;
}

int fault_of_allocation(std::size_t bytes, const char* what) {
  if (!the_plan.on || bytes < the_plan.bytes || looking) return 0;
  std::array<char, 32> size{};
  std::snprintf(size.data(), size.size(), "%zu bytes", bytes);
  return fault_counted(Kind::malloc, what, size.data());
}

}  // namespace faults
