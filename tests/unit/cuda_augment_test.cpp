// kernels/augment on a GPU: crop, reflection, mean and colour shift, and cells of pixels, element by element.
#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_augment.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
void check(const AugmentProblem& p, const SpaceToDepth& cells, const reference::Tensor& want) {
  AugmentShape shape = p.stored();
  shape.out = shape_of(want, padded_channels(want.c));
  std::vector<std::uint8_t> pixels;
  for (const auto& image : p.images) pixels.insert(pixels.end(), image.begin(), image.end());
  const Stream stream;
  const OnDevice<BatchHeader> header(stream,
                                     std::vector<BatchHeader>{{static_cast<std::int32_t>(p.images.size())}});
  const OnDevice<Crop> crops(stream, p.crops);
  const OnDevice<std::uint8_t> images(stream, pixels);
  const OnDevice<float> mean(stream, p.mean_hwc);
  OnDevice<T> y(stream, shape.out.elements());
  augment(stream, shape, cells, {header.data(), crops.data(), images.data()}, mean.data(), y.data());
  p.expect(y.values(), want, shape.out);
}

class CudaAugment : public ::testing::TestWithParam<AugmentCase> {};

TEST_P(CudaAugment, IsExact) {
  const AugmentProblem problem(GetParam());
  const SpaceToDepth cells{1, 0, 0, GetParam().height, GetParam().width};
  check<float>(problem, cells, problem.cropped);
  check<Bf16>(problem, cells, problem.cropped);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaAugment, ::testing::ValuesIn(kAugmentCases), case_name);

struct CellCase {
  const char* name;
  AugmentCase image;
  SpaceToDepth cells;
  int cells_down, cells_across;
};
const CellCase kCellCases[] = {
    {"four", {"", 3, 19, 21, 17, 18}, {4, 0, 0, 17, 18}, 5, 6},
    {"three_padded", {"", 2, 10, 9, 8, 9}, {3, 2, 1, 8, 9}, 4, 4},
    {"fewer_than_there_are", {"", 1, 7, 7, 7, 7}, {2, 1, 0, 7, 7}, 3, 3},
};
class CudaAugmentCells : public ::testing::TestWithParam<CellCase> {};

// By the formula of kernels/augment.h.
TEST_P(CudaAugmentCells, AreExact) {
  const CellCase& k = GetParam();
  const AugmentProblem problem(k.image);
  const reference::Tensor& crop = problem.cropped;
  const int side = k.cells.side;
  reference::Tensor want(crop.n, side * side * crop.c, k.cells_down, k.cells_across);
  for (int n = 0; n < crop.n; ++n) {
    for (int channel = 0; channel < want.c; ++channel) {
      for (int i = 0; i < want.h; ++i) {
        for (int j = 0; j < want.w; ++j) {
          const int place = channel / crop.c;
          const int h = i * side + place / side - k.cells.pad_top;
          const int w = j * side + place % side - k.cells.pad_left;
          if (h < 0 || h >= crop.h || w < 0 || w >= crop.w) continue;
          want.at(n, channel, i, j) = crop.at(n, channel % crop.c, h, w);
        }
      }
    }
  }
  check<float>(problem, k.cells, want);
  check<Bf16>(problem, k.cells, want);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaAugmentCells, ::testing::ValuesIn(kCellCases), case_name);

}  // namespace
}  // namespace convoy::cuda
