#include <algorithm>

#include "kernels/dropout.h"

namespace convoy::cpu {
namespace {

// The mask of one image, word by word in C,H,W order.
void image_mask(const DropoutShape& shape, const PhiloxStream& stream, std::uint8_t* mask) {
  const TensorShape& t = shape.tensor;
  if (t.is_chw()) {
    const std::int64_t count = t.image_elements();
    for (std::int64_t i = 0; i < count; i += 4) {
      const PhiloxBlock words = stream.block(static_cast<std::uint32_t>(i / 4));
      const std::int64_t here = std::min<std::int64_t>(4, count - i);
      for (std::int64_t j = 0; j < here; ++j) {
        mask[i + j] = dropout_keeps(words[static_cast<std::size_t>(j)], shape.drop) ? 1 : 0;
      }
    }
    return;
  }
  std::fill_n(mask, t.image_elements(), std::uint8_t{0});
  std::uint32_t index = 0;
  PhiloxBlock words{};
  for (int c = 0; c < t.channels; ++c) {
    for (int h = 0; h < t.height; ++h) {
      for (int w = 0; w < t.width; ++w, ++index) {
        if (index % 4 == 0) words = stream.block(index / 4);
        mask[t.offset_in_image(c, h, w)] = dropout_keeps(words[index % 4], shape.drop) ? 1 : 0;
      }
    }
  }
}

}  // namespace

void dropout_mask(const DropoutShape& shape, std::span<const std::uint64_t> records,
                  std::span<const std::uint32_t> epochs, std::uint8_t* mask) {
  const std::int64_t each = shape.tensor.image_elements();
  const auto images = static_cast<std::int64_t>(records.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < shape.tensor.images; ++n) {
    if (n < images) {
      const auto i = static_cast<std::size_t>(n);
      image_mask(shape, dropout_stream(shape, records[i], epochs[i]), mask + n * each);
    } else {
      std::fill_n(mask + n * each, each, std::uint8_t{0});
    }
  }
}

template <typename T>
void dropout_forward(const DropoutShape& shape, const std::uint8_t* mask, const T* x, T* y) {
  const std::int64_t count = shape.tensor.elements();
  const float scale = shape.scale;
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = from_float<T>(mask[i] != 0 ? scale * to_float(x[i]) : 0.0F);
  }
}

template <typename T>
void dropout_backward(const DropoutShape& shape, const std::uint8_t* mask, const T* dy, const T* x, T* dx) {
  const std::int64_t count = shape.tensor.elements();
  const float scale = shape.scale;
  if (x == nullptr) return dropout_forward(shape, mask, dy, dx);
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const bool passes = mask[i] != 0 && to_float(x[i]) > 0.0F;
    dx[i] = from_float<T>(passes ? scale * to_float(dy[i]) : 0.0F);
  }
}

template <typename T>
void scale_activations(std::int64_t count, float factor, const T* x, T* y) {
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) y[i] = from_float<T>(factor * to_float(x[i]));
}

template void dropout_forward<float>(const DropoutShape&, const std::uint8_t*, const float*, float*);
template void dropout_forward<Bf16>(const DropoutShape&, const std::uint8_t*, const Bf16*, Bf16*);
template void dropout_backward<float>(const DropoutShape&, const std::uint8_t*, const float*, const float*,
                                      float*);
template void dropout_backward<Bf16>(const DropoutShape&, const std::uint8_t*, const Bf16*, const Bf16*,
                                     Bf16*);
template void scale_activations<float>(std::int64_t, float, const float*, float*);
template void scale_activations<Bf16>(std::int64_t, float, const Bf16*, Bf16*);

}  // namespace convoy::cpu
