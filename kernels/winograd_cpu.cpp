#include <omp.h>

#include <algorithm>

#include "kernels/onednn.h"
#include "kernels/winograd.h"
#include "kernels/winograd_passes.h"

namespace convoy::cpu {
namespace {

using namespace winograd;

// Master weights are [group][kernel row][kernel column][channel][filter]. T is the type of the activations;
// all arithmetic is in float.
template <int kKernel, typename T>
class WinogradProduct final : public Product {
 public:
  WinogradProduct(const ConvShape& s, const ProductOptions& options)
      : shape_(s), relu_(options.relu), engine_(dnnl::engine::kind::cpu, 0), threads_(omp_get_max_threads()) {
    src_ = {{s.images, s.channels, s.height, s.width, kLanes}, s.groups};
    dst_ = {{s.images, s.filters, s.out_height(), s.out_width(), kLanes}, s.groups};
    forward_.emplace(engine_, threads_, src_, dst_, s.pad_top, s.pad_left);
    note("forward", forward_->implementation());
    scratch_bytes_ = forward_->scratch_bytes();
    if (!options.train) return;
    gradient_.emplace(engine_, threads_, src_, dst_, s.pad_top, s.pad_left);
    note("backward_weights", gradient_->implementation());
    scratch_bytes_ = std::max(scratch_bytes_, gradient_->scratch_bytes());
    if (!options.input_gradient) return;
    backward_.emplace(engine_, threads_, dst_, src_, kKernel - 1 - s.pad_top, kKernel - 1 - s.pad_left);
    note("backward_data", backward_->implementation());
    scratch_bytes_ = std::max(scratch_bytes_, backward_->scratch_bytes());
  }

  [[nodiscard]] const TensorShape& src() const override { return src_.shape; }
  [[nodiscard]] const TensorShape& dst() const override { return dst_.shape; }
  [[nodiscard]] std::size_t master_elements() const override {
    return static_cast<std::size_t>(shape_.weights());
  }
  [[nodiscard]] std::size_t forward_bytes() const override { return copy_bytes(); }
  [[nodiscard]] std::size_t backward_bytes() const override { return backward_ ? copy_bytes() : 0; }
  [[nodiscard]] std::size_t bias_elements() const override {
    return static_cast<std::size_t>(shape_.filters);
  }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_bytes_; }
  [[nodiscard]] int activation_reorders() const override { return 0; }
  [[nodiscard]] std::vector<std::string> describe() const override { return lines_; }

  void pack(std::span<const float> canonical, float* master) const override {
    for_each_weight([&](std::size_t from, std::size_t to) { master[to] = canonical[from]; });
  }
  void unpack(const float* master, std::span<float> canonical) const override {
    for_each_weight([&](std::size_t to, std::size_t from) { canonical[to] = master[from]; });
  }
  void refresh(const ProductWeights& weights) override {
    refresh_forward(weights.master, static_cast<float*>(weights.forward));
    if (backward_) refresh_backward(weights.master, static_cast<float*>(weights.backward));
  }

