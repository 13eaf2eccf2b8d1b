// The number of threads of OpenMP's regions.
#pragma once

#include <omp.h>

namespace convoy {

// While it lives, sets the number of threads of the OpenMP regions that this thread starts.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
  ThreadCount(ThreadCount&&) = delete;
  ThreadCount& operator=(ThreadCount&&) = delete;
  ~ThreadCount() { omp_set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace convoy
