// The emulated device itself: it executes CUDA's collectives as documented, and finds the faults that are
// planted here. The faulty kernels are undefined behaviour on a GPU, so they only run here. Its streams are
// tested in cuda_emulation_streams_test.cpp.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/cuda/reduce.cuh"
#include "lib/base/bf16.h"

#include "tests/cuda_emulation/memory.h"
#include "tests/cuda_emulation/schedules.h"

namespace convoy::cuda {
namespace {

using emulation::Fault;
using emulation::kSchedules;
using emulation::schedules_that_show;

template <typename T>
DeviceBuffer upload(const Stream& stream, const std::vector<T>& values) {
  DeviceBuffer buffer(values.size() * sizeof(T), "test");
  copy_to_device(stream, buffer.data(), values.data(), buffer.bytes());
  stream.synchronize();
  return buffer;
}
template <typename T>
std::vector<T> download(const Stream& stream, const DeviceBuffer& buffer) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  copy_to_host(stream, values.data(), buffer.data(), buffer.bytes());
  stream.synchronize();
  return values;
}

std::string fault_of(const Stream& stream) {
  try {
    stream.synchronize();
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "no fault";
}

// --- correct code works ---

__global__ void number_threads(std::int64_t* out) {
  const std::int64_t block = (std::int64_t{blockIdx.z} * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

TEST(CudaEmulation, RunsEveryThreadOfEveryBlockOnce) {
  const Stream stream;
  DeviceBuffer out(3 * 5 * 7 * 64 * 8, "test");
  launch(number_threads, dim3(3, 5, 7), dim3(8, 4, 2), 0, stream, out.as<std::int64_t>());
  const auto values = download<std::int64_t>(stream, out);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], static_cast<std::int64_t>(i / 64 * 1000 + i % 64));
  }
}

// The sum over a block of 96 threads, in every thread.
__device__ int block_sum(int value) {
  struct Partial {
    int of_warp[3];
  };
  Partial& partial = block_shared<Partial>();
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial.of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  return partial.of_warp[0] + partial.of_warp[1] + partial.of_warp[2];
}

__global__ void use_collectives(int* sums, unsigned* ballots, int* shuffles, int* block_sums) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  sums[threadIdx.x] = warp_sum(static_cast<int>(threadIdx.x));
  ballots[threadIdx.x] = __ballot_sync(kFullWarp, lane % 3 == 0);
  shuffles[threadIdx.x] = __shfl_down_sync(kFullWarp, lane, 4U) * 1000 + __shfl_up_sync(kFullWarp, lane, 4U);
  block_sums[threadIdx.x] = block_sum(static_cast<int>(threadIdx.x));
}

TEST(CudaEmulation, CarriesOutWarpAndBlockCollectives) {
  const Stream stream;
  std::array<DeviceBuffer, 4> out;
  for (auto& buffer : out) buffer = DeviceBuffer(96 * 4, "test");
  launch(use_collectives, dim3(1), dim3(96), 0, stream, out[0].as<int>(), out[1].as<unsigned>(),
         out[2].as<int>(), out[3].as<int>());
  const auto sums = download<int>(stream, out[0]);
  const auto ballots = download<unsigned>(stream, out[1]);
  const auto shuffles = download<int>(stream, out[2]);
  const auto block_sums = download<int>(stream, out[3]);
  for (int i = 0; i < 96; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const int lane = i % 32;
    EXPECT_EQ(sums[at], (i / 32 * 32) * 32 + 31 * 16);
    EXPECT_EQ(ballots[at], 0x49249249U);
    EXPECT_EQ(shuffles[at], (lane + 4 < 32 ? lane + 4 : lane) * 1000 + (lane >= 4 ? lane - 4 : lane));
    EXPECT_EQ(block_sums[at], 95 * 48);
  }
}

__global__ void count_atomically(int* counter, float* sum) {
  atomicAdd(counter, 1);
  atomicAdd(sum, 0.5F);
}

TEST(CudaEmulation, AtomicsHoldBetweenBlocks) {
  const Stream stream;
  DeviceBuffer out(8, "test");
  fill_zero(stream, out.data(), 8);
  launch(count_atomically, dim3(64), dim3(64), 0, stream, out.as<int>(), out.as<float>() + 1);
  const auto values = download<float>(stream, out);
  EXPECT_EQ(std::bit_cast<int>(values[0]), 4096);
  EXPECT_EQ(values[1], 2048.0F);
}

