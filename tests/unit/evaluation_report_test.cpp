// The report of eval, as TSV and JSON.
#include "lib/runs/evaluation_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using Floats = std::vector<float>;

const std::vector<ClassInfo> kClasses = {{"n01", "tench"}, {"n02", ""}};

TEST(EvaluationReport, IsTsvOrJson) {
  Metrics metrics(3, true);
  ASSERT_TRUE(metrics.add(Floats{0.5F, 0.25F, 0.25F}, 0));
  ASSERT_TRUE(metrics.add(Floats{0.25F, 0.25F, 0.5F}, 1));
  EXPECT_EQ(report_tsv(metrics, kClasses, true),
            "images\t2\ntop1_error\t0.500000\ntop5_error\t0.000000\nloss\t1.039721\n"
            "mean_class_top1_error\t0.500000\nmean_class_top5_error\t0.000000\nmean_class_loss\t1.039721\n"
            "class\tn01\ttench\t1\t0.000000\t0.000000\t0.693147\n"
            "class\tn02\t\t1\t1.000000\t0.000000\t1.386294\n");
  const auto json = nlohmann::json::parse(report_json(metrics, kClasses, true));
  EXPECT_EQ(json["images"], 2);
  EXPECT_EQ(json["top1_error"], 0.5);
  EXPECT_EQ(json["classes"][1]["id"], "n02");
  EXPECT_EQ(json["classes"][1]["top1_error"], 1.0);
  EXPECT_EQ(class_id(kClasses, 2), "2") << "an output beyond the table";
}

TEST(EvaluationReport, HasNoFiguresForAClassWithoutImages) {
  Metrics metrics(2, false);
  ASSERT_TRUE(metrics.add(Floats{0.5F, 0.5F}, 1));
  ASSERT_TRUE(metrics.add(Floats{0.25F, 0.75F}, 1));
  EXPECT_EQ(report_tsv(metrics, kClasses, true),
            "images\t2\ntop1_error\t0.500000\ntop5_error\t0.000000\nloss\t0.490415\n"
            "mean_class_top1_error\t0.500000\nmean_class_top5_error\t0.000000\nmean_class_loss\t0.490415\n"
            "class\tn01\ttench\t0\t-\t-\t-\n"
            "class\tn02\t\t2\t0.500000\t0.000000\t0.490415\n");
  const auto json = nlohmann::json::parse(report_json(metrics, kClasses, true));
  EXPECT_EQ(json["mean_class_top1_error"], 0.5);
  EXPECT_EQ(json["classes"][0]["images"], 0);
  for (const char* figure : {"top1_error", "top5_error", "loss"}) {
    EXPECT_TRUE(json["classes"][0].at(figure).is_null()) << figure;
    EXPECT_TRUE(json["classes"][1].at(figure).is_number()) << figure;
  }
  EXPECT_FALSE(
      nlohmann::json::parse(report_json(metrics, kClasses, false)).contains("mean_class_top1_error"));
}

// What write_confusion writes of a net with that many outputs and the classes of kClasses. It takes an image
// of class n01 for "2", and three of n02 for n01 and n02 and n02.
std::string confusion_of(std::size_t outputs) {
  Metrics metrics(static_cast<int>(outputs), true);
  for (const auto& [label, predicted] : {std::pair{1, 1}, {1, 0}, {0, 2}, {1, 1}}) {
    Floats probabilities(outputs);
    probabilities[static_cast<std::size_t>(predicted)] = 1.0F;
    EXPECT_TRUE(metrics.add(probabilities, label));
  }
  const test::TemporaryFolder folder;
  const std::string path = folder / "confusion";
  OutputFile out(path, OutputFile::Content::text);
  write_confusion(out, metrics, kClasses);
  out.commit();
  return read_text_file(path, 1 << 20);
}

TEST(EvaluationReport, HasAConfusionMatrix) {
  EXPECT_EQ(confusion_of(3), "class\tn01\tn02\t2\nn01\t0\t0\t1\nn02\t1\t2\t0\n");
}

TEST(EvaluationReport, HasPairsInsteadOfAMatrixOfManyClasses) {
  const std::string matrix = confusion_of(kMaxMatrixClasses);
  EXPECT_TRUE(matrix.starts_with("class\tn01\tn02\t2\t3\t"));
  EXPECT_EQ(std::ranges::count(matrix, '\n'), 3);
  EXPECT_EQ(std::ranges::count(matrix, '\t'), 3 * kMaxMatrixClasses);
  EXPECT_EQ(confusion_of(kMaxMatrixClasses + 1),
            "true\tpredicted\tcount\nn01\t2\t1\nn02\tn01\t1\nn02\tn02\t2\n");
}

}  // namespace
}  // namespace convoy
