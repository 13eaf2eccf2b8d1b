// kernels/softmax on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_softmax.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// The losses of float scores [images][8], of which the first `classes` count.
std::vector<ImageLoss> losses_of(int classes, const std::vector<float>& scores,
                                 const std::vector<std::int32_t>& labels) {
  const auto images = static_cast<int>(labels.size());
  const Stream stream;
  const OnDevice<float> in(stream, scores);
  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{images, images}});
  const OnDevice<std::int32_t> device_labels(stream, labels);
  OnDevice<ImageLoss> losses(stream, images);
  softmax_loss(stream, {classes, 8}, images, header.data(), device_labels.data(), in.data(), losses.data(),
               static_cast<float*>(nullptr));
  return losses.values();
}

// Exponentials in float have a relative error of about 10 u, and the sum adds classes * u.
template <typename Score, typename T>
void check(const SoftmaxProblem& problem) {
  const TensorShape tensor = shape_of(problem.scores, padded_channels(problem.scores.c));
  const SoftmaxShape shape{tensor.channels, tensor.image_elements()};
  const double error = (16 + shape.classes) * 0x1p-24;
  const Stream stream;
  const OnDevice<Score> scores(stream, packed<Score>(problem.scores, tensor));
  OnDevice<float> probabilities(stream, std::int64_t{tensor.images} * shape.classes);
  softmax_forward(stream, shape, tensor.images, scores.data(), probabilities.data());
  problem.expect_probabilities(probabilities.values(), tensor.images, error);

  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{problem.images, problem.images}});
  const OnDevice<std::int32_t> labels(stream, problem.labels);
  OnDevice<ImageLoss> losses(stream, tensor.images);
  OnDevice<T> gradient(stream, tensor.elements());
  softmax_loss(stream, shape, tensor.images, header.data(), labels.data(), scores.data(), losses.data(),
               gradient.data());
  double mean = 0.0;
  const std::vector<ImageLoss> got = losses.values();
  for (int n = 0; n < problem.images; ++n) {
    mean += double{got[static_cast<std::size_t>(n)].loss} / problem.images;
    EXPECT_EQ(got[static_cast<std::size_t>(n)].rank, problem.rank(n));
  }
  problem.expect_mean_loss(mean, error);
  problem.expect_gradient(gradient.values(), tensor, error);
}

class CudaSoftmax : public ::testing::TestWithParam<SoftmaxCase> {};

TEST_P(CudaSoftmax, MatchesReference) {
  for (const double spread : kScoreSpreads) {
    SCOPED_TRACE("spread " + std::to_string(spread));
    const SoftmaxProblem problem(GetParam(), spread);
    check<float, float>(problem);
    check<float, Bf16>(problem);
    check<Bf16, Bf16>(problem);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaSoftmax, ::testing::ValuesIn(kSoftmaxCases), case_name);

TEST(CudaSoftmaxLoss, StaysFiniteWhereTheProbabilityUnderflows) {
  EXPECT_EQ(losses_of(2, {0, 5000, 0, 0, 0, 0, 0, 0}, {0})[0].loss, 5000.0F);
}

TEST(CudaSoftmaxLoss, ANanIsNotLost) {
  for (std::size_t at = 0; at < 3; ++at) {
    std::vector<float> scores{1, 2, 3, 0, 0, 0, 0, 0};
    scores[at] = std::nanf("");
    EXPECT_TRUE(std::isnan(losses_of(3, scores, {1})[0].loss)) << at;
  }
}

TEST(CudaSoftmaxRank, WhatIsNoNumberCountsAgainstTheLabel) {
  const float nan = std::nanf("");
  const std::vector<ImageLoss> got =
      losses_of(3, {1, 2, nan, 0, 0, 0, 0, 0, nan, 2, 3, 0, 0, 0, 0, 0}, {1, 0});
  EXPECT_EQ(got[0].rank, 1);
  EXPECT_EQ(got[1].rank, 3);
  EXPECT_TRUE(std::isnan(got[0].loss));
}

}  // namespace
}  // namespace convoy::cuda
