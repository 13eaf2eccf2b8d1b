#include "kernels/local.h"

#include <omp.h>

#include <string>

#include "kernels/element.h"
#include "kernels/local_sides.h"
#include "kernels/local_tiles.h"

namespace convoy::cpu {
namespace {

// Master weights are [P][Q][group][R][S][channel][filter] with the filters of a group padded to vectors,
// which is also what the gradient is written as and, in float, what the forward pass reads. The input
// gradient reads a copy [P][Q][group][R][S][filter][channel], channels padded. If bf16 is multiplied in
// pairs, the copies have bf16 pairs along the depth, that is of channels and of filters; if it is not,
// activations are made floats first, in scratch memory.
template <typename T>
class LocalProduct final : public Product {
 public:
  LocalProduct(const ConvShape& s, const ProductOptions& options)
      : shape_(s), options_(options), threads_(omp_get_max_threads()) {
    const int own_block = s.channels < kLanes ? s.channels : kLanes;  // without a producer
    src_ = {{s.images, s.channels, s.height, s.width, options.src_block.value_or(own_block)}, s.groups};
    dst_ = {{s.images, s.filters, s.out_height(), s.out_width(), kLanes}, s.groups};
    if constexpr (kIsBf16 && kMultipliesBf16Pairs) pairs_ = src_.in_pairs() && dst_.in_pairs();
    per_word_ = pairs_ ? 2 : 1;
  }

  [[nodiscard]] const TensorShape& src() const override { return src_.shape; }
  [[nodiscard]] const TensorShape& dst() const override { return dst_.shape; }
  [[nodiscard]] std::size_t master_elements() const override {
    return elements(kernel_count() * src_.channels() * dst_.vectors());
  }
  [[nodiscard]] std::size_t forward_bytes() const override {
    return pairs_ ? elements(kernel_count() * src_.depth(2) * dst_.vectors()) * kWordBytes : 0;
  }
  [[nodiscard]] std::size_t backward_bytes() const override {
    if (!options_.train || !options_.input_gradient) return 0;
    return elements(kernel_count() * dst_.depth(per_word_) * src_.vectors()) * kWordBytes;
  }
  [[nodiscard]] std::size_t bias_elements() const override { return elements(dst_.shape.image_elements()); }
  [[nodiscard]] std::size_t scratch_bytes() const override {
    std::int64_t words = widened(src_);
    if (options_.train) {
      const std::int64_t from_x = pairs_ ? steps() * src_.shape.image_elements() : widened(src_);
      words = std::max({words, from_x + threads_ * panel_words(), widened(dst_)});
    }
    return elements(words) * kWordBytes;
  }
  [[nodiscard]] int activation_reorders() const override { return 0; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    std::vector<std::string> lines{line("forward")};
    if (options_.train) lines.push_back(line("backward_weights"));
    if (options_.train && options_.input_gradient) lines.push_back(line("backward_data"));
    return lines;
  }

  void pack(std::span<const float> canonical, float* master) const override {
    std::fill_n(master, master_elements(), 0.0F);
    for_each_weight(
        [&](std::int64_t from, std::int64_t to) { master[to] = canonical[static_cast<std::size_t>(from)]; });
  }
  void unpack(const float* master, std::span<float> canonical) const override {
    for_each_weight(
        [&](std::int64_t to, std::int64_t from) { canonical[static_cast<std::size_t>(to)] = master[from]; });
  }
  void pack_bias(std::span<const float> canonical, float* bias) const override {
    std::fill_n(bias, bias_elements(), 0.0F);
    for_each_bias([&](std::size_t from, std::int64_t to) { bias[to] = canonical[from]; });
  }
  void unpack_bias(const float* bias, std::span<float> canonical) const override {
    for_each_bias([&](std::size_t to, std::int64_t from) { canonical[to] = bias[from]; });
  }
  void refresh(const ProductWeights& weights) override;

