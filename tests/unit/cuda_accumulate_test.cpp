// kernels/accumulate on a GPU.
#include "kernels/accumulate.h"

#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

TEST(CudaAccumulate, BeginsAnewOrAdds) {
  TestRandom random(61);
  for (const std::size_t count : {std::size_t{4}, std::size_t{20}, std::size_t{5000}}) {
    std::vector<float> x(count);
    std::vector<float> sum(count);
    for (float& value : x) value = static_cast<float>(random.next());
    for (float& value : sum) value = static_cast<float>(random.next());
    std::vector<float> want(count);
    for (std::size_t i = 0; i < count; ++i) want[i] = sum[i] + x[i];
    const Stream stream;
    const OnDevice<float> from(stream, x);
    OnDevice<float> into(stream, sum);
    accumulate(stream, false, std::ssize(x), from.data(), into.data());
    EXPECT_EQ(into.values(), want);
    accumulate(stream, true, std::ssize(x), from.data(), into.data());
    EXPECT_EQ(into.values(), x);
  }
}

}  // namespace
}  // namespace convoy::cuda
