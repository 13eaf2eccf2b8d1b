// Ranks that are threads of one process, for tests. Each call waits for a random while first, so that ranks
// come to meet in another order each time.
#pragma once

#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "lib/ranks/ranks.h"

namespace convoy {

class ThreadRanks final : public Ranks {
 public:
  // What the ranks of one world share.
  struct World {
    explicit World(int size) : sent(static_cast<std::size_t>(size)), meeting(size) {}
    std::vector<std::span<const std::byte>> sent;
    std::barrier<> meeting;
  };

  ThreadRanks(World& world, int rank, unsigned seed)
      : Ranks(rank, static_cast<int>(world.sent.size())), world_(world), random_(seed) {}

 private:
  void end_others(int /*status*/) override {}
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    exchange(mine, [&](std::size_t from, std::span<const std::byte> block) {
      std::memcpy(all.data() + from * mine.size(), block.data(), block.size());
    });
  }
  void trade(std::span<const std::byte> to_ranks, std::span<std::byte> from_ranks) override {
    const std::size_t bytes = to_ranks.size() / static_cast<std::size_t>(size());
    exchange(to_ranks, [&](std::size_t from, std::span<const std::byte> blocks) {
      std::memcpy(from_ranks.data() + from * bytes, blocks.data() + static_cast<std::size_t>(rank()) * bytes,
                  bytes);
    });
  }
  template <typename Take>
  void exchange(std::span<const std::byte> mine, Take&& take) {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 200));
    world_.sent[static_cast<std::size_t>(rank())] = mine;
    world_.meeting.arrive_and_wait();
    for (std::size_t from = 0; from < world_.sent.size(); ++from) take(from, world_.sent[from]);
    world_.meeting.arrive_and_wait();
  }

  World& world_;
  std::mt19937 random_;
};

// Runs body(ranks) on `size` ranks, and throws what the first of them threw. A rank that throws while others
// wait for it would make them wait for ever: bodies check with EXPECT.
inline void on_ranks(int size, unsigned seed, const std::function<void(Ranks&)>& body) {
  ThreadRanks::World world(size);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          ThreadRanks ranks(world, rank, seed + static_cast<unsigned>(rank));
          body(ranks);
        } catch (...) {
          failures[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace convoy
