// Activations of a backend's layout in C,H,W order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"

namespace convoy {

// Copies the first `images` images of activations of that shape: values[n][c][h][w], in float.
template <typename T>
void copy_canonical(const TensorShape& shape, const T* from, std::size_t images, std::span<float> values) {
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  const auto channels = static_cast<std::size_t>(shape.channels);
  const auto stride = static_cast<std::size_t>(shape.image_elements());
  for (std::size_t n = 0; n < images; ++n) {
    const T* const image = from + n * stride;
    float* const to = values.data() + n * channels * pixels;
    if (shape.is_chw()) {
      std::transform(image, image + channels * pixels, to, [](T value) { return to_float(value); });
      continue;
    }
    for (std::size_t c = 0; c < channels; ++c) {
      const T* const plane = image + shape.offset_in_image(static_cast<int>(c), 0, 0);
      for (std::size_t i = 0; i < pixels; ++i) {
        to[c * pixels + i] = to_float(plane[i * static_cast<std::size_t>(shape.block)]);
      }
    }
  }
}

}  // namespace convoy
