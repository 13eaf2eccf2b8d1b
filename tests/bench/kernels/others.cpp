// The rest of a step: augmentation, dropout, softmax, the update.
#include <omp.h>

#include <numeric>

#include "kernels/augment.h"
#include "kernels/conv.h"
#include "kernels/dropout.h"
#include "kernels/lars.h"
#include "kernels/nearest.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "tests/bench/kernels/kernel_case.h"

namespace convoy::bench {
namespace {

// Crops of 224x224 from 256x256, into the layout that AlexNet's first layer reads.
template <typename T>
KernelCase prepare_augment(int batch) {
  constexpr int kStored = 256;
  constexpr std::size_t kImageBytes = std::size_t{3} * kStored * kStored;
  const ConvShape conv1{.images = batch,
                        .channels = 3,
                        .height = 224,
                        .width = 224,
                        .filters = 96,
                        .kernel_height = 11,
                        .kernel_width = 11,
                        .stride = 4,
                        .pad_bottom = 3,
                        .pad_right = 3};
  cpu::ProductOptions options;
  options.element = kElementOf<T>;
  const AugmentShape shape{kStored, kStored, cpu::make_conv(conv1, options)->src()};
  const auto pixels = Values<std::uint8_t>(static_cast<std::int64_t>(kImageBytes) * batch);
  std::vector<const std::uint8_t*> images;
  std::vector<Crop> crops;
  for (int i = 0; i < batch; ++i) {
    images.push_back(pixels.data() + static_cast<std::size_t>(i) * kImageBytes);
    crops.push_back({.top = i * 5 % 33, .left = i * 7 % 33, .mirror = i % 2 == 1});
  }
  const auto mean = small_values<float>(static_cast<std::int64_t>(kImageBytes));
  const auto y = small_values<T>(shape.out.elements());
  const double pixel_count = 3.0 * 224 * 224 * batch;
  return {0.0, pixel_count * (1 + sizeof(float)) + static_cast<double>(y.bytes()),
          [=] { cpu::augment(shape, images, crops, mean.data(), y.data()); }};
}

struct DropoutMemory {
  DropoutShape shape;
  std::vector<std::uint64_t> records;
  std::vector<std::uint32_t> epochs;
  Values<std::uint8_t> mask;

