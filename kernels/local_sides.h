// Where the operands of kernels/local.h lie on a CPU: the groups of a side, the windows over it, and where
// vectors of results go.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/local_tiles.h"
#include "kernels/tensor_shape.h"

namespace convoy::cpu {

[[nodiscard]] constexpr std::int64_t padded_lanes(std::int64_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

// One side of the layer: its activations, cut into groups of channels.
struct LocalSide {
  TensorShape shape;
  int groups = 1;

  [[nodiscard]] int channels() const { return shape.channels / groups; }  // of a group
  [[nodiscard]] std::int64_t vectors() const { return padded_lanes(channels()); }
  [[nodiscard]] bool has_padding() const { return shape.blocks() * shape.block != shape.channels; }
  // Whether the vectors of every group are vectors of a block.
  [[nodiscard]] bool in_vectors() const {
    return shape.block % kLanes == 0 && (groups == 1 || channels() % kLanes == 0);
  }
  // Whether pairs of channels lie in words. With one group an odd channel's partner is padding.
  [[nodiscard]] bool in_pairs() const { return shape.block % 2 == 0 && (groups == 1 || channels() % 2 == 0); }
  // per_word: channels in a word, 1 or 2.
  [[nodiscard]] std::int64_t depth(int per_word) const { return (channels() + per_word - 1) / per_word; }
  [[nodiscard]] std::int64_t image_words(int per_word) const { return shape.image_elements() / per_word; }
  [[nodiscard]] ChannelWords words(int group, int per_word) const {
    const int first = group * channels() % shape.block;
    return {.count = depth(per_word),
            .first = first / per_word,
            .block = shape.block / per_word,
            .next = shape.pixels() * shape.block / per_word};
  }
  // The offset in words of the block with a group's first channel.
  [[nodiscard]] std::int64_t block_of(int group, int row, int column, int per_word) const {
    const int channel = group * channels();
    return shape.offset_in_image(channel - channel % shape.block, row, column) / per_word;
  }
};

// Where vectors of results go: `count` of a group's channels at one pixel, from `channel` on.
struct ResultPlace {
  const TensorShape* shape = nullptr;
  bool in_vectors = false;
  int channel = 0;
  int count = 0;
  int row = 0;
  int column = 0;
  std::int64_t offset = 0;  // in the image, of the first one; computing it takes divisions

  // Calls body(index in the vector, offset in the image) for what is not in vectors.
  template <typename Body>
  void for_each(Body&& body) const {
    for (int i = 0; i < count; ++i) body(i, shape->offset_in_image(channel + i, row, column));
  }
  template <typename T>
  [[gnu::always_inline]] void put(const Lanes& values, T* image) const {
    if (in_vectors) return store(values, image + offset);
    for_each([&](int i, std::int64_t at) { image[at] = from_float<T>(values.v[i]); });
  }
  template <typename T>
  [[gnu::always_inline]] Lanes get(const T* image) const {
    if (in_vectors) return load(image + offset);
    Lanes values;
    for_each([&](int i, std::int64_t at) { values.v[i] = to_float(image[at]); });
    return values;
  }
};

// A range of windows that cover a place: of those that begin at window * stride - padding, the ones with
// first <= window < end have it as tap place + padding - window * stride.
struct Cover {
  Cover(int place, int padding, int stride, int kernel, int windows) {
    const int last = place + padding;
    first = last < kernel ? 0 : (last - kernel) / stride + 1;
    end = std::min(windows, last / stride + 1);
    tap = last - first * stride;
  }
  [[nodiscard]] int count() const { return std::max(end - first, 0); }
  int first = 0;
  int end = 0;
  int tap = 0;  // in the first window
};
// The taps of a window that are inside.
struct Taps {
  Taps(int window, int padding, int stride, int kernel, int size) {
    place = window * stride - padding;
    first = std::max(0, -place);
    count = std::max(0, std::min(kernel, size - place) - first);
    place += first;
  }
  int first = 0;
  int count = 0;
  int place = 0;  // of the first tap
};

}  // namespace convoy::cpu
