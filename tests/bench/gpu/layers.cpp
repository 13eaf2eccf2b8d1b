#include "tests/bench/gpu/layers.h"

#include <array>
#include <cstdio>
#include <functional>
#include <vector>

#include "kernels/augment.h"
#include "kernels/column_sums.h"
#include "kernels/conv.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "kernels/cuda/gemm.h"
#include "kernels/dropout.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"

namespace convoy::bench {
namespace {

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

// cuDNN pads both sides equally: it gets a 227x227 image for conv1, which takes the same products.
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
  auto* const db = buffers.make<float>(shape.filters);
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
                               db, scratch);
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

void time_pool(const cuda::Stream& stream, const char* name, const TensorShape& in, const Peaks& peaks) {
  PoolShape shape{in, in, 3, 3, 2, 0, 0};
  shape.out.height = (in.height - 3) / 2 + 1;
  shape.out.width = (in.width - 3) / 2 + 1;
  Buffers buffers(stream);
  const auto* const x = buffers.make<Bf16>(in.elements());
  auto* const dx = buffers.make<Bf16>(in.elements());
  auto* const y = buffers.make<Bf16>(shape.out.elements());
  auto* const where = buffers.make<PoolIndex>(shape.out.elements());
  const auto small = static_cast<double>(shape.out.elements()) * 4;  // a value and an index
  const auto large = static_cast<double>(in.elements()) * 2;
  const auto forward = [&] { cuda::maxpool_forward(stream, shape, false, x, y, where); };
  print_pass(name, "pool forward", large + small, milliseconds_of(stream, forward), peaks);
  const auto backward = [&] {
    cuda::maxpool_backward(stream, shape, static_cast<const PoolIndex*>(where), static_cast<const Bf16*>(y),
                           x, dx);
  };
  print_pass(name, "pool backward", 2 * large + small, milliseconds_of(stream, backward), peaks);
}

// The gradient of a fully-connected layer's bias: sums over the images.
void time_column_sums(const cuda::Stream& stream, const char* name, std::int64_t rows, int columns,
                      const Peaks& peaks) {
  Buffers buffers(stream);
  const auto* const dy = buffers.make<Bf16>(rows * columns);
  auto* const sums = buffers.make<float>(columns);
  const auto sum = [&] { cuda::column_sums(stream, rows, columns, dy, sums); };
  print_pass(name, "bias gradient", 2.0 * static_cast<double>(rows) * columns, milliseconds_of(stream, sum),
             peaks);
}

// The data that differ from step to step, for a whole batch.
struct DeviceBatch {
  const cuda::BatchHeader* header;
  const std::uint64_t* records;
  const std::uint32_t* epochs;
  const std::int32_t* labels;
  const Crop* crops;

