#include <algorithm>

#include "kernels/cuda/ops.h"
#include "kernels/cuda/vector.cuh"

namespace convoy::cuda {
namespace {

// Rows are cut into parts, and a block sums the rows of a part for up to 32 vectors of columns; where there
// is more than one part their sums are added in order by a second kernel.
constexpr int kColumnVectors = 32;
constexpr int kLines = kThreads / kColumnVectors;  // rows that a block reads at a time
constexpr std::int64_t kRowsPerPart = 512;
constexpr std::int64_t kMaxParts = 256;

std::int64_t parts_of(std::int64_t rows) {
  return std::clamp<std::int64_t>((rows + kRowsPerPart - 1) / kRowsPerPart, 1, kMaxParts);
}

template <typename T>
struct PartialSums {
  float of_line[kLines][kColumnVectors * kVector<T>];
};

template <typename T>
__global__ void __launch_bounds__(kThreads, 4)
    partial_sums_kernel(std::int64_t rows, int columns, std::int64_t rows_per_part, const T* x, float* sums) {
  PartialSums<T>& partial = block_shared<PartialSums<T>>();
  const int vector = static_cast<int>(threadIdx.x) % kColumnVectors;
  const int line = static_cast<int>(threadIdx.x) / kColumnVectors;
  const int column = (static_cast<int>(blockIdx.x) * kColumnVectors + vector) * kVector<T>;
  const std::int64_t end = std::min(rows, (blockIdx.y + std::int64_t{1}) * rows_per_part);
  float sum[kVector<T>] = {};
  if (column < columns) {
    for (std::int64_t row = blockIdx.y * rows_per_part + line; row < end; row += kLines) {
      float values[kVector<T>];
      load_vector(x + row * columns + column, values);
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) sum[e] += values[e];
    }
  }
#pragma unroll
  for (int e = 0; e < kVector<T>; ++e) partial.of_line[line][vector * kVector<T> + e] = sum[e];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kColumnVectors * kVector<T>; i += kThreads) {
    const int to = static_cast<int>(blockIdx.x) * kColumnVectors * kVector<T> + i;
    if (to >= columns) continue;
    float total = partial.of_line[0][i];
#pragma unroll
    for (int l = 1; l < kLines; ++l) total += partial.of_line[l][i];
    sums[std::int64_t{blockIdx.y} * columns + to] = total;
  }
}

__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(int parts, int columns, const float* partial, float* sums) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= columns) return;
  float total = 0.0F;
  for (int part = 0; part < parts; ++part) total += partial[std::int64_t{part} * columns + column];
  sums[column] = total;
}

}  // namespace

std::int64_t column_sums_scratch(std::int64_t rows, int columns) {
  const std::int64_t parts = parts_of(rows);
  return parts == 1 ? 0 : parts * columns;
}

template <typename T>
void column_sums(const Stream& stream, std::int64_t rows, int columns, const T* x, float* sums,
                 float* scratch) {
  const std::int64_t parts = parts_of(rows);
  constexpr int kBlockColumns = kColumnVectors * kVector<T>;
  const auto across = static_cast<unsigned>((columns + kBlockColumns - 1) / kBlockColumns);
  const std::int64_t rows_per_part = (rows + parts - 1) / parts;
  float* const partial = parts == 1 ? sums : scratch;
  launch(partial_sums_kernel<T>, dim3(across, static_cast<unsigned>(parts)), kThreads, 0, stream, rows,
         columns, rows_per_part, x, partial);
  if (parts == 1) return;
  launch(add_parts_kernel, dim3(static_cast<unsigned>((columns + kThreads - 1) / kThreads)), kThreads, 0,
         stream, static_cast<int>(parts), columns, static_cast<const float*>(partial), sums);
}

template void column_sums<float>(const Stream&, std::int64_t, int, const float*, float*, float*);
template void column_sums<Bf16>(const Stream&, std::int64_t, int, const Bf16*, float*, float*);

}  // namespace convoy::cuda
