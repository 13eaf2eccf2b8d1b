#include "tests/support/reference.h"

#include <algorithm>
#include <cmath>

#include "lib/base/philox.h"

namespace convoy::reference {

Tensor map(const Tensor& x, const std::function<double(double)>& f) {
  Tensor y = x;
  std::transform(x.v.begin(), x.v.end(), y.v.begin(), f);
  return y;
}

Values magnitudes(const Values& values) {
  Values result;
  for (const double value : values) result.push_back(std::abs(value));
  return result;
}

Tensor magnitudes(const Tensor& x) {
  return map(x, [](double value) { return std::abs(value); });
}

namespace {

// Calls body(n, k, p, q, index into a position's weights, c, h, w) for every product.
template <typename Body>
void for_each_product(const FilterSpec& s, const Tensor& x, int height, int width, Body&& body) {
  const int channels = x.c / s.groups;
  const int filters = s.filters / s.groups;
  for (int n = 0; n < x.n; ++n) {
    for (int k = 0; k < s.filters; ++k) {
      for (int p = 0; p < height; ++p) {
        for (int q = 0; q < width; ++q) {
          for (int c = 0; c < channels; ++c) {
            for (int r = 0; r < s.kernel_height; ++r) {
              for (int t = 0; t < s.kernel_width; ++t) {
                const int h = p * s.stride + r - s.pad.top;
                const int w = q * s.stride + t - s.pad.left;
                if (h < 0 || h >= x.h || w < 0 || w >= x.w) continue;
                const int weight = ((k * channels + c) * s.kernel_height + r) * s.kernel_width + t;
                body(n, k, p, q, static_cast<std::size_t>(weight), (k / filters) * channels + c, h, w);
              }
            }
          }
        }
      }
    }
  }
}

Tensor output_of(const FilterSpec& spec, const Tensor& x) {
  const int height = (x.h + spec.pad.top + spec.pad.bottom - spec.kernel_height) / spec.stride + 1;
  const int width = (x.w + spec.pad.left + spec.pad.right - spec.kernel_width) / spec.stride + 1;
  return {x.n, spec.filters, height, width};
}

}  // namespace

Tensor conv(const ConvSpec& spec, const Tensor& x, const Values& weights, const Values& bias) {
  Tensor y = output_of(spec, x);
  const int height = y.h;
  const int width = y.w;
  for (int n = 0; n < y.n; ++n) {
    for (int k = 0; k < y.c; ++k) {
      for (int p = 0; p < height; ++p) {
        for (int q = 0; q < width; ++q) y.at(n, k, p, q) = bias[static_cast<std::size_t>(k)];
      }
    }
  }
  for_each_product(spec, x, height, width,
                   [&](int n, int k, int p, int q, std::size_t i, int c, int h, int w) {
                     y.at(n, k, p, q) += weights[i] * x.at(n, c, h, w);
                   });
  return y;
}

ProductGradients conv_backward(const ConvSpec& spec, const Tensor& x, const Values& weights,
                               const Tensor& dy) {
  ProductGradients g{Tensor(x.n, x.c, x.h, x.w), Values(weights.size()),
                     Values(static_cast<std::size_t>(spec.filters))};
  for_each_product(spec, x, dy.h, dy.w, [&](int n, int k, int p, int q, std::size_t i, int c, int h, int w) {
    g.x.at(n, c, h, w) += weights[i] * dy.at(n, k, p, q);
    g.weights[i] += x.at(n, c, h, w) * dy.at(n, k, p, q);
  });
  for (int n = 0; n < dy.n; ++n) {
    for (int k = 0; k < dy.c; ++k) {
      for (int p = 0; p < dy.h; ++p) {
        for (int q = 0; q < dy.w; ++q) g.bias[static_cast<std::size_t>(k)] += dy.at(n, k, p, q);
      }
    }
  }
  return g;
}

// Weights are [P][Q][K][C/groups][R][S], biases [K][P][Q].
Tensor local(const LocalSpec& spec, const Tensor& x, const Values& weights, const Values& bias) {
  Tensor y = output_of(spec, x);
  const std::size_t positions = static_cast<std::size_t>(y.h) * static_cast<std::size_t>(y.w);
  const std::size_t each = weights.size() / positions;
  for (int n = 0; n < y.n; ++n) {
    for (std::size_t i = 0; i < bias.size(); ++i)
      y.v[static_cast<std::size_t>(n) * bias.size() + i] = bias[i];
  }
  for_each_product(spec, x, y.h, y.w, [&](int n, int k, int p, int q, std::size_t i, int c, int h, int w) {
    const auto position = static_cast<std::size_t>(p * y.w + q);
    y.at(n, k, p, q) += weights[position * each + i] * x.at(n, c, h, w);
  });
  return y;
}

ProductGradients local_backward(const LocalSpec& spec, const Tensor& x, const Values& weights,
                                const Tensor& dy) {
  const std::size_t positions = static_cast<std::size_t>(dy.h) * static_cast<std::size_t>(dy.w);
  const std::size_t each = weights.size() / positions;
  ProductGradients g{Tensor(x.n, x.c, x.h, x.w), Values(weights.size()),
                     Values(static_cast<std::size_t>(spec.filters) * positions)};
  for_each_product(spec, x, dy.h, dy.w, [&](int n, int k, int p, int q, std::size_t i, int c, int h, int w) {
    const std::size_t weight = static_cast<std::size_t>(p * dy.w + q) * each + i;
    g.x.at(n, c, h, w) += weights[weight] * dy.at(n, k, p, q);
    g.weights[weight] += x.at(n, c, h, w) * dy.at(n, k, p, q);
  });
  for (std::size_t i = 0; i < dy.v.size(); ++i) g.bias[i % g.bias.size()] += dy.v[i];
  return g;
}

Tensor fc(int outputs, const Tensor& x, const Values& weights, const Values& bias) {
  const std::size_t inputs = x.v.size() / static_cast<std::size_t>(x.n);
  Tensor y(x.n, outputs, 1, 1);
  for (int n = 0; n < x.n; ++n) {
    for (int o = 0; o < outputs; ++o) {
      double sum = bias[static_cast<std::size_t>(o)];
      for (std::size_t i = 0; i < inputs; ++i) {
        sum +=
            weights[static_cast<std::size_t>(o) * inputs + i] * x.v[static_cast<std::size_t>(n) * inputs + i];
      }
      y.at(n, o, 0, 0) = sum;
    }
  }
  return y;
}

ProductGradients fc_backward(const Tensor& x, const Values& weights, const Tensor& dy) {
  const std::size_t inputs = x.v.size() / static_cast<std::size_t>(x.n);
  ProductGradients g{Tensor(x.n, x.c, x.h, x.w), Values(weights.size()),
                     Values(static_cast<std::size_t>(dy.c))};
  for (int n = 0; n < x.n; ++n) {
    for (int o = 0; o < dy.c; ++o) {
      const double d = dy.at(n, o, 0, 0);
      g.bias[static_cast<std::size_t>(o)] += d;
      for (std::size_t i = 0; i < inputs; ++i) {
        const std::size_t weight = static_cast<std::size_t>(o) * inputs + i;
        const std::size_t input = static_cast<std::size_t>(n) * inputs + i;
        g.x.v[input] += weights[weight] * d;
        g.weights[weight] += x.v[input] * d;
      }
    }
  }
  return g;
}

Tensor relu(const Tensor& x) {
  return map(x, [](double value) { return value > 0.0 ? value : 0.0; });
}

Tensor relu_backward(const Tensor& x, const Tensor& dy) {
  Tensor dx = dy;
  for (std::size_t i = 0; i < dx.v.size(); ++i) dx.v[i] = x.v[i] > 0.0 ? dy.v[i] : 0.0;
  return dx;
}

Tensor tanh(const Tensor& x) {
  return map(x, [](double value) { return std::tanh(value); });
}

Tensor tanh_backward(const Tensor& x, const Tensor& dy) {
  Tensor dx = dy;
  for (std::size_t i = 0; i < dx.v.size(); ++i) {
    const double cosh = std::cosh(x.v[i]);
    dx.v[i] = dy.v[i] / (cosh * cosh);
  }
  return dx;
}

Tensor logistic(const Tensor& x) {
  return map(x, [](double value) { return 1.0 / (1.0 + std::exp(-value)); });
}

Tensor logistic_backward(const Tensor& x, const Tensor& dy) {
  Tensor dx = dy;
  for (std::size_t i = 0; i < dx.v.size(); ++i) {
    const double cosh = std::cosh(0.5 * x.v[i]);
    dx.v[i] = dy.v[i] / (4.0 * cosh * cosh);
  }
  return dx;
}

namespace {

// s of channel c at a pixel.
// Whether channel j is one, of the group of channel c.
bool of_group(const LrnSpec& spec, const Tensor& x, int c, int j) {
  const int each = x.c / spec.groups;
  return j >= 0 && j < x.c && j / each == c / each;
}

double lrn_sum(const LrnSpec& spec, const Tensor& x, int n, int c, int h, int w) {
  const double scale = spec.mean ? spec.alpha / spec.size : spec.alpha;
  double sum = 0.0;
  for (int j = c - spec.size / 2; j < c - spec.size / 2 + spec.size; ++j) {
    if (of_group(spec, x, c, j)) sum += x.at(n, j, h, w) * x.at(n, j, h, w);
  }
  return spec.k + scale * sum;
}

}  // namespace

Tensor lrn(const LrnSpec& spec, const Tensor& x) {
  Tensor y = x;
  for (int n = 0; n < x.n; ++n) {
    for (int c = 0; c < x.c; ++c) {
      for (int h = 0; h < x.h; ++h) {
        for (int w = 0; w < x.w; ++w) y.at(n, c, h, w) *= std::pow(lrn_sum(spec, x, n, c, h, w), -spec.beta);
      }
    }
  }
  return y;
}

Tensor lrn_backward(const LrnSpec& spec, const Tensor& x, const Tensor& dy) {
  const double scale = spec.mean ? spec.alpha / spec.size : spec.alpha;
  Tensor dx(x.n, x.c, x.h, x.w);
  for (int n = 0; n < x.n; ++n) {
    for (int c = 0; c < x.c; ++c) {
      for (int h = 0; h < x.h; ++h) {
        for (int w = 0; w < x.w; ++w) {
          // dy[c] / dx[j] = s^-beta if j == c, minus 2 scale beta x[c] x[j] s^-(beta + 1) in the window.
          const double s = lrn_sum(spec, x, n, c, h, w);
          const double d = dy.at(n, c, h, w);
          dx.at(n, c, h, w) += d * std::pow(s, -spec.beta);
          for (int j = c - spec.size / 2; j < c - spec.size / 2 + spec.size; ++j) {
            if (!of_group(spec, x, c, j)) continue;
            dx.at(n, j, h, w) -= 2.0 * scale * spec.beta * x.at(n, c, h, w) * x.at(n, j, h, w) * d *
                                 std::pow(s, -spec.beta - 1.0);
          }
        }
      }
    }
  }
  return dx;
}

namespace {

// Calls body(i, j) for the pixels of the image in the window of pixel (h, w).
template <typename Body>
void for_each_around(const LrnMapSpec& spec, const Tensor& x, int h, int w, Body&& body) {
  const int reach = spec.size / 2;
  for (int i = 0; i < x.h; ++i) {
    for (int j = 0; j < x.w; ++j) {
      if (std::abs(i - h) <= reach && std::abs(j - w) <= reach) body(i, j);
    }
  }
}

double lrn_map_scale(const LrnMapSpec& spec) {
  return spec.mean ? spec.alpha / (double(spec.size) * spec.size) : spec.alpha;
}

double lrn_map_sum(const LrnMapSpec& spec, const Tensor& x, int n, int c, int h, int w) {
  double sum = 0.0;
  for_each_around(spec, x, h, w, [&](int i, int j) { sum += x.at(n, c, i, j) * x.at(n, c, i, j); });
  return spec.k + lrn_map_scale(spec) * sum;
}

// Calls body(n, c, h, w) for every element.
template <typename Body>
void for_each_element(const Tensor& x, Body&& body) {
  for (int n = 0; n < x.n; ++n) {
    for (int c = 0; c < x.c; ++c) {
      for (int h = 0; h < x.h; ++h) {
        for (int w = 0; w < x.w; ++w) body(n, c, h, w);
      }
    }
  }
}

}  // namespace

Tensor lrn_map(const LrnMapSpec& spec, const Tensor& x) {
  Tensor y = x;
  for_each_element(x, [&](int n, int c, int h, int w) {
    y.at(n, c, h, w) *= std::pow(lrn_map_sum(spec, x, n, c, h, w), -spec.beta);
  });
  return y;
}

Tensor lrn_map_backward(const LrnMapSpec& spec, const Tensor& x, const Tensor& dy) {
  Tensor dx(x.n, x.c, x.h, x.w);
  for_each_element(x, [&](int n, int c, int h, int w) {
    // dy[h, w] / dx[i, j] = s^-beta at (h, w), minus 2 scale beta x[h, w] x[i, j] s^-(beta + 1) in the
    // window.
    const double s = lrn_map_sum(spec, x, n, c, h, w);
    const double d = dy.at(n, c, h, w);
    dx.at(n, c, h, w) += d * std::pow(s, -spec.beta);
    for_each_around(spec, x, h, w, [&](int i, int j) {
      dx.at(n, c, i, j) -= 2.0 * lrn_map_scale(spec) * spec.beta * x.at(n, c, h, w) * x.at(n, c, i, j) * d *
                           std::pow(s, -spec.beta - 1.0);
    });
  });
  return dx;
}

namespace {

// Calls body(h, w) for the elements inside the image that window (p, q) sees, in row-major order.
template <typename Body>
void for_each_in_window(const PoolSpec& s, const Tensor& x, int p, int q, Body&& body) {
  for (int r = 0; r < s.kernel_height; ++r) {
    for (int t = 0; t < s.kernel_width; ++t) {
      const int h = p * s.stride + r - s.pad.top;
      const int w = q * s.stride + t - s.pad.left;
      if (h >= 0 && h < x.h && w >= 0 && w < x.w) body(h, w);
    }
  }
}

struct Place {
  int h = -1;
  int w = -1;
};

Place first_maximum(const PoolSpec& spec, const Tensor& x, int n, int c, int p, int q) {
  Place best;
  for_each_in_window(spec, x, p, q, [&](int h, int w) {
    if (best.h < 0 || x.at(n, c, h, w) > x.at(n, c, best.h, best.w)) best = {h, w};
  });
  return best;
}

}  // namespace

Tensor pool(const PoolSpec& spec, const Tensor& x, int height, int width) {
  Tensor y(x.n, x.c, height, width);
  for (int n = 0; n < x.n; ++n) {
    for (int c = 0; c < x.c; ++c) {
      for (int p = 0; p < height; ++p) {
        for (int q = 0; q < width; ++q) {
          if (spec.kind == PoolSpec::Kind::max) {
            const Place best = first_maximum(spec, x, n, c, p, q);
            y.at(n, c, p, q) = best.h < 0 ? 0.0 : x.at(n, c, best.h, best.w);
            continue;
          }
          double sum = 0.0;
          int count = 0;
          for_each_in_window(spec, x, p, q, [&](int h, int w) {
            sum += x.at(n, c, h, w);
            ++count;
          });
          y.at(n, c, p, q) = count == 0 ? 0.0 : sum / count;
        }
      }
    }
  }
  return y;
}

Tensor pool_backward(const PoolSpec& spec, const Tensor& x, const Tensor& dy) {
  Tensor dx(x.n, x.c, x.h, x.w);
  for (int n = 0; n < dy.n; ++n) {
    for (int c = 0; c < dy.c; ++c) {
      for (int p = 0; p < dy.h; ++p) {
        for (int q = 0; q < dy.w; ++q) {
          const double d = dy.at(n, c, p, q);
          if (spec.kind == PoolSpec::Kind::max) {
            const Place best = first_maximum(spec, x, n, c, p, q);
            if (best.h >= 0) dx.at(n, c, best.h, best.w) += d;
            continue;
          }
          int count = 0;
          for_each_in_window(spec, x, p, q, [&](int, int) { ++count; });
          for_each_in_window(spec, x, p, q, [&](int h, int w) { dx.at(n, c, h, w) += d / count; });
        }
      }
    }
  }
  return dx;
}

Values dropout_factors(const DropoutSpec& spec, std::size_t elements, std::uint64_t seed,
                       std::uint64_t record, std::uint32_t epoch, std::uint32_t layer) {
  const PhiloxStream stream{seed, epoch, record, Purpose::dropout, layer};
  const double kept = spec.scale_at_test ? 1.0 : 1.0 / (1.0 - spec.drop);
  Values factors;
  for (std::size_t i = 0; i < elements; ++i) {
    const double uniform = uniform_float(stream.word(static_cast<std::uint32_t>(i)));
    factors.push_back(uniform < spec.drop ? 0.0 : kept);
  }
  return factors;
}

Loss softmax_loss(const Tensor& scores, const std::vector<std::int32_t>& labels) {
  Loss loss{0.0, Tensor(scores.n, scores.c, 1, 1), Tensor(scores.n, scores.c, 1, 1)};
  const double images = static_cast<double>(labels.size());
  for (int n = 0; n < scores.n; ++n) {
    double largest = scores.at(n, 0, 0, 0);
    for (int c = 0; c < scores.c; ++c) largest = std::max(largest, scores.at(n, c, 0, 0));
    double sum = 0.0;
    for (int c = 0; c < scores.c; ++c) sum += std::exp(scores.at(n, c, 0, 0) - largest);
    for (int c = 0; c < scores.c; ++c) {
      const double p = std::exp(scores.at(n, c, 0, 0) - largest) / sum;
      loss.probabilities.at(n, c, 0, 0) = p;
      if (static_cast<std::size_t>(n) >= labels.size()) continue;
      const bool own = labels[static_cast<std::size_t>(n)] == c;
      loss.gradient.at(n, c, 0, 0) = (p - (own ? 1.0 : 0.0)) / images;
      if (own) loss.mean += (std::log(sum) + largest - scores.at(n, c, 0, 0)) / images;
    }
  }
  return loss;
}

double dot(const Values& a, const Values& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double gradient_error(const std::function<double()>& f, Values& x, const Values& gradient, double step) {
  double error = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double before = x[i];
    x[i] = before + step;
    const double above = f();
    x[i] = before - step;
    const double below = f();
    x[i] = before;
    error = std::max(error, std::abs((above - below) / (2.0 * step) - gradient[i]));
    largest = std::max(largest, std::abs(gradient[i]));
  }
  return largest == 0.0 ? error : error / largest;
}

}  // namespace convoy::reference
