// Whether this process is one of several that a launcher started together.
#pragma once

#include <array>
#include <cstdlib>

namespace convoy {

// mpirun of Open MPI, of MPICH and its descendants, and srun with PMIx or PMI set one of these.
[[nodiscard]] inline bool launched_with_others() {
  constexpr std::array kSigns = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
  for (const char* const sign : kSigns) {
    if (std::getenv(sign) != nullptr) return true;  // NOLINT(concurrency-mt-unsafe): before there are threads
  }
  return false;
}

}  // namespace convoy
