#include "tests/bench/gpu/layers.h"

#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
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
#include "tests/bench/gpu/cudnn.h"

namespace convoy::bench {
namespace {

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

double flop_of(const ConvShape& shape) {
  return 2.0 * shape.images * shape.out_height() * shape.out_width() * static_cast<double>(shape.weights());
}

void time_conv(Bench& bench, const NamedConv& conv) {
  const bool first = conv.shape.stride > 1;
  const ConvShape shape = first ? cuda::space_to_depth(conv.shape).transformed : conv.shape;
  const cuda::Stream& stream = bench.stream;
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
  const double flop = flop_of(conv.shape);
  const int batch = conv.shape.images;
  const auto forward = [&] { cuda::conv_forward(stream, shape, x, w, bias, y, true); };
  bench.time({"own", conv.name, "forward", batch}, forward, flop, "FLOP");
  const auto data = [&] {
    cuda::conv_input_gradient(stream, shape, static_cast<const Bf16*>(y), static_cast<const Bf16*>(w),
                              static_cast<const Bf16*>(x), dx);
  };
  if (!first) bench.time({"own", conv.name, "backward_data", batch}, data, flop, "FLOP");
  const auto weights = [&] {
    cuda::conv_weight_gradient(stream, shape, static_cast<const Bf16*>(x), static_cast<const Bf16*>(y), dw,
                               db, scratch);
  };
  bench.time({"own", conv.name, "backward_weights", batch}, weights, flop, "FLOP");
}

void time_fc(Bench& bench, const char* name, std::int64_t images, std::int64_t in, std::int64_t out) {
  const cuda::Stream& stream = bench.stream;
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
    bench.time(
        {"own", name, direction, static_cast<int>(images)}, [&] { gemm.run(stream, a, b, with, d); }, flop,
        "FLOP");
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

void time_lrn_pool(Bench& bench, const char* name, const TensorShape& in) {
  LrnPoolShape shape;
  shape.lrn.tensor = in;
  shape.pool = {in, in, 3, 3, 2, 0, 0};
  shape.pool.out.height = (in.height - 3) / 2 + 1;
  shape.pool.out.width = (in.width - 3) / 2 + 1;
  shape.relu_input = true;
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  const TensorShape& out = shape.pool.out;
  auto* const x = buffers.make<Bf16>(in.elements());
  auto* const dx = buffers.make<Bf16>(in.elements());
  auto* const y = buffers.make<Bf16>(out.elements());
  auto* const where = buffers.make<LrnPoolIndex>(out.elements());
  const auto small = static_cast<double>(out.elements()) * 3;  // a value and an index
  const auto large = static_cast<double>(in.elements()) * 2;
  const auto forward = [&] { cuda::lrn_pool_forward(stream, shape, static_cast<const Bf16*>(x), y, where); };
  bench.time({"own", name, "lrn_pool_forward", in.images}, forward, large + small, "B");
  const auto backward = [&] {
    cuda::lrn_pool_backward(stream, shape, static_cast<const Bf16*>(x),
                            static_cast<const LrnPoolIndex*>(where), static_cast<const Bf16*>(y), dx);
  };
  bench.time({"own", name, "lrn_pool_backward", in.images}, backward, 2 * large + small, "B");
}

void time_pool(Bench& bench, const char* name, const TensorShape& in) {
  PoolShape shape{in, in, 3, 3, 2, 0, 0};
  shape.out.height = (in.height - 3) / 2 + 1;
  shape.out.width = (in.width - 3) / 2 + 1;
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  const auto* const x = buffers.make<Bf16>(in.elements());
  auto* const dx = buffers.make<Bf16>(in.elements());
  auto* const y = buffers.make<Bf16>(shape.out.elements());
  auto* const where = buffers.make<PoolIndex>(shape.out.elements());
  const auto small = static_cast<double>(shape.out.elements()) * 4;  // a value and an index
  const auto large = static_cast<double>(in.elements()) * 2;
  const auto forward = [&] { cuda::maxpool_forward(stream, shape, false, x, y, where); };
  bench.time({"own", name, "pool_forward", in.images}, forward, large + small, "B");
  const auto backward = [&] {
    cuda::maxpool_backward(stream, shape, static_cast<const PoolIndex*>(where), static_cast<const Bf16*>(y),
                           x, dx);
  };
  bench.time({"own", name, "pool_backward", in.images}, backward, 2 * large + small, "B");
}

// The gradient of a fully-connected layer's bias: sums over the images.
void time_column_sums(Bench& bench, const char* name, std::int64_t rows, int columns) {
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  const auto* const dy = buffers.make<Bf16>(rows * columns);
  auto* const sums = buffers.make<float>(columns);
  const auto sum = [&] { cuda::column_sums(stream, rows, columns, dy, sums); };
  bench.time({"own", name, "bias_gradient", static_cast<int>(rows)}, sum,
             2.0 * static_cast<double>(rows) * columns, "B");
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
    header = buffers.copy_of(std::vector<cuda::BatchHeader>{{images, images}});
    records = buffers.copy_of(record_numbers);
    epochs = buffers.copy_of(std::vector<std::uint32_t>(record_numbers.size()));
    labels = buffers.copy_of(classes);
    crops = buffers.copy_of(cuts);
  }
};

// Crops of 224x224 from 256x256, in the cells of pixels that conv1 reads.
void time_augment(Bench& bench, const ConvShape& conv1) {
  constexpr int kStored = 256;
  const ConvShape cells = cuda::space_to_depth(conv1).transformed;
  AugmentShape shape{
      kStored, kStored, {conv1.images, cells.channels, cells.height, cells.width, cells.channels}};
  const cuda::Stream& stream = bench.stream;
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
  bench.time({"own", "input", "augment", conv1.images}, augment,
             read + 2.0 * static_cast<double>(shape.out.elements()), "B");
}

void time_dropout(Bench& bench, const char* name, int images, int units) {
  DropoutShape shape;
  shape.tensor = {images, units, 1, 1, units};
  shape.scale = 2.0F;
  const std::int64_t count = shape.tensor.elements();
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  const DeviceBatch batch(buffers, images);
  const cuda::DropoutBatch of_batch{batch.header, batch.records, batch.epochs};
  const auto* const x = buffers.make<Bf16>(count);
  auto* const y = buffers.make<Bf16>(count);
  auto* const dx = buffers.make<Bf16>(count);
  const auto forward = [&] { cuda::dropout_forward(stream, shape, of_batch, x, y); };
  bench.time({"own", name, "dropout_forward", images}, forward, 4.0 * static_cast<double>(count), "B");
  const auto backward = [&] {
    cuda::relu_dropout_backward(stream, count, shape.scale, static_cast<const Bf16*>(y), x, dx);
  };
  bench.time({"own", name, "dropout_backward", images}, backward, 6.0 * static_cast<double>(count), "B");
}

void time_softmax(Bench& bench, int images) {
  const SoftmaxShape shape{1000, 1000};
  const std::int64_t count = images * shape.stride;
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  const DeviceBatch batch(buffers, images);
  const auto* const scores = buffers.make<float>(count);
  auto* const losses = buffers.make<cuda::ImageLoss>(images);
  auto* const dscores = buffers.make<Bf16>(count);
  const auto loss = [&] {
    cuda::softmax_loss(stream, shape, images, batch.header, batch.labels, scores, losses, dscores);
  };
  bench.time({"own", "fc8", "softmax_loss", images}, loss, 6.0 * static_cast<double>(count), "B");
}

// All parameters of AlexNet at once: an update moves 22 bytes per parameter, three floats read, two floats
// and a bf16 written.
void time_sgd(Bench& bench, int batch) {
  constexpr std::int64_t kParameters = 60965224;
  const cuda::Stream& stream = bench.stream;
  Buffers buffers(stream);
  cuda::SgdTensors tensors{};
  tensors.tensor[0] = {kParameters,
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<float>(kParameters),
                       buffers.make<Bf16>(kParameters),
                       buffers.copy_of(std::vector<SgdCoefficients>{{0.9F, 5e-6F, 0.01F}})};
  const auto update = [&] { cuda::sgd_update(stream, tensors, 1); };
  bench.time({"own", "all", "sgd", batch}, update, 22.0 * kParameters, "B");
}

// A part of a training step of AlexNet, which takes about a second to measure.
struct Piece {
  std::string layer;
  std::function<void()> measure;
};

std::vector<Piece> pieces_of_step(Bench& bench, int batch) {
  std::vector<Piece> pieces;
  std::array<NamedConv, 5> convs = alexnet_convs(batch);
  for (NamedConv& conv : convs) {
    if (bench.quick() && conv.shape.stride == 1) conv.shape.height = conv.shape.width = 5;
    pieces.push_back({conv.name, [=, &bench] { time_conv(bench, conv); }});
  }
  pieces.push_back({"conv1", [=, &bench] { time_lrn_pool(bench, "conv1", {batch, 96, 55, 55, 96}); }});
  pieces.push_back({"conv2", [=, &bench] { time_lrn_pool(bench, "conv2", {batch, 256, 27, 27, 256}); }});
  pieces.push_back({"conv5", [=, &bench] { time_pool(bench, "conv5", {batch, 256, 13, 13, 256}); }});
  pieces.push_back({"input", [=, &bench] { time_augment(bench, convs.front().shape); }});
  pieces.push_back({"all", [=, &bench] { time_sgd(bench, batch); }});
  pieces.push_back({"fc6", [=, &bench] { time_fc(bench, "fc6", batch, 9216, 4096); }});
  pieces.push_back({"fc7", [=, &bench] { time_fc(bench, "fc7", batch, 4096, 4096); }});
  pieces.push_back({"fc8", [=, &bench] { time_fc(bench, "fc8", batch, 4096, 1000); }});
  pieces.push_back({"fc6", [=, &bench] { time_column_sums(bench, "fc6", batch, 4096); }});
  pieces.push_back({"fc6", [=, &bench] { time_dropout(bench, "fc6", batch, 4096); }});
  pieces.push_back({"fc8", [=, &bench] { time_softmax(bench, batch); }});
  return pieces;
}

}  // namespace

void time_layers(Bench& bench, int batch) {
  for (const Piece& piece : pieces_of_step(bench, batch)) {
    if (bench.wants(piece.layer)) bench.attempt({"own", piece.layer, "every_pass", batch}, piece.measure);
  }
}

bool time_cudnn(Bench& bench, int batch) {
  const std::unique_ptr<Cudnn> cudnn = Cudnn::load(bench);
  if (cudnn == nullptr) return false;
  std::printf("version\tcuDNN\t%s\n", cudnn->version().c_str());
  for (const NamedConv& conv : alexnet_convs(batch)) {
    if (!bench.wants(conv.name)) continue;
    const ConvShape shape = as_cudnn_wants(conv.shape);
    const auto time = [&](const char* pass, Direction direction) {
      const Subject subject = {"cudnn", conv.name, pass, batch};
      bench.attempt(subject, [&] { cudnn->time(shape, direction, subject, flop_of(conv.shape)); });
    };
    time("forward", Direction::forward);
    if (conv.shape.stride == 1) time("backward_data", Direction::backward_data);
    time("backward_weights", Direction::backward_weights);
  }
  return true;
}

}  // namespace convoy::bench
