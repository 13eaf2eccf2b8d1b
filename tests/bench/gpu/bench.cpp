// bench [BATCH...]: times the CUDA backend on the first GPU: its peaks, each layer of AlexNet in each
// direction beside cuDNN, and whole training steps. Tables on stdout.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>

#include "kernels/cuda/conv.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/ops.h"
#include "lib/base/error.h"
#include "lib/nn/compiled_cuda.h"
#include "lib/nn/init.h"
#include "tests/bench/gpu/cudnn.h"
#include "tests/bench/gpu/timing.h"

namespace convoy::bench {
namespace {

struct Peaks {
  double tflops = 0.0;
  double gigabytes = 0.0;  // a second, read plus written
};

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

void print_product(const char* layer, const char* direction, double flop, double milliseconds, double peer,
                   const Peaks& peaks) {
  const double tflops = flop / milliseconds * 1e-9;
  std::printf("%-6s %-17s %9.1f us %7.1f TFLOP/s %4.0f %% of peak", layer, direction, milliseconds * 1e3,
              tflops, 100.0 * tflops / peaks.tflops);
  if (peer > 0.0) {
    std::printf("   cuDNN %9.1f us   %.2f times as fast\n", peer * 1e3, peer / milliseconds);
  } else {
    std::printf("   cuDNN         -\n");
  }
}
void print_pass(const char* layer, const char* direction, double bytes, double milliseconds,
                const Peaks& peaks) {
  const double rate = bytes / milliseconds * 1e-6;
  std::printf("%-6s %-17s %9.1f us %7.0f GB/s    %4.0f %% of peak\n", layer, direction, milliseconds * 1e3,
              rate, 100.0 * rate / peaks.gigabytes);
}

struct NamedConv {
  const char* name;
  ConvShape shape;
};

std::array<NamedConv, 5> alexnet_convs(int n) {
  return {{{"conv1", {n, 3, 224, 224, 96, 11, 11, 4, 0, 0, 3, 3, 1}},
           {"conv2", {n, 96, 27, 27, 256, 5, 5, 1, 2, 2, 2, 2, 2}},
           {"conv3", {n, 256, 13, 13, 384, 3, 3, 1, 1, 1, 1, 1, 1}},
           {"conv4", {n, 384, 13, 13, 384, 3, 3, 1, 1, 1, 1, 1, 2}},
           {"conv5", {n, 384, 13, 13, 256, 3, 3, 1, 1, 1, 1, 1, 2}}}};
}

// cuDNN pads both sides alike: it gets a 227x227 image for conv1, which has the same products.
ConvShape as_cudnn_wants(ConvShape shape) {
  if (shape.pad_top != shape.pad_bottom) {
    shape.height += shape.pad_top + shape.pad_bottom;
    shape.width += shape.pad_left + shape.pad_right;
    shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = 0;
  }
  return shape;
}

void time_conv(const cuda::Stream& stream, const NamedConv& conv, const Cudnn* cudnn, const Peaks& peaks) {
  const bool first = conv.shape.stride > 1;
  const ConvShape shape = first ? cuda::space_to_depth(conv.shape).transformed : conv.shape;
  Buffers buffers(stream);
  const std::int64_t pixels_in = std::int64_t{shape.images} * shape.height * shape.width;
  const std::int64_t pixels_out = std::int64_t{shape.images} * shape.out_height() * shape.out_width();
  auto* const x = buffers.make<Bf16>(pixels_in * shape.channels);
  auto* const dx = buffers.make<Bf16>(pixels_in * shape.channels);
  auto* const y = buffers.make<Bf16>(pixels_out * shape.filters);
  auto* const w = buffers.make<Bf16>(cuda::filter_elements(shape));
  auto* const dw = buffers.make<float>(cuda::filter_elements(shape));
  auto* const bias = buffers.make<float>(shape.filters);
  auto* const scratch = buffers.make<float>(
      static_cast<std::int64_t>(cuda::conv_weight_gradient_scratch(shape) / sizeof(float)) + 1);
  const double flop = 2.0 * static_cast<double>(pixels_out) * static_cast<double>(conv.shape.weights());
  const auto peer = [&](Direction direction) {
    return cudnn == nullptr ? 0.0 : cudnn->milliseconds(as_cudnn_wants(conv.shape), direction).value_or(0.0);
  };
  const auto forward = [&] { cuda::conv_forward(stream, shape, x, w, bias, y, true); };
  print_product(conv.name, "forward", flop, milliseconds_of(stream, forward), peer(Direction::forward),
                peaks);
  if (!first) {
    const auto data = [&] {
      cuda::conv_input_gradient(stream, shape, static_cast<const Bf16*>(y), static_cast<const Bf16*>(w),
                                static_cast<const Bf16*>(x), dx);
    };
    print_product(conv.name, "backward_data", flop, milliseconds_of(stream, data),
                  peer(Direction::backward_data), peaks);
  }
  const auto weights = [&] {
    cuda::conv_weight_gradient(stream, shape, static_cast<const Bf16*>(x), static_cast<const Bf16*>(y), dw,
                               scratch);
  };
  print_product(conv.name, "backward_weights", flop, milliseconds_of(stream, weights),
                peer(Direction::backward_weights), peaks);
}

void time_fc(const cuda::Stream& stream, const char* name, std::int64_t images, std::int64_t in,
             std::int64_t out, const Peaks& peaks) {
  Buffers buffers(stream);
  const cuda::GemmContext context;
  const auto* const x = buffers.make<Bf16>(images * in);
  const auto* const w = buffers.make<Bf16>(out * in);
  const auto* const bias = buffers.make<Bf16>(out);
  auto* const y = buffers.make<Bf16>(images * out);
  auto* const dx = buffers.make<Bf16>(images * in);
  auto* const dw = buffers.make<float>(out * in);
  const double flop = 2.0 * static_cast<double>(images) * static_cast<double>(in) * static_cast<double>(out);
  const auto time = [&](const char* direction, const cuda::GemmShape& shape, const void* a, const void* b,
                        const void* with, void* d) {
    const cuda::Gemm gemm(context, shape);
    const double ms = milliseconds_of(stream, [&] { gemm.run(stream, a, b, with, d); });
    const double tflops = flop / ms * 1e-9;
    std::printf("%-6s %-17s %9.1f us %7.1f TFLOP/s %4.0f %% of peak   (cuBLASLt)\n", name, direction,
                ms * 1e3, tflops, 100.0 * tflops / peaks.tflops);
  };
  time("forward", {images, out, in, false, true, Element::bf16, Element::bf16, cuda::GemmEpilogue::bias_relu},
       x, w, bias, y);
  time("backward_data",
       {images, in, out, false, false, Element::bf16, Element::bf16, cuda::GemmEpilogue::none}, y, w, nullptr,
       dx);
  time("backward_weights",
       {out, in, images, true, false, Element::bf16, Element::f32, cuda::GemmEpilogue::none}, y, x, nullptr,
       dw);
}

void time_lrn_pool(const cuda::Stream& stream, const char* name, const TensorShape& in, const Peaks& peaks) {
  LrnPoolShape shape;
  shape.lrn.tensor = in;
  shape.pool = {in, in, 3, 3, 2, 0, 0};
  shape.pool.out.height = (in.height - 3) / 2 + 1;
  shape.pool.out.width = (in.width - 3) / 2 + 1;
  shape.relu_input = true;
  Buffers buffers(stream);
  const TensorShape& out = shape.pool.out;
  auto* const x = buffers.make<Bf16>(in.elements());
  auto* const dx = buffers.make<Bf16>(in.elements());
  auto* const y = buffers.make<Bf16>(out.elements());
  auto* const where = buffers.make<LrnPoolIndex>(out.elements());
  const auto small = static_cast<double>(out.elements()) * 3;  // a value and an index
  const auto large = static_cast<double>(in.elements()) * 2;
  const auto forward = [&] { cuda::lrn_pool_forward(stream, shape, static_cast<const Bf16*>(x), y, where); };
  print_pass(name, "lrn+pool forward", large + small, milliseconds_of(stream, forward), peaks);
  const auto backward = [&] {
    cuda::lrn_pool_backward(stream, shape, static_cast<const Bf16*>(x),
                            static_cast<const LrnPoolIndex*>(where), static_cast<const Bf16*>(y), dx);
  };
  print_pass(name, "lrn+pool backward", 2 * large + small, milliseconds_of(stream, backward), peaks);
}

// All parameters of AlexNet at once: the traffic of an update, 26 bytes each.
void time_sgd(const cuda::Stream& stream, const Peaks& peaks) {
  constexpr std::int64_t kParameters = 60965224;
  Buffers buffers(stream);
  cuda::SgdTensors tensors{};
  tensors.tensor[0] = {kParameters,
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<Bf16>(kParameters),
                       buffers.make<SgdCoefficients>(1)};
  const auto update = [&] { cuda::sgd_update(stream, tensors, 1); };
  print_pass("all", "sgd", 22.0 * kParameters, milliseconds_of(stream, update, 5), peaks);
}

void time_layers(const cuda::Stream& stream, int batch, const Cudnn* cudnn, const Peaks& peaks) {
  std::printf("AlexNet, layer by layer, batch %d, bf16\n", batch);
  for (const NamedConv& conv : alexnet_convs(batch)) time_conv(stream, conv, cudnn, peaks);
  time_fc(stream, "fc6", batch, 9216, 4096, peaks);
  time_fc(stream, "fc7", batch, 4096, 4096, peaks);
  time_fc(stream, "fc8", batch, 4096, 1000, peaks);
  time_lrn_pool(stream, "conv1", {batch, 96, 55, 55, 96}, peaks);
  time_lrn_pool(stream, "conv2", {batch, 256, 27, 27, 256}, peaks);
  time_sgd(stream, peaks);
  std::printf("\n");
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

// Images a second from images in the host's memory to updated weights, two steps in flight.
double training_rate(const NetSpec& net, int batch) {
  CompileOptions options;
  options.batch = batch;
  options.precision = Precision::bf16;
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

void run(int argc, char** argv) {
  const cuda::DeviceCount devices = cuda::count_devices();
  if (devices.count == 0) throw Error("GPU", devices.reason);
  cuda::select_device(0);
  const cuda::DeviceInfo info = cuda::device_info(0);
  const cuda::Stream stream;
  const std::unique_ptr<Cudnn> cudnn = Cudnn::load(stream);
  std::printf("%s, %d multiprocessors, %.0f GB; cuDNN: %s\n", info.name.c_str(), info.multiprocessors,
              static_cast<double>(info.total_bytes) * 1e-9, cudnn ? cudnn->version().c_str() : "not found");
  const Peaks peaks = measure_peaks(stream);
  std::vector<int> batches;
  for (int i = 1; i < argc; ++i) batches.push_back(std::atoi(argv[i]));
  if (batches.empty()) batches = {128, 256, 1024};
  for (const int batch : {batches.front(), batches.back()}) time_layers(stream, batch, cudnn.get(), peaks);
  for (const bool lrn : {true, false}) {
    const NetSpec net = alexnet(lrn);
    for (const int batch : batches) {
      std::printf("training step, batch %4d, %s LRN: %8.0f images/s\n", batch, lrn ? "with   " : "without",
                  training_rate(net, batch));
      std::fflush(stdout);
    }
  }
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
