// Without MPI a process is alone. Compiled if join_mpi.cpp is not.
#include "lib/base/error.h"
#include "lib/ranks/launched.h"
#include "lib/ranks/ranks.h"

namespace convoy {

std::unique_ptr<Ranks> join_ranks() {
  if (launched_with_others()) {
    throw Error(
        "this program is built without MPI, and would do the same work in each process: build it with MPI=1");
  }
  return alone();
}

std::string ranks_library() { return "none"; }

}  // namespace convoy
