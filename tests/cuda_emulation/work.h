// The work of the emulated device, and when it runs: in any order in which nothing runs before what it waits
// for. A real device has an order of its own among these.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace convoy::emulation {

using Work = std::function<void()>;

struct Piece {
  Work work;                                  // may be empty; reset when it has run
  std::vector<std::shared_ptr<Piece>> after;  // what it waits for; emptied when it has run
  std::uint64_t branch = 0;                   // a stream, or a stream's part of a graph
  bool done = false;
  std::exception_ptr failure;  // its own, or that of a piece that it waited for, in which case it did not run
};

// The work that was given and has not run yet.
//
// The order follows from the schedule's seed. Branches have priorities, which are redrawn now and then:
// running one branch as far as possible before another begins shows more faults than mixing them finely does
// (Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010). The
// speed of the device changes whenever the host has waited: a slow device shows what the host reads or
// overwrites too early, a quick one what it provides too late.
class WorkList {
 public:
  std::shared_ptr<Piece> add(Work work, std::vector<std::shared_ptr<Piece>> after, std::uint64_t branch);
  // The host waits for the piece.
  void run_until(const Piece& piece);
  void run_all();

 private:
  enum class Speed {
    lazy,   // does nothing before the host waits, and then only what the host waits for
    slow,   // does nothing before the host waits, but then anything
    quick,  // does some of it immediately
  };
  [[nodiscard]] std::uint64_t draw(std::uint64_t bound);
  // Runs one piece that has nothing left to wait for; if `wanted` is given, one of those.
  void run_one(const std::vector<const Piece*>* wanted);

  std::vector<std::shared_ptr<Piece>> waiting_;
  std::uint64_t draws_ = 0;
  std::uint64_t priorities_ = 0;  // how often they have been drawn
  Speed speed_ = Speed::lazy;
};

}  // namespace convoy::emulation
