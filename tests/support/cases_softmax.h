// Cases of softmax for the tests of every backend.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/softmax.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct SoftmaxCase {
  const char* name;
  int capacity;  // images of the buffers
  int images;    // of the batch
  int classes;
};
inline constexpr SoftmaxCase kSoftmaxCases[] = {
    {"one_image", 1, 1, 2},    {"two_classes", 5, 5, 2},         {"two_classes_partial", 5, 3, 2},
    {"ten_classes", 5, 5, 10}, {"four_images", 4, 4, 10},        {"ten_classes_partial", 4, 3, 10},
    {"seventeen", 3, 2, 17},   {"thirty_three", 5, 5, 33},       {"thirty_three_partial", 5, 3, 33},
    {"imagenet", 5, 5, 1000},  {"imagenet_partial", 5, 3, 1000},
};
// Scores are within [-spread, spread); spreads are powers of two, so that scores are exact in bf16.
inline constexpr double kScoreSpreads[] = {1.0, 4.0, 8.0, 128.0};

// Random scores and labels, and the expected results.
class SoftmaxProblem {
 public:
  SoftmaxProblem(const SoftmaxCase& k, double spread) : images(k.images) {
    TestRandom random(71);
    scores = random.tensor(k.capacity, k.classes, 1, 1);
    for (double& value : scores.v) value *= spread;
    for (int n = 0; n < images; ++n) labels.push_back(random.below(k.classes));
    want_ = reference::softmax_loss(scores, labels);
  }
  // probabilities: of the first `count` images; error: relative.
  void expect_probabilities(const std::vector<float>& probabilities, int count, double error) const {
    const auto size = static_cast<std::ptrdiff_t>(count) * scores.c;
    const reference::Values want(want_.probabilities.v.begin(), want_.probabilities.v.begin() + size);
    expect_near({probabilities.begin(), probabilities.end()}, want, want, error, "probabilities");
  }
  // error: of a loss, relative to its size + 1.
  void expect_mean_loss(double loss, double error) const {
    EXPECT_NEAR(loss, want_.mean, error * (1.0 + want_.mean));
  }
  // error: relative to the largest possible gradient, before it is rounded to T.
  template <typename T>
  void expect_gradient(const std::vector<T>& gradient, const TensorShape& shape, double error) const {
    const reference::Values magnitude(want_.gradient.v.size(), 1.0 / std::max(images, 1));
    expect_near(unpacked(gradient, shape).v, want_.gradient.v, magnitude,
                error + (sizeof(T) == 4 ? 0.0 : kRounding<T>), "gradient");
    EXPECT_TRUE(padding_is_zero(gradient, shape));
  }
  // Classes ahead of an image's label.
  [[nodiscard]] int rank(int image) const {
    const std::int32_t label = labels[static_cast<std::size_t>(image)];
    const double own = scores.at(image, label, 0, 0);
    int ahead = 0;
    for (int c = 0; c < scores.c; ++c) {
      const double score = scores.at(image, c, 0, 0);
      ahead += score > own || (score == own && c < label) ? 1 : 0;
    }
    return ahead;
  }

  int images;
  reference::Tensor scores;
  std::vector<std::int32_t> labels;

 private:
  reference::Loss want_;
};

}  // namespace convoy