  void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) override {
    with_words(src_, src, scratch, [&](const auto* x) {
      const auto* const w = static_cast<decltype(x)>(weights.forward);
      if (options_.f32_output) return run_forward(x, w, weights.bias, static_cast<float*>(dst));
      run_forward(x, w, weights.bias, static_cast<T*>(dst));
    });
  }
  void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                        void* scratch) override;
  void backward_data(const void* diff_dst, const ProductWeights& weights, const void* relu_output,
                     void* diff_src, void* scratch) override {
    with_words(dst_, diff_dst, scratch, [&](const auto* dy) {
      run_backward_data(dy, static_cast<decltype(dy)>(weights.backward), static_cast<const T*>(relu_output),
                        static_cast<T*>(diff_src));
    });
  }

 private:
  static constexpr bool kIsBf16 = kElementOf<T> == Element::bf16;
  static constexpr std::size_t kWordBytes = 4;

  // A part of the work: a group at a pixel, and a tile of its columns.
  struct Task {
    int row = 0;
    int column = 0;
    int group = 0;
    std::int64_t tile = 0;
  };

  [[nodiscard]] static std::size_t elements(std::int64_t count) { return static_cast<std::size_t>(count); }
  [[nodiscard]] std::int64_t taps() const { return std::int64_t{shape_.kernel_height} * shape_.kernel_width; }
  // Kernels of a channel and a filter: one for each position, group and tap.
  [[nodiscard]] std::int64_t kernel_count() const { return positions_of(shape_) * shape_.groups * taps(); }
  // The number of the kernel of a tap.
  [[nodiscard]] std::int64_t kernel_of(int p, int q, int group, int r, int s) const {
    const std::int64_t position = std::int64_t{p} * dst_.shape.width + q;
    return ((position * shape_.groups + group) * shape_.kernel_height + r) * shape_.kernel_width + s;
  }
  // Images, or pairs of them.
  [[nodiscard]] std::int64_t steps() const {
    return (std::int64_t{shape_.images} + per_word_ - 1) / per_word_;
  }
  [[nodiscard]] std::int64_t panel_words() const { return steps() * kTileVectors * kLanes; }
  // Floats of the scratch memory for a side whose bf16 is made floats.
  [[nodiscard]] std::int64_t widened(const LocalSide& side) const {
    return kIsBf16 && !pairs_ ? side.shape.elements() : 0;
  }
  [[nodiscard]] std::string line(const std::string& pass) const {
    return pass + " local own " + std::string(element_name(kElementOf<T>)) +
           (kIsBf16 ? (pairs_ ? " in pairs" : " in floats") : "") +
           " src-block=" + std::to_string(src_.shape.block) +
           " dst-block=" + std::to_string(dst_.shape.block);
  }

  // Calls body(index in the canonical order, index in the master's) for every weight.
  template <typename Body>
  void for_each_weight(Body&& body) const {
    const int channels = src_.channels();
    const int filters = dst_.channels();
#pragma omp parallel for collapse(2) schedule(static)
    for (int p = 0; p < dst_.shape.height; ++p) {
      for (int q = 0; q < dst_.shape.width; ++q) {
        std::int64_t canonical = (std::int64_t{p} * dst_.shape.width + q) * shape_.weights();
        for (int k = 0; k < shape_.filters; ++k) {
          for (int c = 0; c < channels; ++c) {
            for (int r = 0; r < shape_.kernel_height; ++r) {
              for (int s = 0; s < shape_.kernel_width; ++s) {
                const std::int64_t kernel = kernel_of(p, q, k / filters, r, s);
                body(canonical++, (kernel * channels + c) * dst_.vectors() + k % filters);
              }
            }
          }
        }
      }
    }
  }
  template <typename Body>
  void for_each_bias(Body&& body) const {
    std::size_t canonical = 0;
    for (int k = 0; k < shape_.filters; ++k) {
      for (int p = 0; p < dst_.shape.height; ++p) {
        for (int q = 0; q < dst_.shape.width; ++q) body(canonical++, dst_.shape.offset_in_image(k, p, q));
      }
    }
  }

