// A locally connected layer gives what PyTorch computes from the same operands.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <span>

#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "tests/support/cases_local.h"
#include "tests/support/products.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

constexpr const char* kScript = "tests/pytorch/local.py";
constexpr const char* kPython = "/usr/bin/python3";

int run(const std::string& command) { return std::system(command.c_str()); }  // NOLINT: fixed commands

void write_operands(const LocalProblem& p, const std::string& path) {
  const auto size = [](int value) { return static_cast<std::uint64_t>(value); };
  const ConvShape& s = p.shape;
  const std::vector<float> x = floats(p.x.v);
  const std::vector<float> dy = floats(p.dy.v);
  const std::vector<float> weights = floats(p.weights);
  const std::vector<float> bias = floats(p.bias);
  const auto bytes = [](const std::vector<float>& values) {
    return std::as_bytes(std::span<const float>(values));
  };
  const std::vector<TensorView> tensors = {
      {"x", DType::f32, {size(p.x.n), size(p.x.c), size(p.x.h), size(p.x.w)}, bytes(x)},
      {"dy", DType::f32, {size(p.dy.n), size(p.dy.c), size(p.dy.h), size(p.dy.w)}, bytes(dy)},
      {"weight",
       DType::f32,
       {size(p.dy.h), size(p.dy.w), size(s.filters), size(s.channels / s.groups), size(s.kernel_height),
        size(s.kernel_width)},
       bytes(weights)},
      {"bias", DType::f32, {size(s.filters), size(p.dy.h), size(p.dy.w)}, bytes(bias)}};
  OutputFile out(path, OutputFile::Content::binary);
  write_safetensors(out, tensors, {});
  out.commit();
}

// Both sum in an order of their own, this side in float: within (K + 1) u of the sum of the magnitudes, which
// are below 1 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). PyTorch's result rounds
// to float.
void expect_near_sums(const reference::Values& got, std::span<const float> want, double terms,
                      const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], want[i], (terms + 2) * (terms + 1) * kRounding<float>) << what << " [" << i << "]";
  }
}

TEST(PyTorch, AgreesOnLocallyConnectedLayers) {
  if (!std::ifstream(kScript)) GTEST_SKIP() << "not run from the source folder";
  if (run(std::string(kPython) + " -c 'import numpy, torch' 2>/dev/null") != 0) {
    GTEST_SKIP() << "python3-torch is not installed";
  }
  const test::TemporaryFolder folder;
  for (const ConvShape& s :
       {ConvShape{4, 64, 6, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1}, ConvShape{3, 6, 7, 5, 9, 2, 3, 2, 1, 0, 0, 2, 3},
        ConvShape{2, 5, 4, 6, 7, 3, 2, 1, 0, 1, 2, 0, 1}}) {
    const LocalProblem p(s);
    const std::string operands = folder / "operands.safetensors";
    const std::string results = folder / "results";
    write_operands(p, operands);
    std::string command = std::string(kPython) + " " + kScript + " " + operands + " " + results;
    for (const int value : {s.stride, s.pad_top, s.pad_left, s.pad_bottom, s.pad_right, s.groups}) {
      command += " " + std::to_string(value);
    }
    ASSERT_EQ(run(command), 0);
    std::vector<float> want(p.dy.v.size() + p.x.v.size() + p.weights.size() + p.bias.size() + 1);
    std::ifstream in(results, std::ios::binary);
    in.read(reinterpret_cast<char*>(want.data()), static_cast<std::streamsize>(want.size() * sizeof(float)));
    ASSERT_EQ(static_cast<std::size_t>(in.gcount()), (want.size() - 1) * sizeof(float));

    cpu::ProductOptions options;
    options.train = true;
    const std::unique_ptr<cpu::Product> product = cpu::make_local(s, options);
    const ProductRun got = run_product<float>(*product, p.x, p.weights, p.bias, p.dy, true);
    std::span<const float> rest(want);
    const auto expect = [&](const reference::Values& values, double terms, const char* what) {
      expect_near_sums(values, rest.first(values.size()), terms, what);
      rest = rest.subspan(values.size());
    };
    expect(got.y.v, p.taps() * s.channels / s.groups, "y");
    expect(got.gradients.x.v, p.taps() * s.filters / s.groups, "gradient of x");
    expect(got.gradients.weights, s.images, "gradient of the weights");
    expect(got.gradients.bias, s.images, "gradient of the bias");
  }
}

}  // namespace
}  // namespace convoy
