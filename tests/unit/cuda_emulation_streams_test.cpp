// Streams, events and graphs of the emulated device: ordered work runs in order, and missing order is found,
// because under some schedules the work runs in another order.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.cuh"
#include "lib/base/error.h"
#include "tests/bench/gpu/timing.h"
#include "tests/cuda_emulation/schedules.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

using emulation::kSchedules;
using emulation::schedules_that_show;

constexpr std::int64_t kValues = 32;

__global__ void fill(float* out, float value) { out[threadIdx.x] = value; }
__global__ void add_one(float* out) { out[threadIdx.x] += 1; }
__global__ void copy(const float* in, float* out) { out[threadIdx.x] = in[threadIdx.x]; }

void fill_with(const Stream& stream, OnDevice<float>& out, float value) {
  launch(fill, dim3(1), dim3(kValues), 0, stream, out.data(), value);
}
void increment(const Stream& stream, OnDevice<float>& out) {
  launch(add_one, dim3(1), dim3(kValues), 0, stream, out.data());
}
void copy_values(const Stream& stream, const OnDevice<float>& in, OnDevice<float>& out) {
  launch(copy, dim3(1), dim3(kValues), 0, stream, in.data(), out.data());
}
bool all_are(const std::vector<float>& values, float wanted) {
  return std::ranges::all_of(values, [&](float value) { return value == wanted; });
}

__global__ void only_captured(float* out) { out[threadIdx.x] = 1; }
__global__ void only_timed(float* out) { out[threadIdx.x] += 1; }

class CudaEmulationStreams : public testing::Test {
 protected:
  // Kernels must have run before they are captured.
  CudaEmulationStreams() {
    const Stream stream;
    OnDevice<float> from(stream, kValues);
    OnDevice<float> to(stream, kValues);
    fill_with(stream, from, 1.0F);
    increment(stream, from);
    copy_values(stream, from, to);
    stream.synchronize();
  }
};

TEST_F(CudaEmulationStreams, WorkHasRunWhenWaitedForAndMayHaveBefore) {
  int before = 0;
  const int wrong = schedules_that_show([&] {
    const Stream first;
    const Stream second;
    OnDevice<float> out(first, kValues);
    std::vector<float> host(kValues, 0.0F);
    fill_with(first, out, 5.0F);
    const Event filled;
    first.record(filled);
    second.wait(filled);
    increment(second, out);
    const Event incremented;
    second.record(incremented);
    copy_to_host(second, host.data(), out.data(), sizeof(float) * host.size());
    incremented.synchronize();
    if (host[0] != 0.0F) ++before;
    second.synchronize();
    return !all_are(host, 6.0F);
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(before, 0);
  EXPECT_LT(before, kSchedules);
}

TEST_F(CudaEmulationStreams, GraphsRepeatTheirWork) {
  const Stream stream;
  const Stream side;
  const Event fork;
  const Event join;
  OnDevice<float> out(stream, std::vector<float>(kValues, 0.0F));
  const Graph graph(stream, [&] {
    increment(stream, out);
    stream.record(fork);
    side.wait(fork);
    increment(side, out);
    side.record(join);
    stream.wait(join);
  });
  for (int i = 0; i < 3; ++i) graph.launch(stream);
  EXPECT_TRUE(all_are(out.values(), 6.0F));
  EXPECT_THROW(side.wait(join), Error);  // the capture has ended
  EXPECT_THROW(Graph(stream,
                     [&] {
                       stream.record(fork);
                       side.wait(fork);
                       increment(side, out);
                     }),
               Error);
  EXPECT_THROW(Graph(stream,
                     [&] {
                       stream.record(fork);
                       side.wait(fork);
                       increment(side, out);
                       side.record(join);
                       stream.wait(join);
                       increment(side, out);
                     }),
               Error);
  EXPECT_THROW(Graph(stream, [&] { stream.synchronize(); }), Error);
  EXPECT_THROW(Graph(stream, [&] { launch(only_captured, dim3(1), dim3(kValues), 0, stream, out.data()); }),
               Error);
  EXPECT_THROW(Graph(stream, [&] { const DeviceBuffer more(16, "more"); }), Error);
}

// Launches of one graph do not overlap, whichever streams they are on.
TEST_F(CudaEmulationStreams, AGraphWaitsForItsOwnLastLaunch) {
  const Stream stream;
  OnDevice<float> out(stream, std::vector<float>(kValues, 0.0F));
  const Graph graph(stream, [&] {
    increment(stream, out);
    increment(stream, out);
  });
  EXPECT_EQ(schedules_that_show([&] {
              const Stream other;
              fill_with(stream, out, 0.0F);
              const Event filled;
              stream.record(filled);
              other.wait(filled);
              graph.launch(stream);
              const Event launched;
              stream.record(launched);
              graph.launch(other);
              other.wait(launched);
              other.synchronize();
              return !all_are(out.values(), 4.0F);
            }),
            0);
}

// --- planted faults ---

enum class Wait { there, missing };

TEST_F(CudaEmulationStreams, FindsAMissingWaitBetweenStreams) {
  const auto wrong = [](Wait wait) {
    const Stream first;
    const Stream second;
    OnDevice<float> out(first, kValues);
    fill_with(first, out, 5.0F);
    const Event filled;
    first.record(filled);
    if (wait == Wait::there) second.wait(filled);
    increment(second, out);
    first.synchronize();  // in the order of the calls there is no error
    second.synchronize();
    return !all_are(out.values(), 6.0F);
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong(Wait::there); }), 0);
  EXPECT_GE(schedules_that_show([&] { return wrong(Wait::missing); }), 1);
}

