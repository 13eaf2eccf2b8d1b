// Sixteen bytes of adjacent elements as floats, and the grids of kernels that run over activations.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"

namespace convoy::cuda {

// Elements in one 16-byte access: 8 of bf16, 4 of float.
template <typename T>
inline constexpr int kVector = 16 / static_cast<int>(sizeof(T));

struct alignas(16) Words {
  std::uint32_t word[4];
};

// from and to must be aligned to 16 bytes.
__device__ inline void load_vector(const float* from, float (&values)[4]) {
  check_vector_access(from, 16);
  const Words words = *reinterpret_cast<const Words*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) values[i] = std::bit_cast<float>(words.word[i]);
}
__device__ inline void load_vector(const Bf16* from, float (&values)[8]) {
  check_vector_access(from, 16);
  const Words words = *reinterpret_cast<const Words*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    values[2 * i] = bf16_low(words.word[i]);
    values[2 * i + 1] = bf16_high(words.word[i]);
  }
}
__device__ inline void store_vector(float* to, const float (&values)[4]) {
  check_vector_access(to, 16);
  Words words;
#pragma unroll
  for (int i = 0; i < 4; ++i) words.word[i] = std::bit_cast<std::uint32_t>(values[i]);
  *reinterpret_cast<Words*>(to) = words;
}
__device__ inline void store_vector(Bf16* to, const float (&values)[8]) {
  check_vector_access(to, 16);
  Words words;
#pragma unroll
  for (int i = 0; i < 4; ++i) words.word[i] = pack_bf16(values[2 * i], values[2 * i + 1]);
  *reinterpret_cast<Words*>(to) = words;
}

// What `value` becomes when it is stored as T and loaded again.
template <typename T>
__device__ inline float rounded(float value) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return value;
  } else {
    return bf16_low(pack_bf16(value, 0.0F));
  }
}
template <typename T>
__device__ inline T to_element(float value) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return value;
  } else {
    return Bf16{static_cast<std::uint16_t>(pack_bf16(value, 0.0F) & 0xFFFFU)};
  }
}

inline constexpr int kThreads = 256;          // per block of the elementwise kernels
inline constexpr int kMaxGrid = 65535;        // blocks of a grid in one direction; CUDA's limit for y and z
inline constexpr unsigned kMaxBlocks = 4096;  // of a grid-stride kernel: more than enough to fill any GPU

[[nodiscard]] inline unsigned blocks_for(std::int64_t items, int threads) {
  const std::int64_t blocks = (items + threads - 1) / threads;
  return blocks < 1 ? 1U : blocks > kMaxBlocks ? kMaxBlocks : static_cast<unsigned>(blocks);
}

// Calls body(first element) for each of this thread's vectors among `count` elements; the last vector may
// reach past the end.
template <typename T, typename Body>
__device__ inline void for_each_flat(std::int64_t count, Body&& body) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x * kVector<T>;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kVector<T>; i < count;
       i += step) {
    body(i);
  }
}
template <typename T>
[[nodiscard]] inline dim3 flat_grid(std::int64_t count) {
  return dim3(blocks_for((count + kVector<T> - 1) / kVector<T>, kThreads));
}

// How the threads of a block share the vectors of NHWC activations: `column` counts the vectors of a pixel
// and `row` counts pixels, so that neighbouring threads read neighbouring bytes and one division per thread
// is enough. Threads that are left over get a row that is not below `rows`.
struct ThreadPosition {
  int column;
  int columns;
  int row;
  int rows;
};
__device__ inline ThreadPosition thread_position(int vectors) {
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  const int columns = vectors < threads ? vectors : threads;
  return {thread % columns, columns, thread / columns, threads / columns};
}

// The grid for for_each_vector with blocks of kThreads: x counts tiles of pixels, y counts images.
[[nodiscard]] inline dim3 vector_grid(int vectors, std::int64_t pixels, int images) {
  const int columns = vectors < kThreads ? vectors : kThreads;
  const int rows = kThreads / columns;
  const std::int64_t tiles = (pixels + rows - 1) / rows;
  return dim3(static_cast<unsigned>(tiles < kMaxGrid ? tiles : std::int64_t{kMaxGrid}),
              static_cast<unsigned>(images < kMaxGrid ? images : kMaxGrid));
}

// Calls body(image, pixel, first channel of the vector) for each vector of the shape that is this thread's.
template <typename T, typename Body>
__device__ inline void for_each_vector(const TensorShape& shape, Body&& body) {
  const int vectors = shape.block / kVector<T>;
  const int pixels = shape.height * shape.width;
  const ThreadPosition position = thread_position(vectors);
  if (position.row >= position.rows) return;
  for (int n = static_cast<int>(blockIdx.y); n < shape.images; n += static_cast<int>(gridDim.y)) {
    for (int pixel = static_cast<int>(blockIdx.x) * position.rows + position.row; pixel < pixels;
         pixel += static_cast<int>(gridDim.x) * position.rows) {
      for (int v = position.column; v < vectors; v += position.columns) body(n, pixel, v * kVector<T>);
    }
  }
}

}  // namespace convoy::cuda