// One product of 16x16 and 16x8, through cp.async, ldmatrix and mma.sync.
struct ProductOptions {
  bool b_transposed = false;  // b is stored as 16 rows of 8, not as 8 rows of 16
};
__global__ void multiply(const Bf16* a, const Bf16* b, float* d, ProductOptions options) {
  Bf16* const shared_a = dynamic_shared<Bf16>();
  Bf16* const shared_b = shared_a + 16 * 16;
  const unsigned lane = threadIdx.x;
  copy_async<16>(shared_a + lane * 8, a + lane * 8, 16);
  copy_async<8>(shared_b + lane * 4, b + lane * 4, 8);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  std::uint32_t a_registers[4];
  std::uint32_t b_registers[4];
  load_matrix_x4(a_registers, shared_a + lane % 16 * 16 + lane / 16 * 8);
  if (options.b_transposed) {
    load_matrix_x4_transposed(b_registers, shared_b + lane % 16 * 8);
  } else {
    load_matrix_x4(b_registers, shared_b + lane % 8 * 16 + lane / 8 % 2 * 8);
  }
  float sum[4] = {1, 2, 3, 4};
  mma_bf16(sum, a_registers, {b_registers[0], b_registers[1]});
  for (unsigned i = 0; i < 4; ++i) d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}

TEST(CudaEmulation, MultipliesMatrices) {
  std::vector<Bf16> a(256);
  std::vector<Bf16> b(128);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = from_float<Bf16>(static_cast<float>(i * 37 % 101) - 50);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = from_float<Bf16>(static_cast<float>(i * 53 % 97) - 48);
  const Stream stream;
  const DeviceBuffer device_a = upload(stream, a);
  const DeviceBuffer device_b = upload(stream, b);
  for (const bool transposed : {false, true}) {
    DeviceBuffer out(128 * 4, "test");
    launch(multiply, dim3(1), dim3(32), 384 * 2, stream, device_a.as<Bf16>(), device_b.as<Bf16>(),
           out.as<float>(), ProductOptions{transposed});
    const auto d = download<float>(stream, out);
    for (std::size_t row = 0; row < 16; ++row) {
      for (std::size_t column = 0; column < 8; ++column) {
        float sum = 1.0F + static_cast<float>(column % 2) + (row < 8 ? 0.0F : 2.0F);
        for (std::size_t k = 0; k < 16; ++k) {
          sum += to_float(a[row * 16 + k]) * to_float(transposed ? b[k * 8 + column] : b[column * 16 + k]);
        }
        ASSERT_EQ(d[row * 8 + column], sum);  // integers below 2^24: exact in any order
      }
    }
  }
}

TEST(CudaEmulation, RoundsToBf16AsTheHardwareDoes) {
  EXPECT_EQ(pack_bf16(1.0F, -2.0F), 0xC0003F80U);
  EXPECT_EQ(pack_bf16(0x1.01p0F, 0x1.03p0F), 0x3F823F80U);  // ties to even
  EXPECT_TRUE(std::isnan(bf16_low(pack_bf16(std::nanf(""), 0.0F))));
}

TEST(CudaEmulation, SaysWhatMemoryWasNeeded) {
  try {
    const DeviceBuffer much(std::uint64_t{1} << 50, "activations");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("activations: needs 1125899.9 GB of GPU memory"), 0U)
        << error.what();
  }
}

// --- planted faults ---

