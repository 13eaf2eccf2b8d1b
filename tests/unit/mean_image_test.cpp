// The mean of a file must fit the net.
#include "lib/runs/mean_image.h"

#include <gtest/gtest.h>

#include <cmath>
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

}  // namespace
}  // namespace convoy
