// Writes a trace of what a process does to files, for tests/faults/crashes. TRACE=FILE names the trace, and
// TRACE_UNDER=FOLDER the folder whose files count. A line has tabs between its fields:
//
//   create INODE PATH         a new, empty file; PATH is empty if it has no name (O_TMPFILE)
//   open INODE PATH           one that is there is opened to be written
//   write INODE OFFSET HEX    bytes that were written there
//   truncate INODE SIZE
//   fsync INODE               of a file, also by fdatasync
//   syncdir PATH              fsync of a folder
//   syncfs
//   rename INODE OLD NEW      link INODE OLD NEW
//   unlink INODE PATH         mkdir INODE PATH          rmdir INODE PATH
//   close INODE
//
// Paths are absolute. Each function below adds a line after the call was made, if the call was on a file of
// the folder.
#pragma once

#include <cstddef>
#include <string>

namespace faults {

// Makes a call and its line one step for all threads while it lives.
class Step {
 public:
  Step();
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  Step(Step&&) = delete;
  Step& operator=(Step&&) = delete;
  ~Step();
};

// Whether there is a trace. The functions below must not be called without one.
bool is_traced();

// The absolute path; empty if it is not below the traced folder.
std::string traced_path(int folder, const char* path);
// The number of the file's inode, without following a link; 0 if there is none.
unsigned long long inode_at(const std::string& path);
// The bytes of the file; 0 if it is not there.
long long size_at(const std::string& path);

void trace_opened(int fd, bool created, bool truncated);
void trace_write(int fd, long long offset, const void* bytes, std::size_t count);
void trace_truncate(int fd, long long size);
void trace_fsync(int fd);
void trace_syncfs(int fd);
void trace_close(int fd);  // before the call
// what: rename or link.
void trace_name(const char* what, const std::string& from, const std::string& to);
// what: unlink, mkdir or rmdir.
void trace_entry(const char* what, unsigned long long inode, const std::string& path);

}  // namespace faults