__global__ void leave_early(int* out) {
  if (threadIdx.x == 37) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void synchronise_half(int* out) {
  if (threadIdx.x < 64) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void synchronise_apart(int* out) {
  if (threadIdx.x < 64) {
    __syncthreads();
  } else {
    out[threadIdx.x] = 1;
    __syncthreads();
  }
}
__global__ void shuffle_some(int* out) {
  int value = static_cast<int>(threadIdx.x);
  if (threadIdx.x % 32 < 31) value = __shfl_xor_sync(kFullWarp, value, 1);
  out[threadIdx.x] = value;
}
__global__ void shuffle_masked(int* out) { out[threadIdx.x] = __shfl_xor_sync(0xFFFFU, 1, 1); }
__global__ void load_matrix_apart(int* out) {
  auto* shared = dynamic_shared<std::uint16_t>();
  std::uint32_t registers[4] = {};
  if (threadIdx.x < 16) {
    load_matrix_x4(registers, shared);
  } else {
    load_matrix_x4(registers, shared + 8);
  }
  out[threadIdx.x] = static_cast<int>(registers[0]);
}

TEST(CudaEmulation, FindsDivergentCollectives) {
  const Stream stream;
  DeviceBuffer out(128 * 4, "test");
  const auto fault = [&](void (*kernel)(int*)) {
    launch(kernel, dim3(2), dim3(128), 1024, stream, out.as<int>());
    return fault_of(stream);
  };
  EXPECT_NE(fault(leave_early).find("has ended"), std::string::npos) << fault(leave_early);
  EXPECT_NE(fault(leave_early).find("__syncthreads at"), std::string::npos) << fault(leave_early);
  EXPECT_NE(fault(synchronise_half).find("has ended"), std::string::npos) << fault(synchronise_half);
  EXPECT_NE(fault(synchronise_apart).find("__syncthreads"), std::string::npos) << fault(synchronise_apart);
  EXPECT_NE(fault(shuffle_some).find("divergent warp"), std::string::npos) << fault(shuffle_some);
  EXPECT_NE(fault(shuffle_some).find("__shfl_xor_sync at"), std::string::npos) << fault(shuffle_some);
  EXPECT_NE(fault(shuffle_masked).find("only whole warps"), std::string::npos) << fault(shuffle_masked);
  EXPECT_NE(fault(load_matrix_apart).find("ldmatrix"), std::string::npos) << fault(load_matrix_apart);
}

TEST(CudaEmulation, NamesKernelBlockThreadAndSeed) {
  const Stream stream;
  DeviceBuffer out(128 * 4, "test");
  launch(leave_early, dim3(1, 1, 1), dim3(128), 0, stream, out.as<int>());
  const std::string fault = fault_of(stream);
  for (const char* part :
       {"cuda_emulation_test.cpp:", "block (0,0,0)", "thread (37,0,0)", "CONVOY_EMULATION_SEED="}) {
    EXPECT_NE(fault.find(part), std::string::npos) << part << " in: " << fault;
  }
}

__global__ void load_misaligned(const float* in, float* out) {
  out[threadIdx.x] = load_aligned<4>(in + threadIdx.x).at[0];
}
__global__ void copy_misaligned(const Bf16* in, float* out) {
  auto* shared = dynamic_shared<Bf16>();
  copy_async<16>(shared + threadIdx.x * 8, in + 1 + threadIdx.x * 8, 16);
  copy_async_commit();
  copy_async_wait<0>();
  out[threadIdx.x] = to_float(shared[threadIdx.x * 8]);
}
__global__ void load_matrix_misaligned(float* out) {
  std::uint32_t registers[4];
  load_matrix_x4(registers, dynamic_shared<Bf16>() + threadIdx.x * 12);
  out[threadIdx.x] = std::bit_cast<float>(registers[0]);
}

TEST(CudaEmulation, FindsMisalignedAccesses) {
  const Stream stream;
  DeviceBuffer in(4096, "test");
  DeviceBuffer out(4096, "test");
  launch(load_misaligned, dim3(1), dim3(32), 0, stream, in.as<float>(), out.as<float>());
  EXPECT_NE(fault_of(stream).find("vector access: address not a multiple of 16"), std::string::npos);
  launch(copy_misaligned, dim3(1), dim3(32), 512, stream, in.as<Bf16>(), out.as<float>());
  EXPECT_NE(fault_of(stream).find("cp.async from device memory: address not a multiple of 16"),
            std::string::npos);
  launch(load_matrix_misaligned, dim3(1), dim3(32), 1024, stream, out.as<float>());
  EXPECT_NE(fault_of(stream).find("ldmatrix: address not a multiple of 16"), std::string::npos);
}

__global__ void copy_too_far(const float* in, int shared_at, int in_at, int wait) {
  auto* shared = dynamic_shared<float>();
  copy_async<16>(shared + shared_at + threadIdx.x * 4, in + in_at + threadIdx.x * 4, 16);
  copy_async_commit();
  if (wait != 0) copy_async_wait<0>();
}

TEST(CudaEmulation, FindsCopiesOutOfBounds) {
  const Stream stream;
  DeviceBuffer in(32 * 16, "test");
  const auto fault = [&](int shared_at, int in_at, int wait) {
    launch(copy_too_far, dim3(1), dim3(32), 32 * 16, stream, in.as<float>(), shared_at, in_at, wait);
    return fault_of(stream);
  };
  EXPECT_EQ(fault(0, 0, 1), "no fault");
  EXPECT_NE(fault(4, 0, 1).find("outside of the block's shared memory"), std::string::npos);
  EXPECT_NE(fault(-4, 0, 1).find("outside of the block's shared memory"), std::string::npos);
  EXPECT_NE(fault(0, 4, 1).find("outside of device memory"), std::string::npos);
  EXPECT_NE(fault(0, 0, 0).find("never waited for"), std::string::npos);
}

__global__ void load_vectors(const float* in, int in_at, int shared_at, float* out) {
  auto* shared = dynamic_shared<float>();
  shared[threadIdx.x * 4] = 1;
  const float loaded = load_aligned<4>(in + in_at + threadIdx.x * 4).at[0];
  store_aligned<4>(shared + shared_at + threadIdx.x * 4, Aligned<float, 4>{{loaded, 0, 0, 0}});
  out[threadIdx.x] = shared[threadIdx.x * 4];
}

TEST(CudaEmulation, FindsVectorAccessesOutOfBounds) {
  const Stream stream;
  DeviceBuffer in(32 * 16, "test");
  DeviceBuffer out(32 * 4, "test");
  const auto fault = [&](int in_at, int shared_at) {
    launch(load_vectors, dim3(1), dim3(32), 32 * 16, stream, in.as<float>(), in_at, shared_at,
           out.as<float>());
    return fault_of(stream);
  };
  EXPECT_EQ(fault(0, 0), "no fault");
  for (const int elements : {4, -4, 1 << 20}) {
    EXPECT_NE(fault(elements, 0).find("vector access: address outside"), std::string::npos) << elements;
    EXPECT_NE(fault(0, elements).find("vector access: address outside"), std::string::npos) << elements;
  }
}

__global__ void write_outside(int offset) {
  struct Shared {
    float values[32];
  };
  auto& shared = block_shared<Shared>();
  shared.values[threadIdx.x] = 1;
  __syncthreads();
  float* volatile at = dynamic_shared<float>();  // volatile: the compiler must not see where it points
  at[static_cast<int>(threadIdx.x) + offset] = 2;
}

TEST(CudaEmulation, FindsWritesOutOfBoundsOfSharedMemory) {
  const Stream stream;
  const auto fault = [&](int offset) {
    launch(write_outside, dim3(1), dim3(32), 32 * 4, stream, offset);
    return fault_of(stream);
  };
  EXPECT_EQ(fault(0), "no fault");
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer ends the program at the write itself";
#else
  EXPECT_NE(fault(1).find("outside of the block's objects"), std::string::npos) << fault(1);
  EXPECT_NE(fault(-1).find("outside of the block's objects"), std::string::npos) << fault(-1);
#endif
}

TEST(CudaEmulationDeathTest, AddressSanitizerKnowsTheGuards) {
#if defined(__SANITIZE_ADDRESS__)
  const Stream stream;
  EXPECT_DEATH(
      {
        launch(write_outside, dim3(1), dim3(32), 32 * 4, stream, 1);
        stream.synchronize();
      },
      "AddressSanitizer");
#else
  GTEST_SKIP() << "needs a build with AddressSanitizer (make MODE=asan)";
#endif
}

// Reverses 256 values through shared memory; with kBarrier false it lacks the barrier.
template <bool kBarrier>
__global__ void reverse(const float* in, float* out) {
  auto* shared = dynamic_shared<float>();
  shared[threadIdx.x] = in[threadIdx.x];
  if constexpr (kBarrier) __syncthreads();
  out[threadIdx.x] = shared[255 - threadIdx.x];
}
// Sums tiles of 128 values through a ring of two cp.async stages; each thread reads elements that another
// one copied.
template <int kGroupsLeft, bool kSecondBarrier>
__global__ void pipeline(const float* in, float* out, int tiles) {
  auto* shared = dynamic_shared<float>();
  const auto issue = [&](int tile) {
    if (tile < tiles) {
      copy_async<4>(shared + tile % 2 * 128 + threadIdx.x, in + tile * 128 + threadIdx.x, 4);
    }
    copy_async_commit();
  };
  float sum = 0;
  issue(0);
  for (int tile = 0; tile < tiles; ++tile) {
    issue(tile + 1);
    copy_async_wait<kGroupsLeft>();
    __syncthreads();
    sum += shared[tile % 2 * 128 + 127 - threadIdx.x];
    if constexpr (kSecondBarrier) __syncthreads();
  }
  copy_async_wait<0>();
  out[threadIdx.x] = sum;
}

TEST(CudaEmulation, FindsMissingBarriersAndWrongWaitCounts) {
  const Stream stream;
  constexpr int kTiles = 5;
  std::vector<float> values(128 * kTiles);
  std::iota(values.begin(), values.end(), 1.0F);
  const DeviceBuffer in = upload(stream, values);
  DeviceBuffer out(256 * 4, "test");
  const auto wrong_reverse = [&](void (*kernel)(const float*, float*)) {
    launch(kernel, dim3(1), dim3(256), 1024, stream, in.as<float>(), out.as<float>());
    const auto result = download<float>(stream, out);
    for (std::size_t i = 0; i < 256; ++i) {
      if (!(result[i] == values[255 - i])) return true;  // also for NaN
    }
    return false;
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong_reverse(reverse<true>); }), 0);
  EXPECT_EQ(schedules_that_show([&] { return wrong_reverse(reverse<false>); }), kSchedules);
  const auto wrong_pipeline = [&](void (*kernel)(const float*, float*, int)) {
    launch(kernel, dim3(1), dim3(128), 1024, stream, in.as<float>(), out.as<float>(), kTiles);
    const auto result = download<float>(stream, out);
    for (std::size_t i = 0; i < 128; ++i) {
      float sum = 0;
      for (std::size_t tile = 0; tile < kTiles; ++tile) sum += values[tile * 128 + 127 - i];
      if (!(result[i] == sum)) return true;
    }
    return false;
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong_pipeline(pipeline<1, true>); }), 0);
  EXPECT_EQ(schedules_that_show([&] { return wrong_pipeline(pipeline<2, true>); }),
            kSchedules);  // the wait count is wrong
  EXPECT_GE(schedules_that_show([&] { return wrong_pipeline(pipeline<1, false>); }),
            kSchedules / 2);  // a barrier is missing
}