// The side stream copies what the first stream has filled. A fork that was recorded before that does not wait
// for it.
TEST_F(CudaEmulationStreams, FindsAMissingWaitWithinAGraph) {
  const auto wrong = [](Wait wait) {
    const Stream stream;
    const Stream side;
    const Event fork;
    const Event join;
    OnDevice<float> from(stream, kValues);
    OnDevice<float> to(stream, kValues);
    const Graph graph(stream, [&] {
      stream.record(fork);
      fill_with(stream, from, 5.0F);
      if (wait == Wait::there) stream.record(fork);
      side.wait(fork);
      copy_values(side, from, to);
      side.record(join);
      stream.wait(join);
    });
    graph.launch(stream);
    return !all_are(to.values(), 5.0F);
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong(Wait::there); }), 0);
  EXPECT_GE(schedules_that_show([&] { return wrong(Wait::missing); }), 1);
}

// The first stream overwrites what the side stream reads, and joins it either before or after doing so.
TEST_F(CudaEmulationStreams, FindsAnOverwriteThatDoesNotWait) {
  const auto wrong = [](Wait wait) {
    const Stream stream;
    const Stream side;
    const Event fork;
    const Event join;
    OnDevice<float> from(stream, kValues);
    OnDevice<float> to(stream, kValues);
    const Graph graph(stream, [&] {
      fill_with(stream, from, 5.0F);
      stream.record(fork);
      side.wait(fork);
      copy_values(side, from, to);
      side.record(join);
      if (wait == Wait::there) stream.wait(join);
      fill_with(stream, from, 7.0F);
      if (wait == Wait::missing) stream.wait(join);
    });
    graph.launch(stream);
    return !all_are(to.values(), 5.0F);
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong(Wait::there); }), 0);
  EXPECT_GE(schedules_that_show([&] { return wrong(Wait::missing); }), 1);
}

// A copy on a stream of its own overwrites what the preceding graph still reads.
TEST_F(CudaEmulationStreams, FindsACopyThatDoesNotWaitForAGraph) {
  const auto wrong = [](Wait wait) {
    const Stream stream;
    const Stream copies;
    const Event done;
    OnDevice<float> from(stream, std::vector<float>(kValues, 5.0F));
    OnDevice<float> to(stream, kValues);
    const std::vector<float> next(kValues, 7.0F);
    const Graph graph(stream, [&] { copy_values(stream, from, to); });
    graph.launch(stream);
    stream.record(done);
    if (wait == Wait::there) copies.wait(done);
    copy_to_device(copies, from.data(), next.data(), sizeof(float) * next.size());
    stream.synchronize();
    copies.synchronize();
    return !all_are(to.values(), 5.0F);
  };
  EXPECT_EQ(schedules_that_show([&] { return wrong(Wait::there); }), 0);
  EXPECT_GE(schedules_that_show([&] { return wrong(Wait::missing); }), 1);
}

// The host changes the source of a copy that it has enqueued: too early on a slow device, and on a quick one
// so late that the copy has been done.
TEST_F(CudaEmulationStreams, FindsAHostThatDoesNotWait) {
  const auto copied = [](Wait wait) {
    const Stream stream;
    OnDevice<float> out(stream, kValues);
    std::vector<float> host(kValues, 5.0F);
    copy_to_device(stream, out.data(), host.data(), sizeof(float) * host.size());
    if (wait == Wait::there) stream.synchronize();
    std::ranges::fill(host, 7.0F);
    return out.values();
  };
  EXPECT_EQ(schedules_that_show([&] { return !all_are(copied(Wait::there), 5.0F); }), 0);
  EXPECT_GE(schedules_that_show([&] { return !all_are(copied(Wait::missing), 5.0F); }), 1);
  EXPECT_GE(schedules_that_show([&] { return !all_are(copied(Wait::missing), 7.0F); }), 1);
}

// How bench-gpu measures time: it can also time kernels that have not run before, which must not be loaded in
// a capture.
TEST(BenchTiming, RunsWhatItTimesBeforeItIsCaptured) {
  const Stream stream;
  OnDevice<float> out(stream, std::vector<float>(kValues, 0.0F));
  int given = 0;
  const auto work = [&] {
    ++given;
    launch(only_timed, dim3(1), dim3(kValues), 0, stream, out.data());
  };
  const bench::Bench bench(stream, 60.0, bench::kFullEffort, "");
  EXPECT_GE(bench.milliseconds(work, 3), 0.0);
  EXPECT_EQ(given, 1 + 3);
  const std::vector<float> runs = out.values();
  EXPECT_TRUE(all_are(runs, runs[0]));
  EXPECT_GE(runs[0], 1.0F + 2 * 3);
}

}  // namespace
}  // namespace convoy::cuda
