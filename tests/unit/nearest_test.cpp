// cpu::nearest against a search of every row in double precision.
#include "kernels/nearest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

using Floats = std::vector<float>;

// Every row's distance, sorted: no products, no blocks, and another order of summation than the kernel's, in
// long double.
std::vector<Neighbour> all_sorted(std::span<const float> query, const Floats& rows) {
  const std::size_t elements = query.size();
  std::vector<std::pair<long double, std::uint64_t>> order;
  for (std::size_t r = 0; r < rows.size() / elements; ++r) {
    long double sum = 0;
    for (std::size_t i = 0; i < elements; ++i) {
      const long double d = static_cast<long double>(query[i]) - rows[r * elements + i];
      sum += d * d;
    }
    order.emplace_back(sum, r);
  }
  std::ranges::sort(order);
  std::vector<Neighbour> result;
  for (const auto& [distance, row] : order) result.push_back({row, static_cast<double>(distance)});
  return result;
}

void expect_nearest(const Floats& rows, const Floats& queries, std::size_t elements, std::size_t best) {
  std::vector<std::vector<Neighbour>> first;
  for (const int threads : {1, 2, 5}) {
    const auto got = cpu::nearest({.elements = elements, .best = best}, rows, queries, threads);
    ASSERT_EQ(got.size(), queries.size() / elements);
    for (std::size_t q = 0; q < got.size(); ++q) {
      const auto want = all_sorted(std::span(queries).subspan(q * elements, elements), rows);
      ASSERT_EQ(got[q].size(), std::min(best, want.size()));
      for (std::size_t k = 0; k < got[q].size(); ++k) {
        EXPECT_EQ(got[q][k].row, want[k].row) << "query " << q << ", rank " << k;
        // A sum of n terms in double precision.
        EXPECT_NEAR(got[q][k].squared_distance, want[k].squared_distance,
                    static_cast<double>(elements) * 0x1p-52 * want[k].squared_distance);
        if (threads > 1) {
          EXPECT_EQ(got[q][k].squared_distance, first[q][k].squared_distance) << "the same bits";
        }
      }
    }
    if (threads == 1) first = got;
  }
}

Floats random_rows(std::size_t count, TestRandom& random, float scale = 1.0F, float offset = 0.0F) {
  Floats values(count);
  for (float& value : values) value = offset + scale * static_cast<float>(random.next());
  return values;
}

TEST(Nearest, FindsTheRowsOfASearchOfAll) {
  TestRandom random(11);
  for (const auto& [rows, elements] :
       {std::pair<std::size_t, std::size_t>{3000, 17}, {700, 64}, {90, 4096}, {1, 5}, {2500, 1}}) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(elements));
    const Floats all = random_rows(rows * elements, random);
    const Floats queries = random_rows(5 * elements, random);
    for (const std::size_t best : {1, 6, 40}) expect_nearest(all, queries, elements, best);
  }
}

// Far from the origin the formula of the products in float has no right digit left.
TEST(Nearest, DecidesInDoublePrecisionWhatFloatsCannot) {
  TestRandom random(12);
  constexpr std::size_t kElements = 50;
  const Floats rows = random_rows(2000 * kElements, random, 1.0F, 3000.0F);
  const Floats queries = random_rows(4 * kElements, random, 1.0F, 3000.0F);
  const auto by_floats = [&](std::size_t r) {
    float norm = 0;
    float product = 0;
    for (std::size_t i = 0; i < kElements; ++i) {
      norm += rows[r * kElements + i] * rows[r * kElements + i];
      product += queries[i] * rows[r * kElements + i];
    }
    return norm - 2 * product;
  };
  std::vector<std::uint64_t> order(2000);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, by_floats);
  EXPECT_NE(order.front(), all_sorted(std::span(queries).first(kElements), rows).front().row)
      << "these rows would not show a search in float";
  expect_nearest(rows, queries, kElements, 6);
}

TEST(Nearest, PutsTheSmallerIndexFirstAmongEquals) {
  constexpr std::size_t kElements = 24;
  TestRandom random(13);
  const Floats one = random_rows(kElements, random);
  Floats rows;
  for (int r = 0; r < 2100; ++r) rows.insert(rows.end(), one.begin(), one.end());
  rows[700 * kElements] += 1.0F;
  const auto got = cpu::nearest({.elements = kElements, .best = 4}, rows, one, 3);
  for (std::uint64_t k = 0; k < 4; ++k) EXPECT_EQ(got[0][k].row, k);
  EXPECT_EQ(got[0][0].squared_distance, 0.0);
  // Each row nearer than all before it, and each farther.
  Floats approaching;
  for (int r = 0; r < 1500; ++r) approaching.push_back(static_cast<float>(1500 - r));
  expect_nearest(approaching, {0.0F, 2000.0F}, 1, 6);
}

TEST(Nearest, TakesNumbersWhoseSquaresAreNoFloats) {
  TestRandom random(14);
  for (const float scale : {1e30F, 3e38F, 1e-30F, std::numeric_limits<float>::denorm_min() * 1000}) {
    SCOPED_TRACE(scale);
    const Floats rows = random_rows(600 * 40, random, scale);
    const Floats queries = random_rows(3 * 40, random, scale);
    expect_nearest(rows, queries, 40, 6);
  }
  // Opposite signs: the product is minus infinity, which makes the formula's distance infinite.
  const Floats rows = {-3e38F, -3e38F, 3e38F, -3e38F, 1.0F, 1.0F};
  expect_nearest(rows, {3e38F, 3e38F, 3e38F, 3e38F}, 2, 2);
}

TEST(Nearest, HasAnAnswerToEachOfManyQueries) {
  TestRandom random(15);
  const Floats rows = random_rows(300 * 8, random);
  expect_nearest(rows, random_rows(700 * 8, random), 8, 3);
  EXPECT_TRUE(cpu::nearest({.elements = 8, .best = 3}, rows, {}, 2).empty());
}

}  // namespace
}  // namespace convoy
