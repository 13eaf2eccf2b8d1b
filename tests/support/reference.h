// Every operation again, in double precision and written as plainly as possible, to compare the fast ones
// with. Shares no code with kernels/.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "formats/net.h"

namespace convoy::reference {

// [N][C][H][W], row-major.
struct Tensor {
  int n = 0;
  int c = 0;
  int h = 0;
  int w = 0;
  std::vector<double> v;

  Tensor() = default;
  Tensor(int images, int channels, int height, int width)
      : n(images),
        c(channels),
        h(height),
        w(width),
        v(static_cast<std::size_t>(images) * channels * height * width) {}
  [[nodiscard]] std::size_t index(int in, int ic, int ih, int iw) const {
    return ((static_cast<std::size_t>(in) * c + ic) * h + ih) * w + iw;
  }
  [[nodiscard]] double& at(int in, int ic, int ih, int iw) { return v[index(in, ic, ih, iw)]; }
  [[nodiscard]] double at(int in, int ic, int ih, int iw) const { return v[index(in, ic, ih, iw)]; }
};

using Values = std::vector<double>;

// y[i] = f(x[i]).
[[nodiscard]] Tensor map(const Tensor& x, const std::function<double(double)>& f);
[[nodiscard]] Values magnitudes(const Values& values);
[[nodiscard]] Tensor magnitudes(const Tensor& x);

// Products; weights and gradients in the canonical layout of ParameterInfo::shape.
struct ProductGradients {
  Tensor x;
  Values weights;
  Values bias;
};
[[nodiscard]] Tensor conv(const ConvSpec& spec, const Tensor& x, const Values& weights, const Values& bias);
[[nodiscard]] ProductGradients conv_backward(const ConvSpec& spec, const Tensor& x, const Values& weights,
                                             const Tensor& dy);
[[nodiscard]] Tensor local(const LocalSpec& spec, const Tensor& x, const Values& weights, const Values& bias);
[[nodiscard]] ProductGradients local_backward(const LocalSpec& spec, const Tensor& x, const Values& weights,
                                              const Tensor& dy);
[[nodiscard]] Tensor fc(int outputs, const Tensor& x, const Values& weights, const Values& bias);
[[nodiscard]] ProductGradients fc_backward(const Tensor& x, const Values& weights, const Tensor& dy);

[[nodiscard]] Tensor relu(const Tensor& x);
[[nodiscard]] Tensor relu_backward(const Tensor& x, const Tensor& dy);
[[nodiscard]] Tensor tanh(const Tensor& x);
[[nodiscard]] Tensor tanh_backward(const Tensor& x, const Tensor& dy);
[[nodiscard]] Tensor logistic(const Tensor& x);
[[nodiscard]] Tensor logistic_backward(const Tensor& x, const Tensor& dy);
[[nodiscard]] Tensor lrn(const LrnSpec& spec, const Tensor& x);
[[nodiscard]] Tensor lrn_backward(const LrnSpec& spec, const Tensor& x, const Tensor& dy);
[[nodiscard]] Tensor lrn_map(const LrnMapSpec& spec, const Tensor& x);
[[nodiscard]] Tensor lrn_map_backward(const LrnMapSpec& spec, const Tensor& x, const Tensor& dy);
// height, width: of the output; the net knows them.
[[nodiscard]] Tensor pool(const PoolSpec& spec, const Tensor& x, int height, int width);
[[nodiscard]] Tensor pool_backward(const PoolSpec& spec, const Tensor& x, const Tensor& dy);
// The factors (0, or the scale of kept elements) of one image's elements in C,H,W order.
[[nodiscard]] Values dropout_factors(const DropoutSpec& spec, std::size_t elements, std::uint64_t seed,
                                     std::uint64_t record, std::uint32_t epoch, std::uint32_t layer);
// Mean loss over the first labels.size() images, and its gradient, zero for the other images.
struct Loss {
  double mean = 0.0;
  Tensor gradient;
  Tensor probabilities;
};
[[nodiscard]] Loss softmax_loss(const Tensor& scores, const std::vector<std::int32_t>& labels);

// Sum of a[i] * b[i].
[[nodiscard]] double dot(const Values& a, const Values& b);
// The largest difference between `gradient` and the central differences of f around x, relative to the
// largest gradient. x is restored.
[[nodiscard]] double gradient_error(const std::function<double()>& f, Values& x, const Values& gradient,
                                    double step);

}  // namespace convoy::reference
