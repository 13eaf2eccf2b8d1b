#include <algorithm>
#include <array>

#include "kernels/lanes.h"
#include "kernels/logistic.h"

namespace convoy::cpu {

namespace {

// Elements are worked on in floats, so many at a time.
constexpr std::int64_t kChunk = 256;

// y = logistic(x) of at most kChunk elements. Compilers make vector code of a loop over floats, but not of
// one that also rounds to bf16.
template <typename T>
void forward_chunk(std::int64_t count, const T* x, T* y) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is read of it is written before
  std::array<float, kChunk> values;
  std::int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) store(load(x + done), values.data() + done);
  for (; done < count; ++done) values[static_cast<std::size_t>(done)] = to_float(x[done]);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = logistic(values[static_cast<std::size_t>(i)]);
  }
  for (done = 0; done + kLanes <= count; done += kLanes) store(load(values.data() + done), y + done);
  for (; done < count; ++done) y[done] = from_float<T>(values[static_cast<std::size_t>(done)]);
}

template <typename T>
void backward_chunk(std::int64_t count, const T* y, const T* dy, T* dx) {
  std::int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    const Lanes output = load(y + done);
    const Lanes gradient = load(dy + done);
    store({gradient.v * (output.v * (1.0F - output.v))}, dx + done);
  }
  for (; done < count; ++done) {
    dx[done] = from_float<T>(convoy::logistic_backward(to_float(y[done]), to_float(dy[done])));
  }
}

// Calls body(first element, elements) for chunks on all threads.
template <typename Body>
void for_each_chunk(std::int64_t count, Body&& body) {
#pragma omp parallel for schedule(static)
  for (std::int64_t chunk = 0; chunk < (count + kChunk - 1) / kChunk; ++chunk) {
    const std::int64_t first = chunk * kChunk;
    body(first, std::min(kChunk, count - first));
  }
}

}  // namespace

template <typename T>
void logistic_forward(const TensorShape& shape, const T* x, T* y) {
  for_each_chunk(shape.elements(),
                 [&](std::int64_t first, std::int64_t count) { forward_chunk(count, x + first, y + first); });
  const int used = shape.channels % shape.block;  // of the last block; 0: all
  if (used == 0) return;
  const std::int64_t last_block = (shape.blocks() - 1) * shape.pixels() * shape.block;
#pragma omp parallel for schedule(static)
  for (int n = 0; n < shape.images; ++n) {
    T* const block = y + n * shape.image_elements() + last_block;
    for (std::int64_t pixel = 0; pixel < shape.pixels(); ++pixel) {
      std::fill_n(block + pixel * shape.block + used, shape.block - used, T{});
    }
  }
}

template <typename T>
void logistic_backward(const TensorShape& shape, const T* y, const T* dy, T* dx) {
  for_each_chunk(shape.elements(), [&](std::int64_t first, std::int64_t count) {
    backward_chunk(count, y + first, dy + first, dx + first);
  });
}

template void logistic_forward<float>(const TensorShape&, const float*, float*);
template void logistic_forward<Bf16>(const TensorShape&, const Bf16*, Bf16*);
template void logistic_backward<float>(const TensorShape&, const float*, const float*, float*);
template void logistic_backward<Bf16>(const TensorShape&, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cpu
