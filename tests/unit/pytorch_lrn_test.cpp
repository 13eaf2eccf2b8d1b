// lrn with groups and lrn_map give what PyTorch computes in double precision, forward and backward.
#include <gtest/gtest.h>
#include <omp.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/cases_lrn.h"
#include "tests/support/cases_lrn_map.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

constexpr const char* kScript = "tests/pytorch/normalise.py";
constexpr const char* kPython = "/usr/bin/python3";

int run(const std::string& command) { return std::system(command.c_str()); }  // NOLINT: fixed commands

void write_floats(const std::string& path, const reference::Values& values) {
  const std::vector<float> floats(values.begin(), values.end());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(floats.data()),
             static_cast<std::streamsize>(floats.size() * sizeof(float)));
}
reference::Values read_doubles(const std::string& path, std::size_t count) {
  reference::Values values(count, std::nan(""));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(double)));
  return values;
}

struct Gradients {
  reference::Values y;
  reference::Values dx;
};

class PyTorchLrn : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::ifstream(kScript)) GTEST_SKIP() << "not run from the source folder";
    if (run(std::string(kPython) + " -c 'import numpy, torch' 2>/dev/null") != 0) {
      GTEST_SKIP() << "python3-torch is not installed";
    }
  }
  // What PyTorch computes. scale: of the plain sum.
  template <typename Spec>
  Gradients in_pytorch(const std::string& kind, int groups, const Spec& spec, double scale,
                       const reference::Tensor& x, const reference::Tensor& dy) {
    write_floats(folder_ / "x", x.v);
    write_floats(folder_ / "dy", dy.v);
    std::string command = std::string(kPython) + " " + kScript + " " + kind;
    for (const double number : {double(groups), double(spec.size)})
      command += " " + std::to_string(int(number));
    for (const double number : {spec.k, scale, spec.beta}) command += " " + std::to_string(number);
    for (const int side : {x.n, x.c, x.h, x.w}) command += " " + std::to_string(side);
    for (const char* file : {"x", "dy", "y", "dx"}) command += " " + (folder_ / file);
    EXPECT_EQ(run(command), 0) << command;
    return {read_doubles(folder_ / "y", x.v.size()), read_doubles(folder_ / "dx", x.v.size())};
  }

 private:
  test::TemporaryFolder folder_;
};

std::vector<float> scratch_of(std::int64_t each) {
  return std::vector<float>(static_cast<std::size_t>(each) * static_cast<std::size_t>(omp_get_max_threads()));
}

TEST_F(PyTorchLrn, AgreesOnTowersThatAreNormalisedAlone) {
  const LrnCase k{"", 2, 96, 5, 4, {5, 2.0, 0.5, 0.75, true, 2}};
  const LrnProblem p(k, false);
  const Gradients want = in_pytorch("lrn", 2, k.spec, k.spec.alpha / k.spec.size, p.x, p.dy);
  const LrnShape shape = p.shape(16);
  std::vector<float> scratch = scratch_of(cpu::lrn_scratch(shape));
  const auto x = packed<float>(p.x, shape.tensor);
  const auto dy = packed<float>(p.dy, shape.tensor);
  std::vector<float> y(x.size());
  std::vector<float> dx(x.size());
  cpu::lrn_forward(shape, x.data(), y.data(), scratch);
  cpu::lrn_backward(shape, x.data(), dy.data(), dx.data(), false, scratch);
  const double error = cpu::lrn_error<float>(k.spec);
  expect_near(unpacked(y, shape.tensor).v, want.y, reference::magnitudes(want.y), error, "y");
  expect_near(unpacked(dx, shape.tensor).v, want.dx, lrn_gradient_magnitude(k.spec, p.x, p.dy), error, "dx");
}

TEST_F(PyTorchLrn, AgreesOnNormalisationWithinMaps) {
  for (const LrnMapSpec& spec : {LrnMapSpec{5, 1.0, 0.5, 0.75, true}, LrnMapSpec{3, 2.0, 0.25, 0.5, false}}) {
    const LrnMapCase k{"", 2, 24, 9, 7, spec};
    const LrnMapProblem p(k, false);
    const Gradients want = in_pytorch(
        "lrn-map", 1, spec, spec.mean ? spec.alpha / (spec.size * spec.size) : spec.alpha, p.x, p.dy);
    const LrnMapShape shape = p.shape(8);
    std::vector<float> scratch = scratch_of(cpu::lrn_map_scratch(shape));
    const auto x = packed<float>(p.x, shape.tensor);
    const auto dy = packed<float>(p.dy, shape.tensor);
    std::vector<float> y(x.size());
    std::vector<float> dx(x.size());
    cpu::lrn_map_forward(shape, x.data(), y.data(), scratch);
    cpu::lrn_map_backward(shape, x.data(), dy.data(), dx.data(), false, scratch);
    const double error = cpu::lrn_map_error<float>(k);
    expect_near(unpacked(y, shape.tensor).v, want.y, reference::magnitudes(want.y), error, "y");
    expect_near(unpacked(dx, shape.tensor).v, want.dx, p.dx_magnitude(), error, "dx");
  }
}

}  // namespace
}  // namespace convoy
