// kernels/multiply on a GPU.
#include "kernels/multiply.h"

#include <gtest/gtest.h>

#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

// Multiples of 1/128 below 1: the products are exact.
TEST(CudaMultiply, IsExact) {
  for (const std::size_t count : {std::size_t{4}, std::size_t{28}, std::size_t{5000}}) {
    TestRandom random(47);
    const std::vector<float> factors = floats(random.values(count));
    std::vector<float> values = floats(random.values(count));
    const Stream stream;
    const OnDevice<float> device_factors(stream, factors);
    OnDevice<float> device_values(stream, values);
    multiply(stream, static_cast<std::int64_t>(count), device_factors.data(), device_values.data());
    for (std::size_t i = 0; i < count; ++i) values[i] *= factors[i];
    EXPECT_EQ(device_values.values(), values);
  }
}

}  // namespace
}  // namespace convoy::cuda
