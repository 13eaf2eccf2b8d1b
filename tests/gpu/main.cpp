// main() of the tests on a real GPU: prints the GPU's name, and fails if there is no GPU.
#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/cuda/device.h"
#include "lib/base/error.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const convoy::cuda::DeviceCount devices = convoy::cuda::count_devices();
  if (devices.count == 0) {
    std::fprintf(stderr, "no GPU to test on: %s\n", devices.reason.c_str());
    return 1;
  }
  try {
    convoy::cuda::select_device(0);
    const convoy::cuda::DeviceInfo info = convoy::cuda::device_info(0);
    std::printf("GPU 0: %s, compute capability %d.%d, %d multiprocessors\n", info.name.c_str(), info.major,
                info.minor, info.multiprocessors);
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return RUN_ALL_TESTS();
}
