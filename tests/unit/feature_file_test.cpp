// Files of features: what is written is read, and nothing that is wrong is taken for features.
#include "lib/runs/feature_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

const FeatureOrigin kOrigin = {.layer = "fc7", .weights = "0123456789abcdef", .precision = "fp32"};

class FeatureFiles : public ::testing::Test {
 protected:
  // Writes tensors and metadata as they are.
  [[nodiscard]] std::string write(const std::vector<TensorView>& tensors, const Metadata& metadata) {
    const std::string path = folder_ / "x.safetensors";
    OutputFile out(path, OutputFile::Content::binary);
    write_safetensors(out, tensors, metadata);
    out.commit();
    return path;
  }
  [[nodiscard]] std::string refusal(const std::vector<float>& features, std::vector<std::uint64_t> shape,
                                    std::string_view names) {
    const std::string path =
        write({{.name = "features", .shape = std::move(shape), .data = std::as_bytes(std::span(features))},
               {.name = "names", .type = DType::u8, .shape = {names.size()}, .data = as_bytes_of(names)}},
              {{"convoy.layer", "f"}, {"convoy.weights", "0"}, {"convoy.precision", "fp32"}});
    const std::string message = test::error_of([&] { (void)FeatureFile(path, {}); });
    return message.substr(std::min(message.size(), path.size()));
  }
  test::TemporaryFolder folder_;
};

TEST_F(FeatureFiles, HoldWhatWasWritten) {
  const std::string path = folder_ / "f.safetensors";
  constexpr std::size_t kImages = 3000;  // more than is gathered before it is written
  FeatureWriter writer(path, 40);
  for (std::size_t i = 0; i < kImages; ++i) {
    const std::vector<float> row(40, static_cast<float>(i));
    writer.add(i == 1 ? std::string() : "odd \xff\n\t" + std::to_string(i), row);
  }
  writer.commit(kOrigin);
  const FeatureFile file(path, {});
  EXPECT_EQ(file.origin().layer, "fc7");
  EXPECT_EQ(file.origin().weights, kOrigin.weights);
  EXPECT_EQ(file.origin().precision, "fp32");
  ASSERT_EQ(file.size(), kImages);
  ASSERT_EQ(file.elements(), 40U);
  for (std::size_t i = 0; i < kImages; ++i) {
    EXPECT_EQ(file.image(i), i == 1 ? std::string() : "odd \xff\n\t" + std::to_string(i));
    EXPECT_EQ(file.rows()[i * 40 + 39], static_cast<float>(i));
  }
}

TEST_F(FeatureFiles, HaveNoNamesThatHoldTheirEnd) {
  const std::string path = folder_ / "f.safetensors";
  FeatureWriter writer(path, 1);
  const std::vector<float> row(1);
  const std::string name("a\0b", 3);
  const std::string reason = "its name holds a NUL byte, which ends names in a file of features";
  EXPECT_EQ(FeatureWriter::refusal(name), reason);
  EXPECT_EQ(FeatureWriter::refusal("a"), "");
  EXPECT_EQ(test::error_of([&] { writer.add(name, row); }), path + ": " + reason);
}

TEST_F(FeatureFiles, MustHaveANameForEachRow) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal({1, 2, 3, 4}, {2, 2}, "a\0b\0"sv), "");
  for (const std::string_view names : {""sv, "a\0"sv, "a\0b"sv, "a\0b\0c\0"sv, "a\0b\0c"sv}) {
    EXPECT_EQ(refusal({1, 2, 3, 4}, {2, 2}, names), ": names are not one for each of 2 images, ended by NUL");
  }
}

TEST_F(FeatureFiles, MustBeFiniteMatrices) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal({1, 2}, {2}, "a\0b\0"sv), ": features are not images x elements: [2]");
  EXPECT_EQ(refusal({}, {0, 2}, ""), ": features are not images x elements: [0,2]");
  EXPECT_EQ(refusal({}, {3, 0}, "a\0b\0c\0"sv), ": features are not images x elements: [3,0]");
  EXPECT_EQ(refusal({1, std::nanf("")}, {1, 2}, "a\0"sv),
            ": tensor 'features' holds values that are not finite numbers");
  EXPECT_EQ(refusal({1, INFINITY}, {1, 2}, "a\0"sv),
            ": tensor 'features' holds values that are not finite numbers");
}

TEST_F(FeatureFiles, AreToldFromOthers) {
  const std::vector<float> one(1);
  const TensorView tensor{.name = "features", .shape = {1, 1}, .data = std::as_bytes(std::span(one))};
  const std::string path = write({tensor}, {{"format", "pt"}});
  EXPECT_NE(test::error_of([&] { (void)FeatureFile(path, {}); }).find("not a file of features"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] {
              (void)FeatureFile(
                  write({}, {{"convoy.layer", "f"}, {"convoy.weights", "0"}, {"convoy.precision", "fp32"}}),
                  {});
            }).find("no tensor 'features'"),
            std::string::npos);
}

}  // namespace
}  // namespace convoy
