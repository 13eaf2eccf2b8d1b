#include "kernels/augment.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/vector.cuh"

namespace convoy::cuda {
namespace {

// In the usual cases, colour images in cells of 4x4 or of 1x1 pixels, the compiler knows the divisors kSide
// and kChannels; 0 means any.
template <int kSide, int kChannels, typename T>
__global__ void __launch_bounds__(kThreads, 4)
    augment_kernel(AugmentShape shape, SpaceToDepth cells, AugmentBatch batch, const float* mean, T* y) {
  const int side = kSide == 0 ? cells.side : kSide;
  const int channels = kChannels == 0 ? shape.out.channels / (cells.side * cells.side) : kChannels;
  const int images = batch.header->images;
  const std::int64_t stored = std::int64_t{shape.stored_height} * shape.stored_width * channels;
  for_each_vector<T>(shape.out, [&](int n, int pixel, int first) {
    float values[kVector<T>] = {};
    if (n < images) {
      const Crop crop = batch.crops[n];
      const std::uint8_t* const image = batch.images + n * stored;
      const int top = pixel / shape.out.width * side - cells.pad_top;
      const int left = pixel % shape.out.width * side - cells.pad_left;
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) {
        const int cell_pixel = (first + e) / channels;
        const int channel = (first + e) % channels;
        const int h = top + cell_pixel / side;
        const int w = left + cell_pixel % side;
        if (cell_pixel >= side * side || h < 0 || w < 0 || h >= cells.height || w >= cells.width) continue;
        const int column = crop.left + (crop.mirror ? cells.width - 1 - w : w);
        const std::int64_t at =
            (std::int64_t{crop.top + h} * shape.stored_width + column) * channels + channel;
        const float shift = channel == 0   ? crop.color_shift[0]
                            : channel == 1 ? crop.color_shift[1]
                            : channel == 2 ? crop.color_shift[2]
                                           : 0.0F;
        values[e] = (static_cast<float>(image[at]) - mean[at] + shift) * crop.color_scale;
      }
    }
    store_vector(y + n * shape.out.image_elements() + std::int64_t{pixel} * shape.out.block + first, values);
  });
}

}  // namespace

template <typename T>
void augment(const Stream& stream, const AugmentShape& shape, const SpaceToDepth& cells,
             const AugmentBatch& batch, const float* mean, T* y) {
  const dim3 grid = vector_grid(shape.out.block / kVector<T>, shape.out.pixels(), shape.out.images);
  const int channels = shape.out.channels / (cells.side * cells.side);
  const auto run = [&](auto kernel) {
    launch(kernel, grid, kThreads, 0, stream, shape, cells, batch, mean, y);
  };
  if (cells.side == 4 && channels == 3) return run(augment_kernel<4, 3, T>);
  if (cells.side == 1 && channels == 3) return run(augment_kernel<1, 3, T>);
  run(augment_kernel<0, 0, T>);
}

template void augment<float>(const Stream&, const AugmentShape&, const SpaceToDepth&, const AugmentBatch&,
                             const float*, float*);
template void augment<Bf16>(const Stream&, const AugmentShape&, const SpaceToDepth&, const AugmentBatch&,
                            const float*, Bf16*);

}  // namespace convoy::cuda
