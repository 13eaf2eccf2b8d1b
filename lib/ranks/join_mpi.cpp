// The ranks of MPI. Compiled if there is one (see the Makefile), else join_alone.cpp is.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <array>
#include <limits>
#include <string>

#include "lib/base/error.h"
#include "lib/ranks/launched.h"
#include "lib/ranks/ranks.h"

namespace convoy {
namespace {

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  (void)MPI_Error_string(code, text.data(), &length);
  throw Error("MPI", std::string(what) + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

int count_of_bytes(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error("MPI", "too long a message");
  return static_cast<int>(bytes);
}

// Begins and ends MPI.
class Session {
 public:
  Session() {
    int provided = 0;
    // Calls come from the thread that computes and from the one that sums up, never at the same time.
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "start");
    if (provided < MPI_THREAD_SERIALIZED) throw Error("MPI", "it does not work with threads");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "start");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "start");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "start");
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  ~Session() { (void)MPI_Finalize(); }

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

 private:
  int rank_ = 0;
  int size_ = 1;
};

class MpiRanks final : private Session, public Ranks {
 public:
  MpiRanks() : Ranks(Session::rank(), Session::size()) {}
  using Ranks::rank;
  using Ranks::size;

 private:
  void end_others(int status) override { (void)MPI_Abort(MPI_COMM_WORLD, status); }
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    const int bytes = count_of_bytes(mine.size());
    check(MPI_Allgather(mine.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, MPI_COMM_WORLD), "gather");
  }
  void trade(std::span<const std::byte> to_ranks, std::span<std::byte> from_ranks) override {
    const int bytes = count_of_bytes(to_ranks.size() / static_cast<std::size_t>(size()));
    check(MPI_Alltoall(to_ranks.data(), bytes, MPI_BYTE, from_ranks.data(), bytes, MPI_BYTE, MPI_COMM_WORLD),
          "exchange");
  }
};

}  // namespace

std::unique_ptr<Ranks> join_ranks() {
  if (!launched_with_others()) return alone();
  return std::make_unique<MpiRanks>();
}

std::string ranks_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "MPI";
  const std::string version(text.data(), static_cast<std::size_t>(length));
  return "MPI (" + version.substr(0, version.find_first_of(",\n")) + ")";
}

}  // namespace convoy
