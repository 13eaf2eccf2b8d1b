// For tests that the emulated device finds faults: runs something under several schedules.
#pragma once

#include <cstdint>

#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {

inline constexpr int kSchedules = 32;

// The number of schedules under which run() returns true: that a fault was found, or values were wrong. (A
// single schedule may hide a race, as a GPU may.)
template <typename Run>
int schedules_that_show(const Run& run, int schedules = kSchedules) {
  const std::uint64_t before = schedule_seed();
  int shown = 0;
  for (int seed = 1; seed <= schedules; ++seed) {
    set_schedule_seed(static_cast<std::uint64_t>(seed));
    shown += run() ? 1 : 0;
  }
  set_schedule_seed(before);
  return shown;
}

}  // namespace convoy::emulation
