#include <algorithm>
#include <array>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <functional>
#include <limits>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "kernels/nearest.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/thread_count.h"

namespace convoy::cpu {
namespace {

// Rows of a block stay in a cache while they are read twice. A product of few rows is slow: with 16 queries
// of 4096 elements, oneDNN takes 0.7 times as long for 256 rows at a time as for 64.
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kLeastBlock = 64;
constexpr std::size_t kMostBlock = 1024;
constexpr std::size_t kMostQueries = 256;  // of one pass over a block

std::size_t rows_of_block(std::size_t elements) {
  return std::clamp(kBlockBytes / (elements * sizeof(float)), kLeastBlock, kMostBlock);
}

// As many sums side by side as keep the processor busy, then one after another.
constexpr std::size_t kSums = 32;

template <typename Term>
double sum_of(std::size_t count, Term&& term) {
  std::array<double, kSums> sums{};
  const std::size_t whole = count / kSums * kSums;
  for (std::size_t i = 0; i < whole; i += kSums) {
    for (std::size_t j = 0; j < kSums; ++j) sums[j] += term(i + j);
  }
  for (std::size_t i = whole; i < count; ++i) sums[i - whole] += term(i);
  double sum = 0.0;
  for (const double one : sums) sum += one;
  return sum;
}

double squared_norm(const float* x, std::size_t count) {
  return sum_of(count, [x](std::size_t i) { return double{x[i]} * double{x[i]}; });
}

double squared_distance(const float* x, const float* y, std::size_t count) {
  return sum_of(count, [x, y](std::size_t i) {
    const double difference = double{x[i]} - double{y[i]};
    return difference * difference;
  });
}

// By how much |q|^2 + |r|^2 - 2 q.r, with the product in float, may be above the distance that
// squared_distance() computes.
class Slack {
 public:
  explicit Slack(std::size_t elements) {
    const double n = static_cast<double>(elements);
    const double share = n * (FLT_EPSILON / 2);
    product_ = share < 0.5 ? 2.0 * share / (1.0 - share) : std::numeric_limits<double>::infinity();
    sums_ = (4.0 * n + 16.0) * (DBL_EPSILON / 2);
    underflow_ = 4.0 * n * double{FLT_MIN};  // products that are flushed to zero
  }
  [[nodiscard]] double of(double norm, double other) const {
    return product_ * std::sqrt(norm * other) + sums_ * (norm + other) + underflow_;
  }

 private:
  double product_;
  double sums_;
  double underflow_;
};

// The best rows of one query so far: a heap with the worst in front.
class Best {
 public:
  explicit Best(std::size_t most) : most_(most) { heap_.reserve(most); }
  // Whether a row at this distance at least, with a larger index than all before it, is none of the best.
  [[nodiscard]] bool rules_out(double at_least) const {
    return heap_.size() == most_ && at_least > heap_.front().squared_distance;
  }
  void add(const Neighbour& one) {
    if (heap_.size() == most_) {
      if (!(one < heap_.front())) return;
      std::ranges::pop_heap(heap_, std::less<>());
      heap_.pop_back();
    }
    heap_.push_back(one);
    std::ranges::push_heap(heap_, std::less<>());
  }
  void add(const Best& others) {
    for (const Neighbour& one : others.heap_) add(one);
  }
  [[nodiscard]] std::vector<Neighbour> sorted() const {
    std::vector<Neighbour> result = heap_;
    std::ranges::sort(result, std::less<>());
    return result;
  }

