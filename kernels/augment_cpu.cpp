#include <algorithm>

#include "kernels/augment.h"

namespace convoy::cpu {
namespace {

// One row of one channel: `pixels` points at the channel in the crop's first pixel, `step` (1 or -1) goes
// with or against the stored order, which `pixels` and `mean` begin at the right end of.
template <typename T>
void augment_row(int width, int step, const std::uint8_t* pixels, int channels, const float* mean,
                 float shift, T* y, std::int64_t y_step) {
  for (int w = 0; w < width; ++w) {
    const std::int64_t at = std::int64_t{w} * step;
    const float value = static_cast<float>(pixels[at * channels]) - mean[at] + shift;
    y[w * y_step] = from_float<T>(value);
  }
}

}  // namespace

template <typename T>
void augment(const AugmentShape& shape, std::span<const std::uint8_t* const> images,
             std::span<const Crop> crops, const float* mean, T* y) {
  const TensorShape& out = shape.out;
  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t plane = std::int64_t{shape.stored_height} * shape.stored_width;
  const bool filled = out.blocks() * out.block > out.channels;
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < out.images; ++n) {
    T* const to = y + n * out.image_elements();
    if (n >= count || filled) std::fill_n(to, out.image_elements(), T{});
    if (n >= count) continue;
    const auto i = static_cast<std::size_t>(n);
    const Crop& crop = crops[i];
    const int first = crop.mirror ? crop.left + out.width - 1 : crop.left;
    for (int h = 0; h < out.height; ++h) {
      const std::int64_t pixel = std::int64_t{crop.top + h} * shape.stored_width + first;
      for (int c = 0; c < out.channels; ++c) {
        augment_row(out.width, crop.mirror ? -1 : 1, images[i] + pixel * out.channels + c, out.channels,
                    mean + c * plane + pixel, c < 3 ? crop.color_shift[c] : 0.0F,
                    to + out.offset_in_image(c, h, 0), out.block);
      }
    }
  }
}

template void augment<float>(const AugmentShape&, std::span<const std::uint8_t* const>, std::span<const Crop>,
                             const float*, float*);
template void augment<Bf16>(const AugmentShape&, std::span<const std::uint8_t* const>, std::span<const Crop>,
                            const float*, Bf16*);

}  // namespace convoy::cpu