  // Calls body(the side's activations in words).
  template <typename Body>
  void with_words(const LocalSide& side, const void* data, void* scratch, Body&& body) const {
    if constexpr (kIsBf16 && kMultipliesBf16Pairs) {
      if (pairs_) return body(static_cast<const Bf16Pair*>(data));
    }
    body(floats_of(side, static_cast<const T*>(data), scratch));
  }
  static const float* floats_of(const LocalSide& /*side*/, const float* data, void* /*scratch*/) {
    return data;
  }
  static const float* floats_of(const LocalSide& side, const Bf16* data, void* scratch) {
    auto* const floats = static_cast<float*>(scratch);
    const std::int64_t count = side.shape.elements();
#pragma omp parallel for simd schedule(static)
    for (std::int64_t i = 0; i < count; ++i) floats[i] = to_float(data[i]);
    return floats;
  }

  // Calls body(task) for every pixel and group of a side, and every tile of its vectors, on all threads.
  template <typename Body>
  void for_each_task(const LocalSide& side, Body&& body) const {
    constexpr int kTile = kTileVectors * kLanes;
    const std::int64_t tiles = (side.vectors() + kTile - 1) / kTile;
    const std::int64_t each = tiles * side.groups;
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (std::int64_t i = 0; i < side.shape.pixels() * each; ++i) {
      const auto pixel = static_cast<int>(i / each);
      body(Task{.row = pixel / side.shape.width,
                .column = pixel % side.shape.width,
                .group = static_cast<int>(i % each / tiles),
                .tile = i % tiles * kTile});
    }
  }
  // Calls body(std::integral_constant<int, vectors of the task's tile>).
  template <typename Body>
  static void with_vectors(const LocalSide& side, const Task& task, Body&& body) {
    if (side.vectors() - task.tile >= kTileVectors * kLanes) {
      body(std::integral_constant<int, kTileVectors>());
    } else {
      body(std::integral_constant<int, 1>());
    }
  }
  [[nodiscard]] static ResultPlace place_of(const LocalSide& side, const Task& task, int vector) {
    const std::int64_t first = task.tile + vector * kLanes;
    const auto channel = static_cast<int>(task.group * side.channels() + first);
    return {.shape = &side.shape,
            .in_vectors = side.in_vectors(),
            .channel = channel,
            .count = static_cast<int>(std::min<std::int64_t>(kLanes, side.channels() - first)),
            .row = task.row,
            .column = task.column,
            .offset = side.shape.offset_in_image(channel, task.row, task.column)};
  }
  // Single results do not reach the padding channels.
  template <typename Value>
  static void clear_padding(const LocalSide& side, std::int64_t count, Value* data) {
    if (side.in_vectors() || !side.has_padding()) return;
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < count; ++i) data[i] = Value{};
  }

  // All images' sums over a window, and what becomes of them: finish(place, image, sums).
  template <typename Word, typename Finish>
  void sum_windows(const LocalSide& from, const LocalSide& to, const Task& task, const WindowDepth& depth,
                   const Word* a, const Word* b, Finish&& finish) const {
    const std::int64_t a_row = from.image_words(per_word_);
    with_vectors(to, task, [&](auto vectors) {
      std::array<ResultPlace, vectors> places;
      for (int v = 0; v < vectors; ++v) places[static_cast<std::size_t>(v)] = place_of(to, task, v);
      for_each_row_tile<kTileRows>(shape_.images, [&](std::int64_t image, auto rows) {
        TileSums<rows, vectors> sums{};
        add_window<rows, vectors>(depth, a + image * a_row, a_row, b, to.vectors(), sums);
        for (std::size_t i = 0; i < rows; ++i) {
          for (std::size_t v = 0; v < vectors; ++v) {
            finish(places[v], image + static_cast<std::int64_t>(i), sums[i][v]);
          }
        }
      });
    });
  }

  template <typename Word, typename Result>
  void run_forward(const Word* x, const Word* weights, const float* bias, Result* y) const {
    const std::int64_t kernel = src_.depth(per_word_) * dst_.vectors();
    clear_padding(dst_, dst_.shape.elements(), y);
    for_each_task(dst_, [&](const Task& task) {
      const Taps rows(task.row, shape_.pad_top, shape_.stride, shape_.kernel_height, shape_.height);
      const Taps columns(task.column, shape_.pad_left, shape_.stride, shape_.kernel_width, shape_.width);
      const std::int64_t pixel = src_.shape.block / per_word_;
      WindowDepth depth;
      depth.rows = {rows.count, shape_.width * pixel, shape_.kernel_width * kernel};
      depth.columns = {columns.count, pixel, kernel};
      depth.channels = src_.words(task.group, per_word_);
      const bool inside = rows.count > 0 && columns.count > 0;
      const std::int64_t first =
          inside ? kernel_of(task.row, task.column, task.group, rows.first, columns.first) : 0;
      const std::int64_t from = inside ? src_.block_of(task.group, rows.place, columns.place, per_word_) : 0;
      sum_windows(src_, dst_, task, depth, x + from, weights + first * kernel + task.tile,
                  [&](const ResultPlace& place, std::int64_t image, const Lanes& sums) {
                    const Lanes value = sums + place.get(bias);
                    place.put(options_.relu ? relu(value) : value, y + image * dst_.shape.image_elements());
                  });
    });
  }

  template <typename Word>
  void run_backward_data(const Word* dy, const Word* weights, const T* relu_output, T* dx) const {
    const std::int64_t kernel = dst_.depth(per_word_) * src_.vectors();
    const std::int64_t window = shape_.groups * taps() * kernel;
    clear_padding(src_, src_.shape.elements(), dx);
    for_each_task(src_, [&](const Task& task) {
      const Cover rows(task.row, shape_.pad_top, shape_.stride, shape_.kernel_height, dst_.shape.height);
      const Cover columns(task.column, shape_.pad_left, shape_.stride, shape_.kernel_width, dst_.shape.width);
      const std::int64_t pixel = dst_.shape.block / per_word_;
      WindowDepth depth;
      // From one window to the next, the tap is `stride` before.
      depth.rows = {rows.count(), dst_.shape.width * pixel,
                    dst_.shape.width * window - std::int64_t{shape_.stride} * shape_.kernel_width * kernel};
      depth.columns = {columns.count(), pixel, window - shape_.stride * kernel};
      depth.channels = dst_.words(task.group, per_word_);
      const bool covered = rows.count() > 0 && columns.count() > 0;
      const std::int64_t first =
          covered ? kernel_of(rows.first, columns.first, task.group, rows.tap, columns.tap) : 0;
      const std::int64_t from = covered ? dst_.block_of(task.group, rows.first, columns.first, per_word_) : 0;
      sum_windows(dst_, src_, task, depth, dy + from, weights + first * kernel + task.tile,
                  [&](const ResultPlace& place, std::int64_t image, const Lanes& sums) {
                    const std::int64_t at = image * src_.shape.image_elements();
                    place.put(
                        relu_output == nullptr ? sums : relu_backward(place.get(relu_output + at), sums),
                        dx + at);
                  });
    });
  }

  template <typename Word>
  void run_backward_weights(const Word* x, const T* dy, float* dw, float* db, Word* panels) const;
  template <int kVectors, typename Word>
  void pack_gradient(const Task& task, const T* dy, float* db, Word* panel) const;
  template <int kVectors, typename Word>
  void sum_images(const Task& task, const Word* x, const Word* panel, float* dw) const;

  ConvShape shape_;
  ProductOptions options_;
  int threads_;
  LocalSide src_;
  LocalSide dst_;
  bool pairs_ = false;  // bf16 is multiplied in pairs
  int per_word_ = 1;
};

