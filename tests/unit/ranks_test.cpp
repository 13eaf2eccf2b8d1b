// lib/ranks with ranks that are threads: sums, what is gathered, and sums in the background.
#include "lib/ranks/ranks.h"

#include <gtest/gtest.h>

#include <array>

#include <random>
#include <string>

#include "lib/base/error.h"
#include "lib/ranks/sum_queue.h"
#include "tests/support/thread_ranks.h"

namespace convoy {
namespace {

// Different on each rank.
std::vector<float> values_of(int rank, std::size_t count) {
  std::mt19937 random(static_cast<unsigned>(rank) + 1);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(random()) / 4e9F - 0.5F;
  }
  return values;
}

// The sum by pairs of neighbours, one value at a time.
float tree_sum(const std::vector<std::vector<float>>& of_ranks, std::size_t i, std::size_t first,
               std::size_t end) {
  if (end - first == 1) return of_ranks[first][i];
  std::size_t half = 1;
  while (half * 2 < end - first) half *= 2;
  return tree_sum(of_ranks, i, first, first + half) + tree_sum(of_ranks, i, first + half, end);
}

// Sizes around those of pieces and shares.
constexpr std::size_t kPiece = std::size_t{1} << 20;  // floats
constexpr std::array<std::size_t, 8> kCounts = {0, 1, 2, 5, 1000, kPiece - 1, kPiece, kPiece + 7};

TEST(RanksSum, IsTheSameTreeOnAllRanks) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const int size : {1, 2, 3, 4, 7}) {
    for (const std::size_t count : kCounts) {
      std::vector<std::vector<float>> all;
      for (int rank = 0; rank < size; ++rank) all.push_back(values_of(rank, count));
      on_ranks(size, seed, [&](Ranks& ranks) {
        std::vector<float> values = values_of(ranks.rank(), count);
        ranks.sum(values);
        for (std::size_t i = 0; i < count; ++i) {
          if (values[i] != tree_sum(all, i, 0, all.size())) {
            ADD_FAILURE() << size << " ranks, value " << i << " of " << count;
            return;
          }
        }
      });
    }
  }
}

TEST(RanksSum, AddsDoubles) {
  on_ranks(3, 1, [](Ranks& ranks) {
    std::vector<double> values = {1.0 + ranks.rank(), 0.25};
    ranks.sum(values);
    EXPECT_EQ(values, (std::vector<double>{6.0, 0.75}));
  });
}

TEST(RanksGather, HasTheTextsOfAll) {
  on_ranks(4, 2, [](Ranks& ranks) {
    const std::string mine(static_cast<std::size_t>(ranks.rank()) * 3, static_cast<char>('a' + ranks.rank()));
    EXPECT_EQ(ranks.gather_texts(mine), (std::vector<std::string>{"", "bbb", "cccccc", "ddddddddd"}));
    std::vector<std::int64_t> values = {ranks.rank() * 10, -ranks.rank()};
    ranks.largest(values);
    EXPECT_EQ(values, (std::vector<std::int64_t>{30, 0}));
    ranks.meet();
  });
}

TEST(RanksAlone, ChangeNothing) {
  const auto ranks = alone();
  EXPECT_EQ(ranks->size(), 1);
  EXPECT_TRUE(ranks->leads());
  std::vector<float> values = {1, 2};
  ranks->sum(values);
  EXPECT_EQ(values, (std::vector<float>{1, 2}));
  EXPECT_EQ(ranks->gather_texts("x"), std::vector<std::string>{"x"});
}

TEST(SumQueueTest, SumsInTheOrderOfTheStarts) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  on_ranks(3, seed, [](Ranks& ranks) {
    SumQueue queue(ranks);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::vector<float>> values;
      for (std::size_t i = 0; i < 5; ++i) values.emplace_back(i * 100, static_cast<float>(ranks.rank() + 1));
      for (std::vector<float>& some : values) queue.start(some);
      for (const std::vector<float>& some : values) {
        queue.finish();
        EXPECT_EQ(some, std::vector<float>(some.size(), 6.0F));
      }
    }
  });
}

// Ranks that cannot exchange anything.
class Broken final : public Ranks {
 public:
  Broken() : Ranks(0, 2) {}

 private:
  void end_others(int /*status*/) override {}
  void gather(std::span<const std::byte>, std::span<std::byte>) override { throw Error("ranks", "broken"); }
  void trade(std::span<const std::byte>, std::span<std::byte>) override { throw Error("ranks", "broken"); }
};

TEST(SumQueueTest, ThrowsWhatPreventsASum) {
  Broken ranks;
  SumQueue queue(ranks);
  std::vector<float> values(10);
  queue.start(values);
  queue.start(values);
  EXPECT_THROW(queue.finish(), Error);
  EXPECT_THROW(queue.finish(), Error);
}

}  // namespace
}  // namespace convoy
