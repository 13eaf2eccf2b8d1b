// The products of kernels/cuda/gemm.h, in all arrangements that fully-connected layers use.
#include "kernels/cuda/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/library_paths.h"
#include "tests/support/device_memory.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

// The transpose of a [height][width] matrix.
reference::Values turned(const reference::Values& values, std::size_t height, std::size_t width) {
  reference::Values result(values.size());
  for (std::size_t i = 0; i < height; ++i) {
    for (std::size_t j = 0; j < width; ++j) result[j * height + i] = values[i * width + j];
  }
  return result;
}

template <typename In, typename Out>
void check_product(GemmShape shape) {
  const auto rows = static_cast<std::size_t>(shape.rows);
  const auto columns = static_cast<std::size_t>(shape.columns);
  const auto depth = static_cast<std::size_t>(shape.depth);
  TestRandom random(3);
  const reference::Values a = random.values(rows * depth);
  const reference::Values b = random.values(depth * columns);
  const reference::Values bias = random.values(columns);
  shape.in = sizeof(In) == 4 ? Element::f32 : Element::bf16;
  shape.out = sizeof(Out) == 4 ? Element::f32 : Element::bf16;

  const Stream stream;
  const GemmContext context;
  const Gemm gemm(context, shape);
  const OnDevice<In> device_a(stream, rounded_to<In>(shape.a_transposed ? turned(a, rows, depth) : a));
  const OnDevice<In> device_b(stream, rounded_to<In>(shape.b_transposed ? turned(b, depth, columns) : b));
  const OnDevice<Out> device_bias(stream, rounded_to<Out>(bias));
  OnDevice<Out> d(stream, shape.rows * shape.columns);
  gemm.run(stream, device_a.data(), device_b.data(), device_bias.data(), d.data());
  const std::vector<Out> got = d.values();
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double want = shape.epilogue == GemmEpilogue::none ? 0.0 : bias[j];
      double magnitude = std::abs(want);
      for (std::size_t k = 0; k < depth; ++k) {
        want += a[i * depth + k] * b[k * columns + j];
        magnitude += std::abs(a[i * depth + k] * b[k * columns + j]);
      }
      if (shape.epilogue == GemmEpilogue::bias_relu && want < 0.0) want = 0.0;
      const double sums = static_cast<double>(shape.depth + 1) * kRounding<float> * magnitude;
      ASSERT_LE(std::abs(to_float(got[i * columns + j]) - want),
                sums + kRounding<Out> * (std::abs(want) + sums))
          << i << "," << j << " want " << want;
    }
  }
}

TEST(CudaGemm, ForwardOfAFullyConnectedLayer) {
  for (const GemmEpilogue epilogue : {GemmEpilogue::none, GemmEpilogue::bias, GemmEpilogue::bias_relu}) {
    const GemmShape shape = {
        .rows = 5, .columns = 24, .depth = 40, .b_transposed = true, .epilogue = epilogue};
    check_product<Bf16, Bf16>(shape);
    check_product<Bf16, float>(shape);
    check_product<float, float>(shape);
  }
}

TEST(CudaGemm, InputGradient) {
  const GemmShape shape = {.rows = 7, .columns = 40, .depth = 24};
  check_product<Bf16, Bf16>(shape);
  check_product<float, float>(shape);
}

TEST(CudaGemm, WeightGradient) {
  const GemmShape shape = {.rows = 24, .columns = 40, .depth = 11, .a_transposed = true};
  check_product<Bf16, float>(shape);
  check_product<float, float>(shape);
}

TEST(CudaGemm, OneOfEach) {
  check_product<Bf16, Bf16>({.rows = 1, .columns = 8, .depth = 8, .epilogue = GemmEpilogue::bias});
}

// All terms but a 1 cancel; partial sums that were rounded to bf16 would lose it.
TEST(CudaGemm, SumsOfPartsStayInFloat) {
  constexpr std::int64_t kRows = 8;
  constexpr std::int64_t kColumns = 64;
  constexpr std::int64_t kDepth = 8192;
  std::vector<Bf16> ones(kRows * kDepth, from_float<Bf16>(1.0F));
  std::vector<Bf16> signs(kDepth * kColumns, from_float<Bf16>(1.0F));
  std::fill_n(signs.begin(), signs.size() / 2, from_float<Bf16>(-1.0F));
  std::fill_n(signs.end() - kColumns, kColumns, from_float<Bf16>(2.0F));
  const Stream stream;
  const GemmContext context;
  const Gemm gemm(context, {.rows = kRows, .columns = kColumns, .depth = kDepth});
  const OnDevice<Bf16> a(stream, ones);
  const OnDevice<Bf16> b(stream, signs);
  OnDevice<Bf16> d(stream, kRows * kColumns);
  gemm.run(stream, a.data(), b.data(), nullptr, d.data());
  for (const Bf16 value : d.values()) ASSERT_EQ(to_float(value), 1.0F);
}