// ---- weight gradient: products over images, of x (rows are channels) and dy (columns are filters)

template <typename T>
void LocalProduct<T>::backward_weights(const void* src, const void* diff_dst, float* diff_weights,
                                       float* diff_bias, void* scratch) {
  const auto* const x = static_cast<const T*>(src);
  const auto* const dy = static_cast<const T*>(diff_dst);
  clear_padding(dst_, dst_.shape.image_elements(), diff_bias);
  if constexpr (kIsBf16 && kMultipliesBf16Pairs) {
    if (pairs_) {
      // Pairs of images.
      auto* const pairs = static_cast<Bf16Pair*>(scratch);
      const std::int64_t count = src_.shape.image_elements();
#pragma omp parallel for schedule(static)
      for (std::int64_t n = 0; n < steps(); ++n) {
        const T* const first = x + 2 * n * count;
        const bool alone = 2 * n + 1 == shape_.images;
        const T* const second = alone ? first : first + count;
        Bf16Pair* const to = pairs + n * count;
        if (alone) {
          for (std::int64_t i = 0; i < count; ++i) to[i] = first[i].bits;
        } else {
#pragma omp simd
          for (std::int64_t i = 0; i < count; ++i) {
            to[i] = first[i].bits | static_cast<std::uint32_t>(second[i].bits) << 16;
          }
        }
      }
      return run_backward_weights<Bf16Pair>(pairs, dy, diff_weights, diff_bias, pairs + steps() * count);
    }
  }
  const float* const floats = floats_of(src_, x, scratch);
  run_backward_weights<float>(floats, dy, diff_weights, diff_bias,
                              static_cast<float*>(scratch) + widened(src_));
}

