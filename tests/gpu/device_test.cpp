// What only a real GPU's runtime does: kernels/cuda/device.h and launch.cuh. On the emulated device it shows
// that the tests themselves are whole.
#include "kernels/cuda/device.h"

#include <gtest/gtest.h>

#include "kernels/cuda/gemm.h"
#include "kernels/lrn_pool.h"
#include "lib/base/error.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// A launch that needs more shared memory than any GPU has.
void launch_too_large(const Stream& stream) {
  LrnPoolShape shape;
  shape.lrn.tensor = {1, 80000, 5, 5, 80000};
  shape.pool = {shape.lrn.tensor, {1, 80000, 2, 2, 80000}, 3, 3, 2, 0, 0};
  DeviceBuffer buffer(64, "test");  // nothing runs, so nothing is read
  lrn_pool_forward(stream, shape, buffer.as<Bf16>(), buffer.as<Bf16>(), buffer.as<LrnPoolIndex>());
  stream.synchronize();
}

// What comes next, in the runtime and in cuBLASLt, which looks at the runtime's last error, must not take the
// refused launch for its own.
TEST(Device, ARefusedLaunchLeavesNoErrorBehind) {
  {
    const Stream stream;
    EXPECT_THROW(launch_too_large(stream), Error);
  }
  const Stream stream;
  const GemmContext context;
  GemmShape shape;
  shape.rows = shape.columns = shape.depth = 16;
  const Gemm gemm(context, shape);
  const OnDevice<Bf16> ones(stream, std::vector<Bf16>(256, from_float<Bf16>(1.0F)));
  OnDevice<Bf16> d(stream, 256);
  for (int run = 0; run < 2; ++run) {
    gemm.run(stream, ones.data(), ones.data(), nullptr, d.data());
    stream.synchronize();
  }
  for (const Bf16 value : d.values()) EXPECT_EQ(to_float(value), 16.0F);
}

}  // namespace
}  // namespace convoy::cuda