// Tensor cores (TF32) would drop the last bits of these numbers.
TEST(CudaGemm, FloatsAreMultipliedWithAllTheirBits) {
  const Stream stream;
  const GemmContext context;
  const Gemm gemm(context, {.rows = 8, .columns = 8, .depth = 8, .in = Element::f32, .out = Element::f32});
  std::vector<float> one(64, 0.0F);
  std::vector<float> numbers(64);
  for (std::size_t i = 0; i < 64; ++i) {
    one[i] = i % 9 == 0 ? 1.0F : 0.0F;
    numbers[i] = 1.0F + static_cast<float>(2 * i + 1) * 0x1p-23F;
  }
  const OnDevice<float> identity(stream, one);
  const OnDevice<float> matrix(stream, numbers);
  OnDevice<float> d(stream, 64);
  gemm.run(stream, matrix.data(), identity.data(), nullptr, d.data());
  EXPECT_EQ(d.values(), numbers);
  gemm.run(stream, identity.data(), matrix.data(), nullptr, d.data());
  EXPECT_EQ(d.values(), numbers);
}

TEST(CudaGemm, RunsInAGraphOnceItHasRunOutside) {
  const Stream stream;
  const GemmContext context;
  const Gemm gemm(context, {.rows = 8, .columns = 8, .depth = 8, .in = Element::f32, .out = Element::f32});
  std::vector<float> one(64, 0.0F);
  std::vector<float> numbers(64);
  for (std::size_t i = 0; i < 64; ++i) {
    one[i] = i % 9 == 0 ? 1.0F : 0.0F;
    numbers[i] = static_cast<float>(i);
  }
  const OnDevice<float> a(stream, one);
  const OnDevice<float> b(stream, numbers);
  OnDevice<float> d(stream, 64);
  gemm.run(stream, a.data(), b.data(), nullptr, d.data());
  const Graph graph(stream, [&] { gemm.run(stream, a.data(), b.data(), nullptr, d.data()); });
  fill_zero(stream, d.data(), 64 * sizeof(float));
  graph.launch(stream);
  EXPECT_EQ(d.values(), numbers);
}

// Sets a variable of the environment for the life of the object.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name); before != nullptr) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  Variable(Variable&&) = delete;
  Variable& operator=(Variable&&) = delete;
  ~Variable() {
    if (before_) setenv(name_, before_->c_str(), 1);
    if (!before_) unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(CudaLibraryPaths, ToolkitThenWheelsOfEachPython) {
  const test::TemporaryFolder folder;
  const auto make = [&](const std::string& file) {
    const std::filesystem::path path = folder / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    return path.string();
  };
  make("python/bin/python3");
  const std::string of_path = make("python/lib/python3.12/site-packages/nvidia/cu13/lib/libtest.so.13");
  make("python/lib/python3.12/site-packages/nvidia/cu13/lib/libother.so.13");
  const std::string of_environment =
      make("environment/lib/python3.11/site-packages/nvidia/cublas/lib/libtest.so.13");
  const std::string of_user = make("home/.local/lib/python3.9/dist-packages/nvidia/x/lib/libtest.so.13");
  const std::string of_folder = make("packages/nvidia/cu13/lib/libtest.so.13");
  make("elsewhere/lib/python3.12/site-packages/nvidia/cu13/lib/libtest.so.13");  // no python3 there
  const Variable toolkit("CUDA_HOME", folder / "toolkit");
  const Variable packages("PYTHONPATH", folder / "packages");
  const Variable environment("VIRTUAL_ENV", folder / "environment");
  const Variable conda("CONDA_PREFIX", "");
  const Variable path("PATH", (folder / "elsewhere/bin") + ":" + (folder / "python/bin"));
  const Variable home("HOME", folder / "home");
  const std::vector<std::string> wanted = {"libtest.so.13",
                                           folder / "toolkit/lib64/libtest.so.13",
                                           folder / "toolkit/targets/x86_64-linux/lib/libtest.so.13",
                                           "/usr/local/cuda/lib64/libtest.so.13",
                                           "/usr/local/cuda/targets/x86_64-linux/lib/libtest.so.13",
                                           of_folder,
                                           of_environment,
                                           of_path,
                                           of_user};
  EXPECT_EQ(library_paths("libtest.so.13"), wanted);
}

}  // namespace
}  // namespace convoy::cuda