// panels: of panel_words() for each thread.
template <typename T>
template <typename Word>
void LocalProduct<T>::run_backward_weights(const Word* x, const T* dy, float* dw, float* db,
                                           Word* panels) const {
  for_each_task(dst_, [&](const Task& task) {
    Word* const panel = panels + omp_get_thread_num() * panel_words();
    with_vectors(dst_, task, [&](auto vectors) {
      pack_gradient<vectors>(task, dy, db, panel);
      sum_images<vectors>(task, x, panel, dw);
    });
  });
}

// panel: [image, or pair of them][filter of the tile]. Their sums are the gradient of the bias.
template <typename T>
template <int kVectors, typename Word>
void LocalProduct<T>::pack_gradient(const Task& task, const T* dy, float* db, Word* panel) const {
  const std::int64_t image = dst_.shape.image_elements();
  for (int v = 0; v < kVectors; ++v) {
    const ResultPlace place = place_of(dst_, task, v);
    Lanes sum;
    for (std::int64_t n = 0; n < shape_.images; n += per_word_) {
      Word* const to = panel + (n / per_word_ * kVectors + v) * kLanes;
      const Lanes first = place.get(dy + n * image);
      sum = sum + first;
      if constexpr (std::is_same_v<Word, float>) {
        store(first, to);
      } else {
        const Lanes second = n + 1 < shape_.images ? place.get(dy + (n + 1) * image) : Lanes();
        sum = sum + second;
        const WordVector words =
            std::bit_cast<WordVector>(first.v) >> 16 | std::bit_cast<WordVector>(second.v);
        std::memcpy(to, &words, sizeof words);
      }
    }
    place.put(sum, db);
  }
}

template <typename T>
template <int kVectors, typename Word>
void LocalProduct<T>::sum_images(const Task& task, const Word* x, const Word* panel, float* dw) const {
  const std::int64_t kernel = std::int64_t{src_.channels()} * dst_.vectors();
  const ChannelWords channels = src_.words(task.group, 1);
  const Taps rows(task.row, shape_.pad_top, shape_.stride, shape_.kernel_height, shape_.height);
  const Taps columns(task.column, shape_.pad_left, shape_.stride, shape_.kernel_width, shape_.width);
  for (int r = 0; r < shape_.kernel_height; ++r) {
    for (int s = 0; s < shape_.kernel_width; ++s) {
      float* to = dw + kernel_of(task.row, task.column, task.group, r, s) * kernel + task.tile;
      if (r < rows.first || r >= rows.first + rows.count || s < columns.first ||
          s >= columns.first + columns.count) {
        for (int c = 0; c < src_.channels(); ++c)
          std::fill_n(to + c * dst_.vectors(), kVectors * kLanes, 0.0F);
        continue;
      }
      const Word* block =
          x + src_.block_of(task.group, rows.place + r - rows.first, columns.place + s - columns.first, 1);
      std::int64_t first = channels.first;
      for (std::int64_t left = channels.count; left > 0;) {
        const std::int64_t run = std::min(left, channels.block - first);
        for_each_row_tile<kLanes / 2>(run, [&](std::int64_t channel, auto rows_of_tile) {
          TileSums<rows_of_tile, kVectors> sums{};
          add_products<rows_of_tile, kVectors>(block + first + channel, 1, src_.shape.image_elements(), panel,
                                               kVectors * kLanes, steps(), sums);
          for (std::size_t i = 0; i < rows_of_tile; ++i) {
            float* const line = to + (channel + static_cast<std::int64_t>(i)) * dst_.vectors();
            for (std::size_t v = 0; v < kVectors; ++v) store(sums[i][v], line + v * kLanes);
          }
        });
        to += run * dst_.vectors();
        block += channels.next;
        left -= run;
        first = 0;
      }
    }
  }
}

