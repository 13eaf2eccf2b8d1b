// nearest: of rows of a matrix, those nearest to each query by Euclidean distance, exactly.
//   d(q, r) = sum over i of (queries[q][i] - rows[r][i])^2
// in double precision, in an order of summation that depends on `elements` alone. Rows are sorted by d, and
// by index where it is equal, so the result is a function of the values: neither the number of threads nor
// how the rows are cut into blocks shows.
//
// Most rows are ruled out by |q|^2 + |r|^2 - 2 q.r, whose products of matrices are oneDNN's, in float. With
// the unit roundoff u = 2^-24, a dot product of n terms in any order of summation has an error of at most
// n u / (1 - n u) |q| |r| (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), so a row is
// ruled out only if it is farther than the k-th best even if all roundings went against it. For the others d
// is computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace convoy {

struct Neighbour {
  std::uint64_t row = 0;
  double squared_distance = 0.0;
};
// Nearer rows first; of equal ones that with the smaller index.
[[nodiscard]] constexpr bool operator<(const Neighbour& a, const Neighbour& b) {
  return a.squared_distance != b.squared_distance ? a.squared_distance < b.squared_distance : a.row < b.row;
}

struct NearestShape {
  std::size_t elements = 0;  // of a row and of a query, at least 1
  std::size_t best = 1;      // neighbours of a query, at least 1
};

namespace cpu {

// rows: [rows][elements], perhaps mapped from a file; read once for all queries. queries:
// [queries][elements]. All values must be finite. Returns the min(best, rows) nearest rows of each query,
// nearest first. Throws Error if oneDNN cannot multiply.
[[nodiscard]] std::vector<std::vector<Neighbour>> nearest(const NearestShape& shape,
                                                          std::span<const float> rows,
                                                          std::span<const float> queries, int threads);

// What that takes for each query, at most. rows: their number.
[[nodiscard]] std::uint64_t nearest_bytes_per_query(const NearestShape& shape, std::uint64_t rows,
                                                    int threads);

}  // namespace cpu
}  // namespace convoy