  explicit DropoutMemory(int batch)
      : shape{{batch, 4096, 1, 1, 1}, 0.5F, 2.0F, 1, 0},
        records(static_cast<std::size_t>(batch)),
        epochs(records.size(), 3),
        mask(shape.tensor.elements()) {
    std::iota(records.begin(), records.end(), 0U);
    draw();
  }
  void draw() const { cpu::dropout_mask(shape, records, epochs, mask.data()); }
};

template <typename T>
void add_dropout(std::vector<Kernel>& kernels, int batch) {
  for (const bool forward : {true, false}) {
    kernels.push_back({std::string("dropout/") + (forward ? "forward/" : "backward/") +
                           std::string(element_name(kElementOf<T>)),
                       kElementOf<T>, [=] {
                         const auto memory = std::make_shared<DropoutMemory>(batch);
                         const std::int64_t count = memory->shape.tensor.elements();
                         const auto from = small_values<T>(count);
                         const auto to = small_values<T>(count);
                         return KernelCase{0.0, static_cast<double>(count) * (1 + 2 * sizeof(T)), [=] {
                                             const auto* mask = memory->mask.data();
                                             if (forward) {
                                               cpu::dropout_forward(memory->shape, mask, from.data(),
                                                                    to.data());
                                             } else {
                                               cpu::dropout_backward<T>(memory->shape, mask, from.data(),
                                                                        nullptr, to.data());
                                             }
                                           }};
                       }});
  }
}

template <typename T>
KernelCase prepare_softmax(int batch, bool forward) {
  constexpr int kClasses = 1000;
  const SoftmaxShape shape{kClasses, kClasses};
  const std::int64_t count = std::int64_t{batch} * kClasses;
  const auto scores = small_values<T>(count);
  const auto probabilities = small_values<float>(count);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(batch));
  std::iota(labels.begin(), labels.end(), 0);
  return {0.0, static_cast<double>(count) * (sizeof(T) + sizeof(float)), [=] {
            if (forward) {
              cpu::softmax_forward(shape, batch, scores.data(), probabilities.data());
            } else {
              cpu::softmax_backward(shape, batch, probabilities.data(), labels, batch, scores.data());
            }
          }};
}

// fc6: three arrays are read, two of them written.
KernelCase prepare_sgd() {
  constexpr std::int64_t kWeights = std::int64_t{9216} * 4096;
  const auto w = small_values<float>(kWeights);
  const auto v = small_values<float>(kWeights);
  const auto g = small_values<float>(kWeights);
  // Rates so small that nothing grows or decays over the rounds.
  const SgdCoefficients coefficients{0.9F, 1e-9F, 1e-9F};
  return {0.0, 5.0 * sizeof(float) * static_cast<double>(kWeights),
          [=] { cpu::sgd_update(coefficients, kWeights, w.data(), v.data(), g.data()); }};
}

// The same with LARS: two of the arrays are read once more, for their norms.
KernelCase prepare_lars() {
  constexpr std::int64_t kWeights = std::int64_t{9216} * 4096;
  const auto w = small_values<float>(kWeights);
  const auto v = small_values<float>(kWeights);
  const auto g = small_values<float>(kWeights);
  const LarsRule rule{.trust = 1e-6, .rate = 1e-3, .decay = 1e-3};
  return {0.0, 7.0 * sizeof(float) * static_cast<double>(kWeights), [=] {
            cpu::sgd_update(cpu::lars_coefficients(rule, kWeights, w.data(), g.data()), kWeights, w.data(),
                            v.data(), g.data());
          }};
}

// A fiftieth of a million images' activations of fc7. One query is a matter of memory, many of products.
KernelCase prepare_nearest(std::int64_t queries) {
  constexpr std::int64_t kRows = 20'000;
  constexpr std::int64_t kElements = 4096;
  const auto rows = small_values<float>(kRows * kElements);
  const auto asked = small_values<float>(queries * kElements);
  const double flop = queries == 1 ? 0.0 : 2.0 * static_cast<double>(queries * kRows * kElements);
  return {flop, static_cast<double>(rows.bytes()), [=] {
            (void)cpu::nearest({.elements = kElements, .best = 6}, {rows.data(), rows.size()},
                               {asked.data(), asked.size()}, omp_get_max_threads());
          }};
}

}  // namespace

std::vector<Kernel> other_kernels(int batch) {
  std::vector<Kernel> kernels;
  kernels.push_back({"augment/fp32", Element::f32, [=] { return prepare_augment<float>(batch); }});
  kernels.push_back({"augment/bf16", Element::bf16, [=] { return prepare_augment<Bf16>(batch); }});
  kernels.push_back(
      {"dropout/mask", Element::f32, [=] {
         const auto memory = std::make_shared<DropoutMemory>(batch);
         return KernelCase{0.0, static_cast<double>(memory->mask.bytes()), [=] { memory->draw(); }};
       }});
  add_dropout<float>(kernels, batch);
  add_dropout<Bf16>(kernels, batch);
  for (const bool forward : {true, false}) {
    const std::string name = std::string("softmax/") + (forward ? "forward/" : "backward/");
    kernels.push_back({name + "fp32", Element::f32, [=] { return prepare_softmax<float>(batch, forward); }});
    kernels.push_back({name + "bf16", Element::bf16, [=] { return prepare_softmax<Bf16>(batch, forward); }});
  }
  kernels.push_back({"sgd/fc6", Element::f32, prepare_sgd});
  kernels.push_back({"lars/fc6", Element::f32, prepare_lars});
  for (const std::int64_t queries : {1, 128}) {
    kernels.push_back(
        {"nearest/" + std::to_string(queries), Element::f32, [=] { return prepare_nearest(queries); }});
  }
  return kernels;
}

}  // namespace convoy::bench
