// Lets the n-th call of a kind fail. What fails is said by the environment of the process:
//
//   FAULTS=KIND:N:ERROR:HOW   the N-th call of KIND (a name in kKinds; N from 1; 0: none) fails with ERROR,
//   an
//                             errno or "short" (half of the bytes are read or written); HOW is "once" or
//                             "always": all later calls fail too, but only every second one with EINTR, after
//                             which a program tries again
//   FAULTS_UNDER=FOLDER       only calls on files below it and on pipes count. Allocations and threads always
//   do FAULTS_BYTES=N            only allocations of at least so many bytes count FAULTS_REPORT=FILE gets a
//   Report
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace faults {

enum class Kind : std::size_t {
  open,
  read,
  write,
  fsync,
  rename,
  close,
  mmap,
  stat,
  lseek,
  truncate,
  chmod,
  mkdir,
  unlink,
  readdir,
  lock,
  fcntl,
  random,
  malloc,
  thread,
};
inline constexpr std::array<const char*, 19> kKinds = {
    "open",  "read",  "write",  "fsync",   "rename", "close", "mmap",   "stat",   "lseek", "truncate",
    "chmod", "mkdir", "unlink", "readdir", "lock",   "fcntl", "random", "malloc", "thread"};

// What the process leaves in FAULTS_REPORT, which is mapped, so that it is there whatever ends the process.
// tests/faults/faultlib.py reads it.
struct Report {
  std::array<std::uint64_t, kKinds.size()> calls;  // of each kind
  std::uint64_t failed;                            // calls that failed or were cut short
  std::uint64_t foreign;                           // of these, those made by oneDNN
  std::array<char, 256> first;                     // the first of them: its function and file
};

inline constexpr int kShort = -1;  // instead of an errno

// Begins to count, if FAULTS is there. Calls that come before main() never fail.
void start();

// Counts a call; the errno to fail with, kShort, or 0. what: the function's name. place: its file.
int fault_of(Kind kind, const char* what, const char* place);
// The same for an allocation.
int fault_of_allocation(std::size_t bytes, const char* what);
// Whether calls on this file count.
bool counts(const char* path);
// Whether calls on this descriptor count. Writes the path or name of what it leads to into `path`.
bool counts(int fd, std::array<char, 512>& path);

}  // namespace faults
