// lib/base/parallel: output in order with any number of threads, exceptions, threads that the system refuses.
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/parallel.h"

namespace convoy {
namespace {

TEST(OrderedParallelMap, KeepsOrderForAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    int next = 0;
    std::vector<int> seen;
    ordered_parallel_map(
        threads, [&]() -> std::optional<int> { return next < 500 ? std::optional(next++) : std::nullopt; },
        [](int&& item) {
          if (item % 7 == 0) std::this_thread::yield();
          return item * 2;
        },
        [&](int&& result) { seen.push_back(result); });
    ASSERT_EQ(seen.size(), 500U);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i * 2);
  }
}

TEST(OrderedParallelMap, ThrowsWhatAnyPartThrows) {
  for (const int threads : {1, 4}) {
    for (const int where : {0, 1, 2}) {
      int next = 0;
      const auto check = [where](int part, int item) {
        if (part == where && item == 50) throw Error("place", "reason");
      };
      EXPECT_THROW(ordered_parallel_map(
                       threads,
                       [&]() -> std::optional<int> {
                         check(0, next);
                         return next < 500 ? std::optional(next++) : std::nullopt;
                       },
                       [&](int&& item) {
                         check(1, item);
                         return item;
                       },
                       [&](int&& item) { check(2, item); }),
                   Error);
    }
  }
}

// Starts `most` threads and then refuses, as a system does whose limit is reached.
StartThread limited_to(int most) {
  return [most, given = 0](std::function<void()> body) mutable {
    if (given == most) throw SystemError("thread", "none left");
    ++given;
    return start_thread(std::move(body));
  };
}

TEST(OrderedParallelMap, GoesOnWithTheThreadsThatTheSystemGives) {
  for (const int most : {0, 1, 3}) {
    int next = 0;
    std::vector<int> seen;
    ordered_parallel_map(
        8, [&]() -> std::optional<int> { return next < 500 ? std::optional(next++) : std::nullopt; },
        [](int&& item) { return item * 2; }, [&](int&& result) { seen.push_back(result); }, limited_to(most));
    ASSERT_EQ(seen.size(), 500U) << most;
    for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i * 2);
  }
}

TEST(ParallelRanges, CoverEverythingOnceWithAnyNumberOfThreads) {
  for (const int most : {0, 1, 3, 8}) {
    for (const std::size_t count : {0U, 1U, 7U, 100U}) {
      std::vector<int> times(count, 0);
      parallel_ranges(
          5, count,
          [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) ++times[i];
          },
          limited_to(most));
      EXPECT_EQ(times, std::vector<int>(count, 1)) << most;
    }
  }
}

TEST(CheckThreads, AsksForAsManyAsAreUsedAtATime) {
  std::size_t started = 0;
  const auto count = [&](std::function<void()> body) {
    if (++started == 4) throw Error("no more");
    return start_thread(std::move(body));
  };
  check_threads(1, count);
  EXPECT_EQ(started, 0U);
  check_threads(4, count);
  EXPECT_EQ(started, 3U);
  started = 0;
  EXPECT_THROW(check_threads(5, count), Error);
}

}  // namespace
}  // namespace convoy