// ---- copies of the weights

// `count` floats from `from` on as words: themselves, or half as many pairs, with zero for what is missing.
[[gnu::always_inline]] inline WordVector words_of_row(const float* from, std::int64_t count, bool pairs) {
  std::array<float, 2 * kLanes> values{};
  const std::int64_t most = pairs ? 2 * kLanes : kLanes;
  std::copy_n(from, std::min(count, most), values.begin());
  WordVector words;
  if (!pairs) {
    std::memcpy(&words, values.data(), sizeof words);
    return words;
  }
  std::array<Bf16, 2 * kLanes> halves;
  store(load(values.data()), halves.data());
  store(load(values.data() + kLanes), halves.data() + kLanes);
  std::memcpy(&words, halves.data(), sizeof words);
  return words;
}

template <typename T>
void LocalProduct<T>::refresh(const ProductWeights& weights) {
  const int channels = src_.channels();
  const std::int64_t filters = dst_.vectors();
  if (pairs_) {
    auto* const copy = static_cast<Bf16Pair*>(weights.forward);
    const std::int64_t depth = src_.depth(2);
#pragma omp parallel for schedule(static)
    for (std::int64_t line = 0; line < kernel_count() * depth; ++line) {
      const std::int64_t channel = 2 * (line % depth);
      const float* const from = weights.master + (line / depth * channels + channel) * filters;
      for (std::int64_t k = 0; k < filters; k += kLanes) {
        const bool odd = channel + 1 == channels;
        std::array<std::array<std::uint16_t, kLanes>, 2> halves{};
        store(load(from + k), reinterpret_cast<Bf16*>(halves[0].data()));
        if (!odd) store(load(from + filters + k), reinterpret_cast<Bf16*>(halves[1].data()));
        for (std::size_t i = 0; i < kLanes; ++i) {
          copy[line * filters + k + static_cast<std::int64_t>(i)] =
              halves[0][i] | static_cast<std::uint32_t>(halves[1][i]) << 16;
        }
      }
    }
  }
  if (backward_bytes() == 0) return;
  auto* const copy = static_cast<Bf16Pair*>(weights.backward);
  const std::int64_t depth = dst_.depth(per_word_);
  const std::int64_t columns = src_.vectors();
#pragma omp parallel for schedule(static)
  for (std::int64_t kernel = 0; kernel < kernel_count(); ++kernel) {
    const float* const from = weights.master + kernel * channels * filters;
    Bf16Pair* const to = copy + kernel * depth * columns;
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      for (std::int64_t k = 0; k < depth; k += kLanes) {
        WordSquare square{};
        for (std::int64_t i = 0; i < std::min<std::int64_t>(kLanes, channels - c); ++i) {
          square[static_cast<std::size_t>(i)] =
              words_of_row(from + (c + i) * filters + k * per_word_, filters - k * per_word_, pairs_);
        }
        transpose(square);
        for (std::int64_t i = 0; i < std::min<std::int64_t>(kLanes, depth - k); ++i) {
          std::memcpy(to + (k + i) * columns + c, &square[static_cast<std::size_t>(i)], sizeof(WordVector));
        }
      }
    }
  }
}

}  // namespace

std::unique_ptr<Product> make_local(const ConvShape& shape, const ProductOptions& options) {
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<Product> {
    return std::make_unique<LocalProduct<T>>(shape, options);
  });
}

}  // namespace convoy::cpu
