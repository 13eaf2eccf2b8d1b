#include <algorithm>

#include "kernels/lanes.h"
#include "kernels/logistic.h"

namespace convoy::cpu {

namespace {

// y = logistic(x), and the gradient, of `count` elements.
template <typename T>
void forward_of(std::int64_t count, const T* x, T* y) {
  std::int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    store({logistic_of<FloatVector, WordVector>(load(x + done).v)}, y + done);
  }
  for (; done < count; ++done) y[done] = from_float<T>(logistic(to_float(x[done])));
}
template <typename T>
void backward_of(std::int64_t count, const T* y, const T* dy, T* dx) {
  std::int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    const Lanes output = load(y + done);
    store({load(dy + done).v * (output.v * (1.0F - output.v))}, dx + done);
  }
  for (; done < count; ++done) {
    dx[done] = from_float<T>(convoy::logistic_backward(to_float(y[done]), to_float(dy[done])));
  }
}

// Calls body(first element, elements) for parts of the elements on all threads.
template <typename Body>
void for_each_part(std::int64_t count, Body&& body) {
  constexpr std::int64_t kPart = 4096;
#pragma omp parallel for schedule(static)
  for (std::int64_t part = 0; part < (count + kPart - 1) / kPart; ++part) {
    body(part * kPart, std::min(kPart, count - part * kPart));
  }
}

}  // namespace

template <typename T>
void logistic_forward(const TensorShape& shape, const T* x, T* y) {
  for_each_part(shape.elements(),
                [&](std::int64_t first, std::int64_t count) { forward_of(count, x + first, y + first); });
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
  for_each_part(shape.elements(), [&](std::int64_t first, std::int64_t count) {
    backward_of(count, y + first, dy + first, dx + first);
  });
}

template void logistic_forward<float>(const TensorShape&, const float*, float*);
template void logistic_forward<Bf16>(const TensorShape&, const Bf16*, Bf16*);
template void logistic_backward<float>(const TensorShape&, const float*, const float*, float*);
template void logistic_backward<Bf16>(const TensorShape&, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cpu
