// kernels/dropout on a GPU: both passes, and what the masks depend on.
#include <gtest/gtest.h>

#include <utility>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_dropout.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// A batch's header, records and epochs in device memory.
class Batch {
 public:
  Batch(const Stream& stream, const std::vector<std::uint64_t>& records,
        const std::vector<std::uint32_t>& epochs)
      : header_(stream, std::vector<BatchHeader>{{static_cast<std::int32_t>(records.size())}}),
        records_(stream, records),
        epochs_(stream, epochs) {}
  [[nodiscard]] DropoutBatch view() const { return {header_.data(), records_.data(), epochs_.data()}; }

 private:
  OnDevice<BatchHeader> header_;
  OnDevice<std::uint64_t> records_;
  OnDevice<std::uint32_t> epochs_;
};

template <typename T>
void check(const DropoutProblem& p) {
  const DropoutShape shape = p.shape(padded_channels(p.x.c));
  const TensorShape& tensor = shape.tensor;
  const Stream stream;
  const Batch batch(stream, p.records, p.epochs);
  OnDevice<T> data(stream, packed<T>(p.x, tensor));
  dropout_forward(stream, shape, batch.view(), std::as_const(data).data(), data.data());
  p.expect_y(data.values(), tensor);

  const OnDevice<T> dy(stream, packed<T>(p.dy, tensor));
  OnDevice<T> dx(stream, tensor.elements());
  dropout_backward(stream, shape, batch.view(), dy.data(), dx.data());
  p.expect_dx(dx.values(), tensor);
  // `data` is y: its sign shows where the ReLU passed and the mask kept.
  OnDevice<T> relu_dx(stream, tensor.elements());
  relu_dropout_backward(stream, tensor.elements(), shape.scale, std::as_const(data).data(), dy.data(),
                        relu_dx.data());
  p.expect_relu_dx(relu_dx.values(), tensor);
}

class CudaDropout : public ::testing::TestWithParam<DropoutCase> {};

TEST_P(CudaDropout, MatchesReference) {
  for (const DropoutSpec& spec : kDropoutSpecs) {
    const DropoutProblem problem(GetParam(), spec);
    check<float>(problem);
    check<Bf16>(problem);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaDropout, ::testing::ValuesIn(kDropoutCases), case_name);

// What dropout makes of ones.
std::vector<float> mask_of(const DropoutShape& shape, std::uint64_t record, std::uint32_t epoch) {
  const Stream stream;
  const Batch batch(stream, {record}, {epoch});
  OnDevice<float> data(stream, std::vector<float>(static_cast<std::size_t>(shape.tensor.elements()), 1.0F));
  dropout_forward(stream, shape, batch.view(), std::as_const(data).data(), data.data());
  return data.values();
}
TEST(CudaDropoutMasks, DependOnEveryKey) { expect_masks_depend_on_every_key(mask_of); }
TEST(CudaDropoutMasks, DropTheShareThatIsAskedFor) { expect_drops_the_share_it_says(mask_of); }

TEST(CudaReluDropout, TheSignOfTheOutputIsTheMask) {
  const std::vector<float> y{0.0F, 2.0F, 0.0F, 4.0F, 0.0F, 0.0F, 1.0F, 3.0F};
  const Stream stream;
  const OnDevice<float> out(stream, y);
  const OnDevice<float> dy(stream, std::vector<float>(8, 3.0F));
  OnDevice<float> dx(stream, 8);
  relu_dropout_backward(stream, 8, 2.0F, out.data(), dy.data(), dx.data());
  EXPECT_EQ(dx.values(), (std::vector<float>{0, 6, 0, 6, 0, 0, 6, 6}));
}

template <typename T>
void check_scale() {
  for (const int size : {8, 56, 2400}) {
    TestRandom random(41);
    const reference::Tensor x = random.tensor(1, size, 1, 1);
    const TensorShape shape = shape_of(x, size);
    const Stream stream;
    const OnDevice<T> in(stream, packed<T>(x, shape));
    OnDevice<T> y(stream, shape.elements());
    scale_activations(stream, shape.elements(), 0.5F, in.data(), y.data());
    EXPECT_EQ(unpacked(y.values(), shape).v, reference::map(x, [](double v) { return 0.5 * v; }).v);
  }
}
TEST(CudaScaleActivations, Multiplies) {
  check_scale<float>();
  check_scale<Bf16>();
}

}  // namespace
}  // namespace convoy::cuda
