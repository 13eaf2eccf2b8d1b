// How many processors this process can have, and what its threads do while they wait for work.
#pragma once

#include <optional>
#include <string>

namespace convoy {

// The number of threads to use if the user gives none: OMP_NUM_THREADS, or else the processors that this
// process may run on (taskset, cpuset), but no more than the quotas of its control groups (docker --cpus) and
// OMP_THREAD_LIMIT allow. At least 1.
[[nodiscard]] int default_threads();

// The first number in the value of OMP_NUM_THREADS or OMP_THREAD_LIMIT: 4 of "4" and of "4,2". Nothing if the
// variable is not set (nullptr), or has no such value: OpenMP then says so.
[[nodiscard]] std::optional<int> threads_from(const char* value);

// The processors that the control groups of this process let it use on average, such as 1.5; nothing if there
// is no quota. root: in front of /proc and /sys, for tests.
[[nodiscard]] std::optional<double> processor_quota(const std::string& root = {});

// Lets the threads of OpenMP sleep as soon as they have no work, so that two programs share the processors.
// GNU's OpenMP lets them spin for milliseconds at the end of every loop, and takes another setting only from
// the environment, at the start of the process: the program executes itself again with GOMP_SPINCOUNT, and
// then removes it from its environment. Does nothing if the user has set OMP_WAIT_POLICY or GOMP_SPINCOUNT.
// Call it first in main(); argv: that of main().
void let_idle_threads_sleep(char** argv);

}  // namespace convoy
