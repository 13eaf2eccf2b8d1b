// bench [--seconds=N] [BATCH...]: times the CUDA backend on the first GPU: its peaks, whole training steps of
// AlexNet, and each layer in each direction, next to cuDNN. Prints tables to stdout. Whatever has not begun N
// seconds after the start is left out, and reported as such.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cuda/gemm.h"
#include "lib/base/error.h"
#include "lib/net/backends.h"
#include "lib/net/describe.h"
#include "lib/net/init.h"
#include "tests/bench/gpu/layers.h"
#include "tests/bench/gpu/timing.h"

namespace convoy::bench {
namespace {

Peaks measure_peaks(const cuda::Stream& stream) {
  Buffers buffers(stream);
  Peaks peaks;
  constexpr std::int64_t kSide = 8192;
  const cuda::GemmContext context;
  cuda::GemmShape shape;
  shape.rows = shape.columns = shape.depth = kSide;
  const cuda::Gemm gemm(context, shape);
  const auto* const a = buffers.make<Bf16>(kSide * kSide);
  const auto* const b = buffers.make<Bf16>(kSide * kSide);
  auto* const d = buffers.make<Bf16>(kSide * kSide);
  const double product = milliseconds_of(
      stream, [&] { gemm.run(stream, a, b, nullptr, d); }, 5);
  peaks.tflops = 2.0 * kSide * kSide * kSide / product * 1e-9;
  constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  const auto* const from = buffers.make<char>(kBytes);
  auto* const to = buffers.make<char>(kBytes);
  const double copy = milliseconds_of(
      stream, [&] { cuda::copy_on_device(stream, to, from, kBytes); }, 5);
  peaks.gigabytes = 2.0 * kBytes / copy * 1e-6;
  const cuda::HostBuffer host(std::uint64_t{256} << 20);
  const double transfer = milliseconds_of(
      stream, [&] { cuda::copy_to_device(stream, to, host.as<char>(), host.bytes()); }, 3);
  std::printf(
      "bf16 product of %lld^3: %.0f TFLOP/s; copy on the device: %.0f GB/s; host to device: %.1f GB/s\n\n",
      static_cast<long long>(kSide), peaks.tflops, peaks.gigabytes,
      static_cast<double>(host.bytes()) / transfer * 1e-6);
  return peaks;
}

NetSpec alexnet(bool lrn) {
  std::ifstream in("examples/nets/alexnet.net");
  if (!in) throw Error("examples/nets/alexnet.net", "not found: run in the root of the source tree");
  std::string text;
  for (std::string line; std::getline(in, line);) {
    if (lrn || line.compare(0, 3, "lrn") != 0) text += line + "\n";
  }
  return parse_net(text, "alexnet.net");
}

// Images per second, from images in the host's memory to updated weights, with two steps in flight.
double training_rate(const NetSpec& net, int batch) {
  CompileOptions options;
  options.batch = batch;
  options.precision = Element::bf16;
  const auto compiled = compile_cuda(net, options, 0);
  initialize_parameters(*compiled, 1);
  const auto stored = static_cast<std::size_t>(net.input.stored.elements());
  std::vector<std::uint8_t> pixels(stored * 128);
  std::uint32_t state = 1;
  for (std::uint8_t& value : pixels) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  std::vector<const std::uint8_t*> images;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> records;
  for (int n = 0; n < batch; ++n) {
    images.push_back(pixels.data() + static_cast<std::size_t>(n % 128) * stored);
    labels.push_back(n * 37 % 1000);
    records.push_back(static_cast<std::uint64_t>(n));
  }
  const std::vector<Crop> crops(images.size());
  const std::vector<std::uint32_t> epochs(images.size());
  const BatchView view{images, crops, labels, records, epochs};
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      compiled->start_step(view, {1e-4, 0.9, 0.0005});
      if (i > 0) (void)compiled->finish_step();
    }
    (void)compiled->finish_step();
  };
  run(20);
  const int steps = std::max(20, 60000 / batch);
  const auto start = std::chrono::steady_clock::now();
  run(steps);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return steps * batch / seconds;
}

void time_steps(const std::vector<int>& batches, const Peaks& peaks, const Deadline& deadline) {
  for (const bool lrn : {true, false}) {
    const NetSpec net = alexnet(lrn);
    const auto flop = static_cast<double>(cost_of(net).training_flop);
    for (const int batch : batches) {
      const char* const with = lrn ? "with   " : "without";
      if (deadline.passed()) {
        std::printf("training step, batch %4d, %s LRN: left out, the time is up\n", batch, with);
        continue;
      }
      const double rate = training_rate(net, batch);
      const double tflops = rate * flop * 1e-12;
      std::printf("training step, batch %4d, %s LRN: %8.0f images/s %7.1f TFLOP/s %4.0f %% of peak\n", batch,
                  with, rate, tflops, 100.0 * tflops / peaks.tflops);
      std::fflush(stdout);
    }
  }
  std::printf("\n");
}

void run(int argc, char** argv) {
  constexpr std::string_view kSeconds = "--seconds=";
  double seconds = 240.0;
  std::vector<int> batches;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with(kSeconds)) {
      seconds = std::atof(argument.c_str() + kSeconds.size());
    } else {
      batches.push_back(std::atoi(argument.c_str()));
      if (batches.back() < 1) throw Error("'" + argument + "'", "is no batch size");
    }
  }
  if (batches.empty()) batches = {128, 256, 1024};
  const Deadline deadline(seconds);
  const cuda::DeviceCount devices = cuda::count_devices();
  if (devices.count == 0) throw Error("GPU", devices.reason);
  cuda::select_device(0);
  const cuda::DeviceInfo info = cuda::device_info(0);
  const cuda::Stream stream;
  const std::unique_ptr<Cudnn> cudnn = Cudnn::load(stream);
  std::printf("%s, %d multiprocessors, %.0f GB; cuDNN: %s\n", info.name.c_str(), info.multiprocessors,
              static_cast<double>(info.total_bytes) * 1e-9, cudnn ? cudnn->version().c_str() : "not found");
  const Peaks peaks = measure_peaks(stream);
  time_steps(batches, peaks, deadline);
  if (cudnn) {
    std::printf("cuDNN's columns are of its legacy interface (cudnnConvolution*), without bias and ReLU\n");
  }
  for (const int batch : batches) time_layers(stream, batch, cudnn.get(), peaks, deadline);
}

}  // namespace
}  // namespace convoy::bench

int main(int argc, char** argv) {
  try {
    convoy::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
