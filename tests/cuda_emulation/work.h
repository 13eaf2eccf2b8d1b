// What the emulated device has to do, and when it does it: in any order in which nothing runs before what it
// waits for. A real device does the same in an order of its own.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace convoy::emulation {

using Work = std::function<void()>;

struct Piece {
  Work work;                                  // may be empty; gone when it has run
  std::vector<std::shared_ptr<Piece>> after;  // what it waits for; emptied when it has run
  std::uint64_t branch = 0;                   // of a stream, or of a stream's part of a graph
  bool done = false;
  std::exception_ptr failure;  // its own, or that of a piece that it waited for: then it did not run
};

// The work that was given and has not run.
//
// The order follows from the schedule's seed. Branches have priorities, drawn anew now and then: one that
// runs as far as it can before another begins shows more than a fine mixture does (Burckhardt and others,
// "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010). How fast the device is
// changes whenever the host has waited: what the host reads or overwrites too early shows on a slow one, what
// it gives too late on a quick one.
class WorkList {
 public:
  std::shared_ptr<Piece> add(Work work, std::vector<std::shared_ptr<Piece>> after, std::uint64_t branch);
  // The host waits for the piece.
  void run_until(const Piece& piece);
  void run_all();

 private:
  enum class Speed {
    lazy,   // does nothing before the host waits, and then only what it waits for
    slow,   // nothing before the host waits, but then anything
    quick,  // some of it at once
  };
  [[nodiscard]] std::uint64_t draw(std::uint64_t bound);
  // Runs one piece that waits for nothing more; where `wanted`, one of these.
  void run_one(const std::vector<const Piece*>* wanted);

  std::vector<std::shared_ptr<Piece>> waiting_;
  std::uint64_t draws_ = 0;
  std::uint64_t priorities_ = 0;  // how often they were drawn
  Speed speed_ = Speed::lazy;
};

}  // namespace convoy::emulation
