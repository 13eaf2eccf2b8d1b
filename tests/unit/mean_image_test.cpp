// The mean of a file must fit the net.
#include "lib/runs/mean_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/base/file.h"
#include "tests/support/error_message.h"
#include "tests/support/fake_net.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

TEST(ReadMean, MustFitTheStoredImages) {
  const TemporaryFolder folder;
  const std::string path = folder / "mean.safetensors";
  const InputSpec input = test::FakeNet(1).net().input;
  std::vector<float> values(25, 0.5F);
  const auto write = [&](const char* name, std::vector<std::uint64_t> shape) {
    OutputFile out(path, OutputFile::Content::binary);
    write_safetensors(
        out, std::vector<TensorView>{{name, DType::f32, std::move(shape), std::as_bytes(std::span(values))}},
        {});
    out.commit();
  };
  write("mean", {1, 5, 5});
  EXPECT_EQ(read_mean(path, input).values, values);
  write("mean", {5, 5, 1});
  EXPECT_NE(test::error_of([&] { (void)read_mean(path, input); }).find("is [5,5,1], not [1,5,5]"),
            std::string::npos);
  values[3] = std::nanf("");
  write("mean", {1, 5, 5});
  EXPECT_EQ(test::error_of([&] { (void)read_mean(path, input); }),
            path + ": tensor 'mean' holds values that are not finite numbers");
  write("average", {1, 5, 5});
  EXPECT_NE(test::error_of([&] { (void)read_mean(path, input); }).find("'mean' is missing"),
            std::string::npos);
}

// A mean file for images of 2x1 pixels in three colours, with the tensors of its colour statistics as they
// are or changed.
class ColorsOfAMean : public ::testing::Test {
 protected:
  void write(const std::string& eigenvectors = "color_eigenvectors",
             const std::vector<std::uint64_t>& deviations_shape = {3}) {
    OutputFile out(path_, OutputFile::Content::binary);
    const auto bytes = [](const std::vector<float>& values) { return std::as_bytes(std::span(values)); };
    write_safetensors(
        out,
        std::vector<TensorView>{{"mean", DType::f32, {3, 1, 2}, bytes(mean_)},
                                {eigenvectors, DType::f32, {3, 3}, bytes(eigenvectors_)},
                                {"color_stddev", DType::f32, deviations_shape, bytes(deviations_)}},
        {});
    out.commit();
  }
  [[nodiscard]] std::string error() const {
    return test::error_of([&] { (void)read_mean(path_, input_, WantedColors::yes); });
  }
  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "mean.safetensors";
  const InputSpec input_{.crop = {1, 2, 3}, .stored = {1, 2, 3}};
  std::vector<float> mean_{1, 2, 3, 4, 5, 6};
  std::vector<float> eigenvectors_{0, 1, 0, 0, 0, 1, 1, 0, 0};
  std::vector<float> deviations_{3, 2, 1};
};

TEST_F(ColorsOfAMean, AreReadIfTheyAreWanted) {
  write();
  const MeanImage mean = read_mean(path_, input_, WantedColors::yes);
  ASSERT_TRUE(mean.colors);
  EXPECT_TRUE(std::equal(eigenvectors_.begin(), eigenvectors_.end(), mean.colors->eigenvectors.begin()));
  EXPECT_EQ(mean.colors->deviations, (std::array{3.0F, 2.0F, 1.0F}));
  EXPECT_FALSE(read_mean(path_, input_).colors);
}

TEST_F(ColorsOfAMean, MustBeThereAndMakeSense) {
  write("others");
  EXPECT_EQ(error(),
            path_ +
                ": tensor 'color_eigenvectors' is missing: --color-noise needs the colour statistics that "
                "meanimg writes");
  EXPECT_EQ(read_mean(path_, input_).values, mean_) << "without noise nothing is missing";
  write("color_eigenvectors", {3, 1});
  EXPECT_NE(error().find("tensor 'color_stddev' is [3,1], not [3]"), std::string::npos) << error();
  deviations_[1] = -1;
  write();
  EXPECT_NE(error().find("'color_stddev' has values that no colours have"), std::string::npos) << error();
  deviations_[1] = 256;
  write();
  EXPECT_NE(error().find("'color_stddev' has values that no colours have"), std::string::npos) << error();
  deviations_[1] = std::numeric_limits<float>::infinity();
  write();
  EXPECT_NE(error().find("'color_stddev' holds values that are not finite"), std::string::npos) << error();
  deviations_[1] = 1;
  eigenvectors_[8] = -1.5F;
  write();
  EXPECT_NE(error().find("'color_eigenvectors' has values that no colours have"), std::string::npos)
      << error();
  eigenvectors_[8] = std::nanf("");
  write();
  EXPECT_NE(error().find("'color_eigenvectors' holds values that are not finite"), std::string::npos)
      << error();
}

}  // namespace
}  // namespace convoy
