// Cases of sgd for the tests of every backend.
#pragma once

#include "kernels/sgd.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct SgdCase {
  const char* name;
  std::size_t count;
  double momentum, decay, rate;  // decay includes the rate
};
inline constexpr SgdCase kSgdCases[] = {
    {"one", 1, 0.9, 0.0005 * 0.01, 0.01},      {"seventeen", 17, 0.9, 0.0005 * 0.01, 0.01},
    {"prime", 1009, 0.9, 0.0005 * 0.01, 0.01}, {"large_decay", 5004, 0.9, 0.01, 0.1},
    {"no_decay", 12, 0.5, 0.0, 0.25},
};

// Random parameters, and the results of steps by the rule in double precision.
class SgdProblem {
 public:
  explicit SgdProblem(const SgdCase& k)
      : coefficients{static_cast<float>(k.momentum), static_cast<float>(k.decay), static_cast<float>(k.rate)},
        case_(k) {
    TestRandom random(81);
    w = random.values(k.count);
    v = random.values(k.count);
    g = random.values(k.count);
  }
  // After `steps` steps with the same gradient. Each step rounds three coefficients, three products and three
  // sums of numbers of at most 4 in magnitude, and inherits the errors of earlier steps.
  void expect_after(int steps, const std::vector<float>& got_w, const std::vector<float>& got_v) const {
    const double bound = steps * steps * 9 * 4 * 0x1p-24;
    expect_after(steps, {case_.momentum, case_.decay, case_.rate}, got_w, got_v, bound);
  }
  // After one step, compared with rounded coefficients: products and sums of at most 3 in magnitude round.
  void expect_after_one(const std::vector<float>& got_w, const std::vector<float>& got_v) const {
    const SgdCoefficients& k = coefficients;
    expect_after(1, {k.momentum, k.decay, k.rate}, got_w, got_v, 3 * 0x1p-23);
  }

  SgdCoefficients coefficients;
  reference::Values w;
  reference::Values v;
  reference::Values g;

 private:
  struct Exact {
    double momentum;
    double decay;
    double rate;
  };
  void expect_after(int steps, const Exact& k, const std::vector<float>& got_w,
                    const std::vector<float>& got_v, double bound) const {
    reference::Values want_w = w;
    reference::Values want_v = v;
    for (int step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < want_w.size(); ++i) {
        want_v[i] = k.momentum * want_v[i] - k.decay * want_w[i] - k.rate * g[i];
        want_w[i] += want_v[i];
      }
    }
    const reference::Values ones(want_w.size(), 1.0);
    expect_near({got_v.begin(), got_v.end()}, want_v, ones, bound, "momentum");
    expect_near({got_w.begin(), got_w.end()}, want_w, ones, bound, "weights");
  }
  SgdCase case_;
};

// Without a gradient, v is -decay * w at first, and momentum keeps it going.
inline constexpr SgdCoefficients kDecayAlone{0.5F, 0.25F, 1.0F};
inline constexpr float kDecayedV[] = {-0.25F, -0.3125F};  // from w = 1 and v = 0, after one step and two
inline constexpr float kDecayedW[] = {0.75F, 0.4375F};

}  // namespace convoy
