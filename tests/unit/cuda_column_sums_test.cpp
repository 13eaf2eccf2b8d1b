// kernels/column_sums on a GPU.
#include "kernels/column_sums.h"

#include <gtest/gtest.h>

#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

using reference::Tensor;

TEST(CudaColumnSums, MatchReference) {
  for (const std::int64_t rows : {1, 13, 512, 1500}) {
    for (const int columns : {8, 264}) {
      TestRandom random(45);
      const Tensor x = random.tensor(1, columns, static_cast<int>(rows), 1);
      const TensorShape shape = shape_of(x, columns);
      reference::Values want(static_cast<std::size_t>(columns));
      for (int c = 0; c < columns; ++c) {
        for (int r = 0; r < rows; ++r) want[static_cast<std::size_t>(c)] += x.at(0, c, r, 0);
      }
      const Stream stream;
      OnDevice<float> sums(stream, columns);
      const auto check = [&](const char* what) {
        const std::vector<float> got = sums.values();
        // Multiples of 1/128 below 1: sums of this many are exact in float.
        EXPECT_EQ(reference::Values(got.begin(), got.end()), want) << what << " " << rows << "x" << columns;
      };
      const OnDevice<float> in(stream, packed<float>(x, shape));
      column_sums(stream, rows, columns, in.data(), sums.data());
      check("float");
      const OnDevice<Bf16> in16(stream, packed<Bf16>(x, shape));
      column_sums(stream, rows, columns, in16.data(), sums.data());
      check("bf16");
    }
  }
}

}  // namespace
}  // namespace convoy::cuda