  void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) override {
    forward_->run(static_cast<const T*>(src), static_cast<const float*>(weights.forward),
                  Epilogue<T>{.bias = weights.bias, .relu = relu_}, static_cast<T*>(dst), scratch);
  }
  void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                        void* scratch) override {
    gradient_->run(static_cast<const T*>(src), static_cast<const T*>(diff_dst), diff_weights, diff_bias,
                   scratch);
  }
  void backward_data(const void* diff_dst, const ProductWeights& weights, const void* relu_output,
                     void* diff_src, void* scratch) override {
    backward_->run(static_cast<const T*>(diff_dst), static_cast<const float*>(weights.backward),
                   Epilogue<T>{.relu_output = static_cast<const T*>(relu_output)}, static_cast<T*>(diff_src),
                   scratch);
  }

 private:
  static constexpr std::size_t kSide = kPoints<kKernel>;
  static constexpr int kMatrices = kTilePoints<kKernel>;

  [[nodiscard]] int channels() const { return src_.channels(); }
  [[nodiscard]] int filters() const { return dst_.channels(); }
  [[nodiscard]] std::size_t copy_bytes() const {
    return master_elements() / (kKernel * kKernel) * kMatrices * sizeof(float);
  }
  // Calls body(index in PyTorch's order, index in the master's) for every weight.
  template <typename Body>
  void for_each_weight(Body&& body) const {
    std::size_t canonical = 0;
    for (int k = 0; k < shape_.filters; ++k) {
      for (int c = 0; c < channels(); ++c) {
        for (int i = 0; i < kKernel * kKernel; ++i) {
          const std::int64_t at = std::int64_t{k / filters()} * kKernel * kKernel + i;
          body(canonical++, static_cast<std::size_t>((at * channels() + c) * filters() + k % filters()));
        }
      }
    }
  }
  // The filters of kLanes outputs for one channel, transformed; `rotated`: by 180 degrees before that.
  [[nodiscard]] Tile<kSide, kSide> transformed_filters(const float* master, int group, int channel,
                                                       int filter, bool rotated) const {
    constexpr std::size_t kLast = kKernel * kKernel - 1;
    const std::int64_t stride = std::int64_t{channels()} * filters();
    const float* const from =
        master + group * (kLast + 1) * stride + std::int64_t{channel} * filters() + filter;
    Tile<kKernel, kKernel> taps;
    for (std::size_t i = 0; i <= kLast; ++i) {
      const std::size_t to = rotated ? kLast - i : i;
      taps[to / kKernel][to % kKernel] = load(from + static_cast<std::int64_t>(i) * stride);
    }
    return transform_tile(taps, transform_filter<kKernel, Lanes>);
  }
  // copy: [group][point][channel][filter]
  void refresh_forward(const float* master, float* copy) const {
    const std::int64_t stride = std::int64_t{channels()} * filters();
#pragma omp parallel for collapse(2) schedule(static)
    for (int g = 0; g < shape_.groups; ++g) {
      for (int c = 0; c < channels(); ++c) {
        for (int k = 0; k < filters(); k += kLanes) {
          store_points(transformed_filters(master, g, c, k, false),
                       copy + g * kMatrices * stride + std::int64_t{c} * filters() + k, stride);
        }
      }
    }
  }
  // copy: [group][point][filter][channel]
  void refresh_backward(const float* master, float* copy) const {
    const std::int64_t stride = std::int64_t{channels()} * filters();
#pragma omp parallel for collapse(3) schedule(static)
    for (int g = 0; g < shape_.groups; ++g) {
      for (int c = 0; c < channels(); c += kLanes) {
        for (int k = 0; k < filters(); k += kLanes) {
          // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): all of it is written below
          std::array<float, std::size_t{kMatrices} * kLanes * kLanes> square;  // [point][channel][filter]
          for (int i = 0; i < kLanes; ++i) {
            store_points(transformed_filters(master, g, c + i, k, true), square.data() + i * kLanes,
                         std::int64_t{kLanes} * kLanes);
          }
          for (int p = 0; p < kMatrices; ++p) {
            const float* const from = square.data() + std::ptrdiff_t{p} * kLanes * kLanes;
            float* const to =
                copy + (std::int64_t{g} * kMatrices + p) * stride + std::int64_t{k} * channels() + c;
            for (int j = 0; j < kLanes; ++j) {
              for (int i = 0; i < kLanes; ++i) to[std::int64_t{j} * channels() + i] = from[i * kLanes + j];
            }
          }
        }
      }
    }
  }
  void note(const std::string& direction, const std::string& implementation) {
    lines_.push_back(direction + " winograd of " + std::to_string(kOutputs) + "x" + std::to_string(kOutputs) +
                     " outputs, " + implementation + " src-block=" + std::to_string(kLanes) +
                     " dst-block=" + std::to_string(kLanes));
  }

  ConvShape shape_;
  bool relu_;
  dnnl::engine engine_;
  int threads_;
  Side src_;
  Side dst_;
  std::optional<TiledPass<kKernel>> forward_;
  std::optional<TiledPass<kKernel>> backward_;
  std::optional<GradientPass<kKernel>> gradient_;
  std::size_t scratch_bytes_ = 0;
  std::vector<std::string> lines_;
};

// With 32 channels and 32 filters the transforms cost what the products save. Every thread writes its own
// sums of the weight gradient, which pays off only with enough tiles.
constexpr int kMinChannels = 32;
constexpr std::int64_t kMinTiles = 16;
constexpr std::int64_t kMinTrainingTiles = 128;

template <typename T>
std::unique_ptr<Product> make_of(const ConvShape& shape, const ProductOptions& options) {
  if (shape.kernel_height == 3) return std::make_unique<WinogradProduct<3, T>>(shape, options);
  return std::make_unique<WinogradProduct<5, T>>(shape, options);
}

}  // namespace

bool winograd_serves(const ConvShape& s, const ProductOptions& options) {
  const int kernel = s.kernel_height;
  if (kernel != s.kernel_width || (kernel != 3 && kernel != 5)) return false;
  if (options.element == Element::bf16 && (options.f32_output || onednn_multiplies_bf16_tiles()))
    return false;
  if (s.stride != 1 || s.pad_top >= kernel || s.pad_left >= kernel) return false;
  if (options.src_block.value_or(kLanes) != kLanes) return false;
  const int channels = s.channels / s.groups;
  const int filters = s.filters / s.groups;
  if (channels % kLanes != 0 || filters % kLanes != 0) return false;
  if (channels < kMinChannels || filters < kMinChannels) return false;
  const Grid grid(kernel, {s.images, s.channels, s.height, s.width, kLanes},
                  {s.images, s.filters, s.out_height(), s.out_width(), kLanes}, s.pad_top, s.pad_left);
  if (grid.tiles() < (options.train ? kMinTrainingTiles : kMinTiles)) return false;
  const std::int64_t points = std::int64_t{kernel + kOutputs - 1} * (kernel + kOutputs - 1);
  const std::int64_t sums = points * channels * filters * static_cast<std::int64_t>(sizeof(float));
  return !options.train || sums * (omp_get_max_threads() + s.groups - 1) <= kMaxSumBytes;
}

std::unique_ptr<Product> make_winograd(const ConvShape& shape, const ProductOptions& options) {
  return options.element == Element::bf16 ? make_of<Bf16>(shape, options) : make_of<float>(shape, options);
}

}  // namespace convoy::cpu
