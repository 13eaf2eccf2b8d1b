#include <algorithm>
#include <array>
#include <utility>

#include "kernels/augment.h"
#include "kernels/lanes.h"

namespace convoy::cpu {
namespace {

// One row of one channel. `pixels` (at this channel) and `mean` point at the row's first output pixel; `step`
// leads to the next one: 1, or -1 in a mirrored crop, which is read backwards.
template <typename T>
void augment_row(int width, int step, const std::uint8_t* pixels, int channels, const float* mean,
                 float shift, float scale, T* y, std::int64_t y_step) {
  for (int w = 0; w < width; ++w) {
    const std::int64_t at = std::int64_t{w} * step;
    const float value = (static_cast<float>(pixels[at * channels]) - mean[at] + shift) * scale;
    y[w * y_step] = from_float<T>(value);
  }
}

[[gnu::always_inline]] inline ByteVector load_bytes(const std::uint8_t* from) {
  ByteVector bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}
[[gnu::always_inline]] inline Lanes reversed(const Lanes& lanes) {
  return [&]<int... kLane>(std::integer_sequence<int, kLane...>) {
    return Lanes{__builtin_shufflevector(lanes.v, lanes.v, (kLanes - 1 - kLane)...)};
  }
  (std::make_integer_sequence<int, kLanes>());
}

// One channel of kLanes colour pixels (three times as many bytes), in stored or reversed order. A shuffle
// takes from two vectors: the first one gets what lies in the lower two thirds, the second one adds the rest.
template <int kChannel, bool kMirror>
[[gnu::always_inline]] inline Lanes channel_of(const ByteVector& low, const ByteVector& middle,
                                               const ByteVector& high) {
  constexpr auto kByte = [](int pixel) { return 3 * (kMirror ? kLanes - 1 - pixel : pixel) + kChannel; };
  return [&]<int... kPixel>(std::integer_sequence<int, kPixel...>) {
    const ByteVector lower =
        __builtin_shufflevector(low, middle, (kByte(kPixel) < 2 * kLanes ? kByte(kPixel) : 0)...);
    const ByteVector bytes = __builtin_shufflevector(
        lower, high, (kByte(kPixel) < 2 * kLanes ? kPixel : kByte(kPixel) - kLanes)...);
    return Lanes{__builtin_convertvector(words_of(bytes), FloatVector)};
  }
  (std::make_integer_sequence<int, kLanes>());
}

// Splits a row of colour pixels into planes, kLanes pixels at a time; returns the number of pixels done.
// `pixels` and `mean` are as in augment_row, at the first channel; mean_plane and y_plane are the distances
// between planes.
template <bool kMirror, typename T>
int augment_colors(int width, const std::uint8_t* pixels, const float* mean, std::int64_t mean_plane,
                   const Crop& crop, T* y, std::int64_t y_plane) {
  int done = 0;
  for (; done + kLanes <= width; done += kLanes) {
    const std::int64_t at = kMirror ? -std::int64_t{done} - (kLanes - 1) : done;
    const ByteVector low = load_bytes(pixels + 3 * at);
    const ByteVector middle = load_bytes(pixels + 3 * at + kLanes);
    const ByteVector high = load_bytes(pixels + 3 * at + 2 * kLanes);
    const std::array values{channel_of<0, kMirror>(low, middle, high),
                            channel_of<1, kMirror>(low, middle, high),
                            channel_of<2, kMirror>(low, middle, high)};
    for (std::size_t c = 0; c < values.size(); ++c) {
      const auto plane = static_cast<std::int64_t>(c);
      const Lanes below = load(mean + plane * mean_plane + at);
      const Lanes centered = values[c] - (kMirror ? reversed(below) : below);
      store({(centered.v + crop.color_shift[c]) * crop.color_scale}, y + plane * y_plane + done);
    }
  }
  return done;
}

}  // namespace

template <typename T>
void augment(const AugmentShape& shape, std::span<const std::uint8_t* const> images,
             std::span<const Crop> crops, const float* mean, T* y) {
  const TensorShape& out = shape.out;
  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t plane = std::int64_t{shape.stored_height} * shape.stored_width;
  const bool padded = out.blocks() * out.block > out.channels;
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < out.images; ++n) {
    T* const to = y + n * out.image_elements();
    if (n >= count || padded) std::fill_n(to, out.image_elements(), T{});
    if (n >= count) continue;
    const auto i = static_cast<std::size_t>(n);
    const Crop& crop = crops[i];
    const int first = crop.mirror ? crop.left + out.width - 1 : crop.left;
    const bool colors = out.channels == 3 && out.block == 1;
    const int step = crop.mirror ? -1 : 1;
    for (int h = 0; h < out.height; ++h) {
      const std::int64_t pixel = std::int64_t{crop.top + h} * shape.stored_width + first;
      const std::uint8_t* const pixels = images[i] + pixel * out.channels;
      int done = 0;
      if (colors) {
        const auto row = crop.mirror ? augment_colors<true, T> : augment_colors<false, T>;
        done = row(out.width, pixels, mean + pixel, plane, crop, to + out.offset_in_image(0, h, 0),
                   out.pixels());
      }
      for (int c = 0; c < out.channels; ++c) {
        const std::int64_t rest = std::int64_t{done} * step;
        augment_row(out.width - done, step, pixels + rest * out.channels + c, out.channels,
                    mean + c * plane + pixel + rest, c < 3 ? crop.color_shift[c] : 0.0F, crop.color_scale,
                    to + out.offset_in_image(c, h, done), out.block);
      }
    }
  }
}

template void augment<float>(const AugmentShape&, std::span<const std::uint8_t* const>, std::span<const Crop>,
                             const float*, float*);
template void augment<Bf16>(const AugmentShape&, std::span<const std::uint8_t* const>, std::span<const Crop>,
                            const float*, Bf16*);

}  // namespace convoy::cpu
