// What all operations on a GPU have in common. Their contracts are in the operations' headers (kernels/relu.h
// and so on), in namespace cuda; kernels/*_cuda.cu implement them.
//
// Activations are NHWC: TensorShape::blocks() is 1, and `block`, the elements from one pixel to the next, is
// a multiple of kChannelAlignment; padding channels are zero and stay zero. T is float or Bf16; arithmetic is
// in float. Buffers are in device memory, aligned to 16 bytes. Every call enqueues its work on the stream and
// returns at once. Results overwrite, and have the same bits in every run.
#pragma once

#include <cstdint>

namespace convoy::cuda {

inline constexpr int kChannelAlignment = 8;  // 16 bytes of bf16

// The channels of a pixel with their padding.
[[nodiscard]] constexpr int padded_channels(int channels) {
  return (channels + kChannelAlignment - 1) / kChannelAlignment * kChannelAlignment;
}

// What changes from step to step, in device memory, so that captured work stays valid.
struct BatchHeader {
  std::int32_t images = 0;   // of the batch: at most what the buffers hold
  std::int32_t divisor = 0;  // of gradients: images, or those of the whole batch that this is a part of
};

}  // namespace convoy::cuda
