// lib/base/memory_budget: shares of memory that wait for one another, in order and without deadlock.
#include "lib/base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/parallel.h"

namespace convoy {
namespace {

struct Item {
  int number = 0;
  MemoryShare share = {};
};

// Sends items of these sizes through a pipeline, and returns the most that was allocated at the same time.
std::uint64_t most_at_a_time(MemoryBudget& budget, int threads, const std::vector<std::uint64_t>& sizes,
                             std::uint64_t kept, std::vector<int>& order) {
  std::atomic<std::uint64_t> now = 0;
  std::atomic<std::uint64_t> most = 0;
  int next = 0;
  ordered_parallel_map(
      threads,
      [&]() -> std::optional<Item> {
        if (next == static_cast<int>(sizes.size())) return std::nullopt;
        Item item{next++};
        item.share = budget.next();
        return item;
      },
      [&](Item&& item) {
        const std::uint64_t bytes = sizes[static_cast<std::size_t>(item.number)];
        item.share.claim(bytes);
        const std::uint64_t here = now += bytes;
        for (std::uint64_t seen = most; seen < here && !most.compare_exchange_weak(seen, here);) {
        }
        std::this_thread::yield();
        const std::uint64_t result = std::min(kept, bytes);
        now -= bytes - result;
        item.share.keep(result);
        return Item(std::move(item));
      },
      [&](Item&& item) {
        order.push_back(item.number);
        now -= std::min(kept, sizes[static_cast<std::size_t>(item.number)]);
      });
  EXPECT_EQ(now, 0U);
  return most;
}

TEST(MemoryBudget, HoldsItemsToItWhateverTheirSizesAndThreads) {
  std::vector<std::uint64_t> sizes;
  for (int i = 0; i < 2000; ++i)
    sizes.push_back(std::vector<std::uint64_t>{1, 500, 875, 30, 0, 601}[static_cast<std::size_t>(i % 6)]);
  for (const int threads : {1, 2, 4, 9}) {
    for (const std::uint64_t kept : {0, 10, 875}) {
      MemoryBudget budget(1000, items_under_way(threads));
      EXPECT_EQ(budget.most(), 875U);
      std::vector<int> order;
      EXPECT_LE(most_at_a_time(budget, threads, sizes, kept, order), 1000U) << threads << " " << kept;
      ASSERT_EQ(order.size(), sizes.size());
      for (int i = 0; i < static_cast<int>(order.size()); ++i)
        ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST(MemoryBudget, GrantsAnItemTheSameAmongOthersAsAlone) {
  for (const int threads : {1, 4}) {
    MemoryBudget budget(1000, items_under_way(threads));
    std::vector<int> order;
    // All of them need almost everything.
    EXPECT_EQ(most_at_a_time(budget, threads, std::vector<std::uint64_t>(200, 875), 875, order), 875U);
  }
}

// A pipeline that fails while others wait for memory that results hold: it ends, and with the first failure.
TEST(MemoryBudget, LetsAFailedPipelineEnd) {
  for (int round = 0; round < 50; ++round) {
    MemoryBudget budget(1000, items_under_way(4));
    int next = 0;
    const auto run = [&](int bad_work, int bad_use) {
      next = 0;
      ordered_parallel_map(
          4,
          [&]() -> std::optional<Item> {
            Item item{next++};
            item.share = budget.next();
            return item;
          },
          [&](Item&& item) {
            item.share.claim(400);
            if (item.number == bad_work) throw Error("work");
            return Item(std::move(item));
          },
          [&](Item&& item) {
            if (item.number == bad_use) throw Error("use");
          });
    };
    EXPECT_THROW(run(round % 7, -1), Error);
    EXPECT_THROW(run(-1, round % 7), Error);
    // All of it has been given back.
    MemoryShare share = budget.next();
    share.claim(budget.most());
  }
}

}  // namespace
}  // namespace convoy
