// bench [OPTION]... PART [BATCH]...: times a part of the CUDA backend on the first GPU, for each batch size
// (128, 256, 1024).
//
//   peaks    a large product, copies, reads from the L2 cache
//   steps    whole training steps of AlexNet, with and without LRN, from images in the host's memory
//   layers   each operation of a step alone
//   cudnn    cuDNN's convolutions of the same shapes
//
//   --seconds=N      leave out what would begin later
//   --only=A,B       only these layers (conv1, ..., fc8, input, all) or nets (alexnet, alexnet-no-lrn)
//   --net=FILE       steps of this net instead of examples/nets/alexnet.net
//   --effort=N       repetitions of each measurement, from 1 to 20 (20); fewer are for trying the program
//
// bench shard FILE IMAGES [SIDE CHANNELS CLASSES]: writes a shard of random images (256 3 1000), to measure
// train with.
//
// Prints the lines of report.h. What fails is a line too, and the rest goes on; the status is 1 then, and 77
// if there is no cuDNN.
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
#include "tests/bench/gpu/l2.h"
#include "tests/bench/gpu/layers.h"
#include "tests/bench/gpu/random_shard.h"

namespace convoy::bench {
namespace {

void time_product(const Bench& bench) {
  const std::int64_t side = bench.quick() ? 64 : 8192;
  Buffers buffers(bench.stream);
  const cuda::GemmContext context;
  cuda::GemmShape shape;
  shape.rows = shape.columns = shape.depth = side;
  const cuda::Gemm gemm(context, shape);
  const auto* const a = buffers.make<Bf16>(side * side);
  const auto* const b = buffers.make<Bf16>(side * side);
  auto* const d = buffers.make<Bf16>(side * side);
  const double milliseconds = bench.milliseconds([&] { gemm.run(bench.stream, a, b, nullptr, d); }, 5);
  report({"peak", "bf16", "product"}, 2.0 * static_cast<double>(side * side * side) / milliseconds * 1e-9,
         "TFLOP/s");
}

void time_copies(const Bench& bench) {
  const std::uint64_t bytes = std::uint64_t{1} << (bench.quick() ? 16 : 30);
  Buffers buffers(bench.stream);
  const auto* const from = buffers.make<char>(static_cast<std::int64_t>(bytes));
  auto* const to = buffers.make<char>(static_cast<std::int64_t>(bytes));
  const double copy = bench.milliseconds([&] { cuda::copy_on_device(bench.stream, to, from, bytes); }, 5);
  report({"peak", "memory", "copy"}, 2.0 * static_cast<double>(bytes) / copy * 1e-6, "GB/s");
  const cuda::HostBuffer host(bytes / 4);
  const double transfer =
      bench.milliseconds([&] { cuda::copy_to_device(bench.stream, to, host.as<char>(), host.bytes()); }, 3);
  report({"peak", "host", "to_device"}, static_cast<double>(host.bytes()) / transfer * 1e-6, "GB/s");
}

void time_l2(const Bench& bench, int multiprocessors) {
  const std::int64_t bytes = std::int64_t{1} << (bench.quick() ? 14 : 24);
  const int blocks = 4 * multiprocessors;
  Buffers buffers(bench.stream);
  const auto* const data = buffers.make<float>(bytes / 4);
  auto* const sink = buffers.make<float>(4);
  const double milliseconds =
      bench.milliseconds([&] { read_l2(bench.stream, blocks, data, bytes, sink); }, 5);
  report({"peak", "l2", "read"}, static_cast<double>(bytes * blocks) / milliseconds * 1e-6, "GB/s");
}

void time_peaks(Bench& bench) {
  bench.attempt({"peak", "bf16", "product"}, [&] { time_product(bench); });
  bench.attempt({"peak", "memory", "copy"}, [&] { time_copies(bench); });
  const int multiprocessors = std::min(cuda::device_info(0).multiprocessors, bench.quick() ? 2 : 1 << 20);
  bench.attempt({"peak", "l2", "read"}, [&] { time_l2(bench, multiprocessors); });
}

NetSpec read_net(const std::string& path, bool lrn) {
  std::ifstream in(path);
  if (!in) throw Error(path, "not found: run in the root of the source tree");
  std::string text;
  for (std::string line; std::getline(in, line);) {
    if (lrn || line.compare(0, 3, "lrn") != 0) text += line + "\n";
  }
  return parse_net(text, path);
}

// Images a second from images in the host's memory to updated weights, two steps in flight.
double training_rate(const Bench& bench, const NetSpec& net, int batch) {
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
    labels.push_back(n * 37 % net.classes());
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
  run(bench.quick() ? 1 : 20);
  const int steps = bench.quick() ? 2 : std::max(20, 60000 / batch);
  const auto start = std::chrono::steady_clock::now();
  run(steps);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return steps * batch / seconds;
}

void time_steps(Bench& bench, const std::string& path, int batch) {
  const std::string stem = path.substr(path.rfind('/') + 1, path.rfind('.') - path.rfind('/') - 1);
  for (const bool lrn : {true, false}) {
    const std::string name = lrn ? stem : stem + "-no-lrn";
    if (!bench.wants(name)) continue;
    bench.attempt({"step", name, "train", batch}, [&] {
      const NetSpec net = read_net(path, lrn);
      report({"step", name, "train", batch}, training_rate(bench, net, batch), "images/s",
             static_cast<double>(cost_of(net).training_flop), "FLOP");
    });
  }
}

struct Options {
  double seconds = 1e9;
  std::string only;
  std::string net = "examples/nets/alexnet.net";
  int effort = kFullEffort;
  std::string part;
  std::vector<int> batches;
};

Options read_options(const std::vector<std::string>& arguments) {
  Options options;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (argument.starts_with("--seconds=")) {
      options.seconds = std::atof(value.c_str());
    } else if (argument.starts_with("--only=")) {
      options.only = value;
    } else if (argument.starts_with("--net=")) {
      options.net = value;
    } else if (argument.starts_with("--effort=")) {
      options.effort = std::clamp(std::atoi(value.c_str()), 1, kFullEffort);
    } else if (options.part.empty()) {
      options.part = argument;
    } else {
      options.batches.push_back(std::atoi(argument.c_str()));
      if (options.batches.back() < 1) throw Error("'" + argument + "'", "is no batch size");
    }
  }
  if (options.batches.empty()) options.batches = {128, 256, 1024};
  return options;
}

// The exit status.
int run(const Options& options) {
  const cuda::DeviceCount devices = cuda::count_devices();
  if (devices.count == 0) throw Error("GPU", devices.reason);
  cuda::select_device(0);
  const cuda::DeviceInfo info = cuda::device_info(0);
  std::printf("device\t%s\t%d.%d\t%d\t%.0f GB\n", info.name.c_str(), info.major, info.minor,
              info.multiprocessors, static_cast<double>(info.total_bytes) * 1e-9);
  const cuda::Stream stream;
  Bench bench(stream, options.seconds, options.effort, options.only);
  if (options.part == "peaks") {
    time_peaks(bench);
  } else if (options.part == "steps") {
    for (const int batch : options.batches) time_steps(bench, options.net, batch);
  } else if (options.part == "layers") {
    for (const int batch : options.batches) time_layers(bench, batch);
  } else if (options.part == "cudnn") {
    for (const int batch : options.batches) {
      if (!time_cudnn(bench, batch)) {
        std::printf("cuDNN is not installed\n");
        return 77;
      }
    }
  } else {
    throw Error("'" + options.part + "'", "is none of peaks, steps, layers, cudnn");
  }
  return bench.failed() ? 1 : 0;
}

}  // namespace
}  // namespace convoy::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (!arguments.empty() && arguments[0] == "shard") {
      const auto number = [&](std::size_t at, int standard) {
        return at < arguments.size() ? std::stoi(arguments[at]) : standard;
      };
      if (arguments.size() < 3) throw convoy::Error("shard", "needs a file and a number of images");
      convoy::bench::write_random_shard(arguments[1], number(2, 0), number(3, 256), number(4, 3),
                                        number(5, 1000));
      return 0;
    }
    return convoy::bench::run(convoy::bench::read_options(arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
