// kernels/accumulate on a CPU.
#include "kernels/accumulate.h"

#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

TEST(Accumulate, BeginsAnewOrAdds) {
  TestRandom random(61);
  for (const std::size_t count : {std::size_t{1}, std::size_t{17}, std::size_t{5000}}) {
    std::vector<float> x(count);
    std::vector<float> sum(count);
    for (float& value : x) value = static_cast<float>(random.next());
    for (float& value : sum) value = static_cast<float>(random.next());
    std::vector<float> want(count);
    for (std::size_t i = 0; i < count; ++i) want[i] = sum[i] + x[i];
    cpu::accumulate(false, std::ssize(x), x.data(), sum.data());
    EXPECT_EQ(sum, want);
    cpu::accumulate(true, std::ssize(x), x.data(), sum.data());
    EXPECT_EQ(sum, x);
  }
}

}  // namespace
}  // namespace convoy
