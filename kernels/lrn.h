// lrn: local response normalisation across channels (Krizhevsky, Sutskever, Hinton 2012, section 3.3).
//   s[c] = k + scale * sum of x[j]^2 over the window of c;   y[c] = x[c] * s[c]^-beta
// The window of channel c is [c - size/2, c - size/2 + size - 1], clipped to the channels of c's group, one
// of `groups` equal parts of the channels; pixels are independent of each other. `scale` is alpha (the paper)
// or alpha / size (the 2012 source, Caffe, PyTorch). Backward:
//   dx[c] = dy[c] * s[c]^-beta - 2 * scale * beta * x[c] * sum of dy[j] * x[j] * s[j]^-(beta + 1)
// over the channels j whose window holds c.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

struct LrnShape {
  TensorShape tensor;  // of x, y, dx, dy
  int size = 5;
  float k = 2.0F;
  float scale = 1e-4F;
  float beta = 0.75F;
  int groups = 1;  // divides the channels

  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int group_channels() const { return tensor.channels / groups; }
  // Channels of a window before its own channel, and after it.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int before() const { return size / 2; }
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int after() const { return size - 1 - size / 2; }
};

// s^-0.75 without a logarithm.
[[nodiscard]] CONVOY_HOST_DEVICE inline float lrn_power_three_quarters(float s) {
  const float root = std::sqrt(s);
  return 1.0F / (root * std::sqrt(root));
}

// On every backend: y must not be x, dx may be dy. relu_input: x is the output of a ReLU, and dx is the
// gradient of that ReLU's input. Both results overwrite.
namespace cpu {

// Floats of scratch that one thread needs.
[[nodiscard]] std::int64_t lrn_scratch(const LrnShape& shape);

// scratch: lrn_scratch(shape) floats for each OpenMP thread.
template <typename T>
void lrn_forward(const LrnShape& shape, const T* x, T* y, std::span<float> scratch);
template <typename T>
void lrn_backward(const LrnShape& shape, const T* x, const T* dy, T* dx, bool relu_input,
                  std::span<float> scratch);

}  // namespace cpu
namespace cuda {

class Stream;

// Whether the backward pass can run: one float for each channel must fit into a block's shared memory, of
// which the device has `shared_bytes` (DeviceInfo::shared_bytes_per_block).
[[nodiscard]] bool lrn_fits(const LrnShape& shape, std::uint64_t shared_bytes);
// See kernels/cuda/batch.h.
template <typename T>
void lrn_forward(const Stream& stream, const LrnShape& shape, const T* x, T* y);
template <typename T>
void lrn_backward(const Stream& stream, const LrnShape& shape, const T* x, const T* dy, T* dx,
                  bool relu_input);

}  // namespace cuda
}  // namespace convoy
