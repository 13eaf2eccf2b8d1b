// kernels/augment on a CPU: crop, reflection, mean and colour shift, element by element.
#include "kernels/augment.h"

#include <gtest/gtest.h>

#include "tests/support/cases_augment.h"

namespace convoy {
namespace {

template <typename T>
void check(const AugmentProblem& p, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  AugmentShape shape = p.stored();
  shape.out = shape_of(p.cropped, block);
  std::vector<const std::uint8_t*> images;
  for (const auto& image : p.images) images.push_back(image.data());
  std::vector<T> y(static_cast<std::size_t>(shape.out.elements()), from_float<T>(5.0F));
  cpu::augment(shape, images, p.crops, p.mean_chw.data(), y.data());
  p.expect(y, p.cropped, shape.out);
}

class Augment : public ::testing::TestWithParam<AugmentCase> {};

TEST_P(Augment, IsExactInEveryLayout) {
  const AugmentProblem problem(GetParam());
  for (const int block : {1, 4, 8, 16, GetParam().channels}) {
    check<float>(problem, block);
    check<Bf16>(problem, block);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Augment, ::testing::ValuesIn(kAugmentCases), case_name);

TEST(AugmentWithoutMean, GivesTheStoredPixels) {
  const std::vector<std::uint8_t> image{1, 0, 255, 7, 128, 3};
  const std::vector<float> mean(6, 0.0F);
  std::vector<float> y(6);
  cpu::augment({3, 2, {1, 1, 3, 2, 1}}, std::vector<const std::uint8_t*>{image.data()}, std::vector<Crop>(1),
               mean.data(), y.data());
  EXPECT_EQ(y, std::vector<float>(image.begin(), image.end()));
}

}  // namespace
}  // namespace convoy
