#include "kernels/column_sums.h"
#include "kernels/cuda/vector.cuh"

namespace convoy::cuda {
namespace {

// A block sums all rows of a few vectors of columns. A batch has few rows, so many narrow blocks, in which
// each thread has few rows, fill a GPU better than wide ones.
constexpr int kColumnVectors = 8;
constexpr int kLines = kThreads / kColumnVectors;  // rows that a block reads at a time

template <typename T>
struct LineSums {
  float of_line[kLines][kColumnVectors * kVector<T>];
};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    column_sums_kernel(std::int64_t rows, int columns, const T* x, float* sums) {
  LineSums<T>& partial = block_shared<LineSums<T>>();
  const int vector = static_cast<int>(threadIdx.x) % kColumnVectors;
  const int line = static_cast<int>(threadIdx.x) / kColumnVectors;
  const int column = (static_cast<int>(blockIdx.x) * kColumnVectors + vector) * kVector<T>;
  float sum[kVector<T>] = {};
  if (column < columns) {
#pragma unroll 4
    for (std::int64_t row = line; row < rows; row += kLines) {
      float values[kVector<T>];
      load_vector(x + row * columns + column, values);
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) sum[e] += values[e];
    }
  }
#pragma unroll
  for (int e = 0; e < kVector<T>; ++e) partial.of_line[line][vector * kVector<T> + e] = sum[e];
  __syncthreads();
  const int within = static_cast<int>(threadIdx.x);
  const int to = static_cast<int>(blockIdx.x) * kColumnVectors * kVector<T> + within;
  if (within >= kColumnVectors * kVector<T> || to >= columns) return;
  float total = partial.of_line[0][within];
#pragma unroll
  for (int l = 1; l < kLines; ++l) total += partial.of_line[l][within];
  sums[to] = total;
}

}  // namespace

template <typename T>
void column_sums(const Stream& stream, std::int64_t rows, int columns, const T* x, float* sums) {
  constexpr int kBlockColumns = kColumnVectors * kVector<T>;
  const auto blocks = static_cast<unsigned>((columns + kBlockColumns - 1) / kBlockColumns);
  launch(column_sums_kernel<T>, dim3(blocks), dim3(kThreads), 0, stream, rows, columns, x, sums);
}

template void column_sums<float>(const Stream&, std::int64_t, int, const float*, float*);
template void column_sums<Bf16>(const Stream&, std::int64_t, int, const Bf16*, float*);

}  // namespace convoy::cuda
