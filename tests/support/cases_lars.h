// Cases of lars for the tests of every backend.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/lars.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct LarsCase {
  const char* name;
  std::size_t count;
  double w_size, g_size;  // of the largest elements
  double trust, rate, decay, gradient_scale;
};
inline constexpr LarsCase kLarsCases[] = {
    {"one", 1, 1, 1, 0.001, 2, 0.0005, 1},
    {"seventeen", 17, 0.1, 0.01, 0.001, 10, 0.0005, 1},
    {"prime", 1009, 0.01, 3, 0.02, 4, 0.0005, 1},
    {"without_decay", 5004, 1, 1e-4, 0.001, 10, 0, 1},
    {"large_decay", 4099, 1, 1e-4, 0.001, 10, 0.5, 1},
    {"scaled", 4100, 1, 0.5, 0.001, 10, 0.0005, 1.75},
    {"without_weights", 33, 0, 1, 0.001, 10, 0.0005, 1},
    {"without_gradient", 33, 1, 0, 0.001, 10, 0.0005, 1},
    {"tiny_gradient", 33, 1, 1e-28, 0.001, 10, 0, 1},
    {"tiny_weights", 33, 1e-35, 1, 0.001, 10, 0, 1},
    {"huge", 300, 1e30, 1e25, 0.001, 10, 0, 1},
    {"no_rate", 33, 1, 1, 0.001, 0, 0.0005, 1},
    {"in_many_parts", 1'300'003, 0.01, 0.001, 0.001, 10, 0.0005, 1},
};

// Random weights and gradients, and the step that the paper's equation gives them in double precision.
class LarsProblem {
 public:
  explicit LarsProblem(const LarsCase& k)
      : rule{.trust = k.trust,
             .rate = k.rate,
             .decay = k.decay,
             .gradient_scale = k.gradient_scale,
             .momentum = 0.9F},
        case_(k) {
    TestRandom random(83);
    const auto draw = [&](double size) {
      std::vector<float> values = floats(random.values(k.count));
      for (float& value : values) value *= static_cast<float>(size);
      return values;
    };
    w = draw(k.w_size);
    g = draw(k.g_size);
  }
  // Sums of n squares in double precision are off by n * 2^-53 of themselves at most, and the two
  // coefficients are rounded to floats, relative to their size or, if they are smaller than that, to the
  // least normal float.
  void expect(const SgdCoefficients& got) const {
    const double norm_w = norm(w);
    const double norm_g = case_.gradient_scale * norm(g);
    double lambda = case_.trust;
    if (case_.w_size > 0 && case_.g_size > 0) lambda *= norm_w / (norm_g + case_.decay * norm_w);
    const double bound = 0x1p-24 + 4 * static_cast<double>(w.size()) * 0x1p-53;
    const auto near = [&](double value, double want) {
      EXPECT_NEAR(value, want, bound * want + 0x1p-149) << case_.name;
    };
    EXPECT_EQ(got.momentum, 0.9F);
    near(got.decay, case_.decay * case_.rate * lambda);
    near(got.rate, case_.gradient_scale * case_.rate * lambda);
  }

  LarsRule rule;
  std::vector<float> w;
  std::vector<float> g;

 private:
  // In long double, whose own rounding does not count.
  static double norm(const std::vector<float>& values) {
    long double sum = 0.0L;
    for (const float value : values) sum += static_cast<long double>(value) * value;
    return static_cast<double>(std::sqrt(sum));
  }
  LarsCase case_;
};

// A gradient too small to be divided by: the rate stays finite, and so do the weights.
inline constexpr float kVanishingGradient = 0x1p-149F;

}  // namespace convoy