__global__ void read_uninitialised(float* out) {
  struct Shared {
    float values[64];
  };
  auto& shared = block_shared<Shared>();
  shared.values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = shared.values[threadIdx.x + 1];  // index is off by one
}

TEST(CudaEmulation, FindsAnIndexOneOff) {
  const Stream stream;
  DeviceBuffer out(32 * 4, "test");
  // A block that ran before leaves values in the same memory; they must not be visible to this one.
  for (int i = 0; i < 2; ++i) {
    launch(read_uninitialised, dim3(4), dim3(32), 0, stream, out.as<float>());
    const auto values = download<float>(stream, out);
    EXPECT_EQ(values[30], 1.0F);
    EXPECT_TRUE(std::isnan(values[31]));
  }
}

__global__ void add_one(float* out) { out[threadIdx.x] += 1; }
template <int kBytes>
__global__ void take_static(float* out) {
  struct Shared {
    char bytes[kBytes];
  };
  block_shared<Shared>().bytes[threadIdx.x] = 1;
  out[threadIdx.x] = 0;
}

TEST(CudaEmulation, RefusesImpossibleLaunches) {
  const Stream stream;
  DeviceBuffer out(4096, "test");
  const auto refused = [&](dim3 grid, dim3 block, std::size_t shared) {
    launch(add_one, grid, block, shared, stream, out.as<float>());
    return fault_of(stream) != "no fault";
  };
  EXPECT_FALSE(refused(dim3(1), dim3(1024), 0));
  EXPECT_TRUE(refused(dim3(0), dim3(32), 0));
  EXPECT_TRUE(refused(dim3(1, 65536), dim3(32), 0));
  EXPECT_TRUE(refused(dim3(1), dim3(33), 0));
  EXPECT_TRUE(refused(dim3(1), dim3(2048), 0));
  EXPECT_TRUE(refused(dim3(1), dim3(32), 228 * 1024));
  const auto refused_with = [&](auto kernel, std::size_t shared) {
    launch(kernel, dim3(1), dim3(32), shared, stream, out.as<float>());
    return fault_of(stream) != "no fault";
  };
  EXPECT_FALSE(refused_with(take_static<8 * 1024>, 219 * 1024));
  EXPECT_TRUE(refused_with(take_static<8 * 1024>, 220 * 1024));
  EXPECT_TRUE(refused_with(take_static<49 * 1024>, 0));
}

TEST(CudaEmulation, NewMemoryIsPoisoned) {
  const Stream stream;
  const DeviceBuffer buffer(64, "test");
  EXPECT_TRUE(emulation::is_device_memory(buffer.data(), 64));
  EXPECT_FALSE(emulation::is_device_memory(buffer.data(), 65));
  for (const float value : download<float>(stream, buffer)) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace convoy::cuda