  DeviceBatch(Buffers& buffers, int images) {
    std::vector<std::uint64_t> record_numbers;
    std::vector<std::int32_t> classes;
    std::vector<Crop> cuts;
    for (int n = 0; n < images; ++n) {
      record_numbers.push_back(static_cast<std::uint64_t>(n));
      classes.push_back(n * 37 % 1000);
      cuts.push_back({n * 5 % 33, n * 11 % 33, n % 2 == 1, {}});
    }
    header = buffers.copy_of(std::vector<cuda::BatchHeader>{{images}});
    records = buffers.copy_of(record_numbers);
    epochs = buffers.copy_of(std::vector<std::uint32_t>(record_numbers.size()));
    labels = buffers.copy_of(classes);
    crops = buffers.copy_of(cuts);
  }
};

// Crops of 224x224 from 256x256, in the cells of pixels that conv1 reads.
void time_augment(const cuda::Stream& stream, const ConvShape& conv1, const Peaks& peaks) {
  constexpr int kStored = 256;
  const ConvShape cells = cuda::space_to_depth(conv1).transformed;
  AugmentShape shape{
      kStored, kStored, {conv1.images, cells.channels, cells.height, cells.width, cells.channels}};
  Buffers buffers(stream);
  const DeviceBatch batch(buffers, conv1.images);
  const auto* const images =
      buffers.make<std::uint8_t>(std::int64_t{conv1.images} * kStored * kStored * conv1.channels);
  const auto* const mean = buffers.make<float>(std::int64_t{kStored} * kStored * conv1.channels);
  auto* const y = buffers.make<Bf16>(shape.out.elements());
  const auto augment = [&] {
    cuda::augment(stream, shape, {conv1.stride, conv1.pad_top, conv1.pad_left, conv1.height, conv1.width},
                  {batch.header, batch.crops, images}, mean, y);
  };
  const double read = static_cast<double>(conv1.images) * conv1.height * conv1.width * conv1.channels;
  print_pass("input", "augment", read + 2.0 * static_cast<double>(shape.out.elements()),
             milliseconds_of(stream, augment), peaks);
}

void time_dropout(const cuda::Stream& stream, const char* name, int images, int units, const Peaks& peaks) {
  DropoutShape shape;
  shape.tensor = {images, units, 1, 1, units};
  shape.scale = 2.0F;
  const std::int64_t count = shape.tensor.elements();
  Buffers buffers(stream);
  const DeviceBatch batch(buffers, images);
  const cuda::DropoutBatch of_batch{batch.header, batch.records, batch.epochs};
  const auto* const x = buffers.make<Bf16>(count);
  auto* const y = buffers.make<Bf16>(count);
  auto* const dx = buffers.make<Bf16>(count);
  const auto forward = [&] { cuda::dropout_forward(stream, shape, of_batch, x, y); };
  print_pass(name, "dropout forward", 4.0 * static_cast<double>(count), milliseconds_of(stream, forward),
             peaks);
  const auto backward = [&] {
    cuda::relu_dropout_backward(stream, count, shape.scale, static_cast<const Bf16*>(y), x, dx);
  };
  print_pass(name, "dropout backward", 6.0 * static_cast<double>(count), milliseconds_of(stream, backward),
             peaks);
}

void time_softmax(const cuda::Stream& stream, int images, const Peaks& peaks) {
  const SoftmaxShape shape{1000, 1000};
  const std::int64_t count = images * shape.stride;
  Buffers buffers(stream);
  const DeviceBatch batch(buffers, images);
  const auto* const scores = buffers.make<float>(count);
  auto* const losses = buffers.make<cuda::ImageLoss>(images);
  auto* const dscores = buffers.make<Bf16>(count);
  const auto loss = [&] {
    cuda::softmax_loss(stream, shape, images, batch.header, batch.labels, scores, losses, dscores);
  };
  print_pass("fc8", "softmax and loss", 6.0 * static_cast<double>(count), milliseconds_of(stream, loss),
             peaks);
}

// All parameters of AlexNet at once: an update moves 22 bytes per parameter, three floats read, two floats
// and a bf16 written.
void time_sgd(const cuda::Stream& stream, const Peaks& peaks) {
  constexpr std::int64_t kParameters = 60965224;
  Buffers buffers(stream);
  cuda::SgdTensors tensors{};
  tensors.tensor[0] = {kParameters,
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<Bf16>(kParameters),
                       buffers.copy_of(std::vector<SgdCoefficients>{{0.9F, 5e-6F, 0.01F}})};
  const auto update = [&] { cuda::sgd_update(stream, tensors, 1); };
  print_pass("all", "sgd", 22.0 * kParameters, milliseconds_of(stream, update, 5), peaks);
}

using Piece = std::function<void()>;

// What a training step of AlexNet does, in pieces that take about a second.
std::vector<Piece> pieces_of_step(const cuda::Stream& stream, int batch, const Cudnn* cudnn,
                                  const Peaks& peaks) {
  std::vector<Piece> pieces;
  const std::array<NamedConv, 5> convs = alexnet_convs(batch);
  pieces.emplace_back([=, &stream] { time_augment(stream, convs.front().shape, peaks); });
  for (const NamedConv& conv : convs) {
    pieces.emplace_back([=, &stream] { time_conv(stream, conv, cudnn, peaks); });
  }
  pieces.emplace_back([=, &stream] {
    time_fc(stream, "fc6", batch, 9216, 4096, peaks);
    time_fc(stream, "fc7", batch, 4096, 4096, peaks);
    time_fc(stream, "fc8", batch, 4096, 1000, peaks);
  });
  pieces.emplace_back([=, &stream] {
    time_lrn_pool(stream, "conv1", {batch, 96, 55, 55, 96}, peaks);
    time_lrn_pool(stream, "conv2", {batch, 256, 27, 27, 256}, peaks);
    time_pool(stream, "conv5", {batch, 256, 13, 13, 256}, peaks);
  });
  pieces.emplace_back([=, &stream] {
    time_column_sums(stream, "fc6", batch, 4096, peaks);
    time_dropout(stream, "fc6", batch, 4096, peaks);
    time_softmax(stream, batch, peaks);
  });
  pieces.emplace_back([=, &stream] { time_sgd(stream, peaks); });
  return pieces;
}

}  // namespace

void time_layers(const cuda::Stream& stream, int batch, const Cudnn* cudnn, const Peaks& peaks,
                 const Deadline& deadline) {
  std::printf("AlexNet, layer by layer, batch %d, bf16\n", batch);
  for (const Piece& piece : pieces_of_step(stream, batch, cudnn, peaks)) {
    if (deadline.passed()) {
      std::printf("the rest of batch %d is left out, the time is up\n", batch);
      break;
    }
    piece();
    std::fflush(stdout);
  }
  std::printf("\n");
}

}  // namespace convoy::bench