 private:
  std::size_t most_;
  std::vector<Neighbour> heap_;
};

struct Search {
  NearestShape shape;
  std::span<const float> rows;
  std::span<const float> queries;
  std::vector<double> query_norms;
  Slack slack;
};

// What one thread works with: allocated before the threads start, which must not throw.
struct Part {
  std::vector<Best> best;       // of each query
  std::vector<float> products;  // [rows of a block][queries]
  bool failed = false;
};

void search_block(const Search& search, std::size_t first, std::size_t count, Part& part) {
  const std::size_t elements = search.shape.elements;
  const std::size_t queries = search.query_norms.size();
  const float* const block = search.rows.data() + first * elements;
  const auto size = [](std::size_t value) { return static_cast<dnnl_dim_t>(value); };
  part.failed = part.failed || dnnl::sgemm('N', 'T', size(count), size(queries), size(elements), 1.0F, block,
                                           size(elements), search.queries.data(), size(elements), 0.0F,
                                           part.products.data(), size(queries)) != dnnl::status::success;
  if (part.failed) return;
  for (std::size_t r = 0; r < count; ++r) {
    const float* const row = block + r * elements;
    const double norm = squared_norm(row, elements);
    for (std::size_t q = 0; q < queries; ++q) {
      const float product = part.products[r * queries + q];
      const double about = search.query_norms[q] + norm - 2.0 * double{product};
      // A product that has overflowed says nothing.
      if (std::isfinite(product) &&
          part.best[q].rules_out(about - search.slack.of(search.query_norms[q], norm))) {
        continue;
      }
      const float* const query = search.queries.data() + q * elements;
      part.best[q].add({.row = first + r, .squared_distance = squared_distance(query, row, elements)});
    }
  }
}

// At most kMostQueries queries.
std::vector<Best> search_rows(const Search& search, std::size_t rows, int threads) {
  const std::size_t queries = search.query_norms.size();
  const std::size_t at_a_time = std::min(rows_of_block(search.shape.elements), rows);
  const std::size_t best = std::min(search.shape.best, rows);
  const std::size_t blocks = (rows + at_a_time - 1) / at_a_time;
  const auto parts_needed = std::min(static_cast<std::size_t>(std::max(threads, 1)), blocks);
  std::vector<Part> parts(parts_needed);
  for (Part& part : parts) {
    part.best.reserve(queries);
    for (std::size_t q = 0; q < queries; ++q) part.best.emplace_back(best);
    part.products.resize(queries * at_a_time);
  }
  std::atomic<std::size_t> next_part = 0;
  parallel_ranges(static_cast<int>(parts_needed), blocks, [&](std::size_t begin, std::size_t end) {
    const ThreadCount alone(1);  // of oneDNN in this thread
    Part& part = parts[next_part++];
    for (std::size_t block = begin; block < end; ++block) {
      const std::size_t first = block * at_a_time;
      search_block(search, first, std::min(at_a_time, rows - first), part);
    }
  });
  for (const Part& part : parts) {
    if (part.failed) throw Error("nearest", "oneDNN cannot multiply matrices of these sizes");
    if (&part == &parts.front()) continue;
    for (std::size_t q = 0; q < queries; ++q) parts.front().best[q].add(part.best[q]);
  }
  return std::move(parts.front().best);
}

}  // namespace

std::vector<std::vector<Neighbour>> nearest(const NearestShape& shape, std::span<const float> rows,
                                            std::span<const float> queries, int threads) {
  const std::size_t elements = shape.elements;
  const std::size_t count = queries.size() / elements;
  std::vector<std::vector<Neighbour>> result;
  result.reserve(count);
  for (std::size_t first = 0; first < count; first += kMostQueries) {
    const std::size_t some = std::min(kMostQueries, count - first);
    Search search{.shape = shape,
                  .rows = rows,
                  .queries = queries.subspan(first * elements, some * elements),
                  .query_norms = {},
                  .slack = Slack(elements)};
    for (std::size_t q = 0; q < some; ++q) {
      search.query_norms.push_back(squared_norm(search.queries.data() + q * elements, elements));
    }
    for (const Best& best : search_rows(search, rows.size() / elements, threads)) {
      result.push_back(best.sorted());
    }
  }
  return result;
}

std::uint64_t nearest_bytes_per_query(const NearestShape& shape, std::uint64_t rows, int threads) {
  const auto parts = static_cast<std::uint64_t>(std::max(threads, 1));
  const std::uint64_t list = std::min<std::uint64_t>(shape.best, rows) * sizeof(Neighbour) + sizeof(Best);
  const std::uint64_t products = rows_of_block(shape.elements) * sizeof(float);
  return parts * (list + products) + 2 * list;
}

}  // namespace convoy::cpu
