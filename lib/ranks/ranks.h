// The processes that train one net together, each of which is a rank, and what they do together. Collective
// functions must be called by all ranks in the same order and with the same sizes; each returns when its rank
// has its results. One thread at a time may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace convoy {

class Ranks {
 public:
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  Ranks(Ranks&&) = delete;
  Ranks& operator=(Ranks&&) = delete;
  virtual ~Ranks() = default;

  [[nodiscard]] int rank() const { return rank_; }  // 0 to size() - 1
  [[nodiscard]] int size() const { return size_; }
  // Rank 0 writes all files and speaks for all.
  [[nodiscard]] bool leads() const { return rank_ == 0; }

  // values[i] becomes the sum of values[i] of all ranks, with the same bits on all of them: sums of
  // neighbouring ranks are added up pair by pair, as in a tree. Each rank sends and receives 2 (n - 1) / n
  // times the bytes of the values, for n ranks, and adds up one n-th of them.
  void sum(std::span<float> values) { sum_values(values); }
  void sum(std::span<double> values) { sum_values(values); }
  // Each becomes the largest of all ranks.
  void largest(std::span<std::int64_t> values);
  // The texts of all ranks, by rank.
  [[nodiscard]] std::vector<std::string> gather_texts(const std::string& mine);
  // Returns when all ranks have called it.
  void meet();

  // Ends all ranks at once with this exit status, without their consent: for a rank that cannot go on.
  [[noreturn]] void end_all(int status);

 protected:
  Ranks(int rank, int size) : rank_(rank), size_(size) {}

 private:
  // Ends the other ranks.
  virtual void end_others(int status) = 0;
  // all: block k becomes what rank k has as `mine`. Blocks have the size of `mine`.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  // Block k of `from_ranks` becomes what rank k has as block rank() of its `to_ranks`. Both have size()
  // blocks of the same size.
  virtual void trade(std::span<const std::byte> to_ranks, std::span<std::byte> from_ranks) = 0;

  template <typename T>
  void sum_values(std::span<T> values);

  int rank_;
  int size_;
  std::vector<std::byte> sent_;  // room for pieces of sums
  std::vector<std::byte> received_;
};

// A process alone: nothing is exchanged.
[[nodiscard]] std::unique_ptr<Ranks> alone();

// The ranks of this process: those that mpirun or srun started it with, or it alone. Throws Error if it was
// started with others, and the program is built without MPI.
[[nodiscard]] std::unique_ptr<Ranks> join_ranks();
// What join_ranks() uses: "MPI (Open MPI v4.1.4 ...)", or "none".
[[nodiscard]] std::string ranks_library();

}  // namespace convoy
