// The answers of predict, as TSV and JSON.
#include "lib/runs/answer_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace convoy {
namespace {

using Floats = std::vector<float>;

const std::vector<ClassInfo> kClasses = {{"n01", "tench"}, {"n02", ""}};

TEST(PredictionText, EscapesNames) {
  EXPECT_EQ(prediction_tsv("a\tb\nc", Floats{0.25F, 0.75F}, 5, kClasses),
            "a\\tb\\nc\t1\tn02\t\t0.750000\na\\tb\\nc\t2\tn01\ttench\t0.250000\n");
  const auto json = nlohmann::json::parse(prediction_json("\xff\"", Floats{0.25F, 0.75F}, 1, kClasses));
  EXPECT_EQ(json["name"], "\xEF\xBF\xBD\"");
  EXPECT_EQ(json["predictions"].size(), 1U);
  EXPECT_EQ(json["predictions"][0]["class_id"], "n02");
  EXPECT_EQ(json["predictions"][0]["probability"], 0.75);
  EXPECT_EQ(rejection_tsv("a\tb", "bad\n"), "a\\tb\t\t\t\tbad\\n\n");
  EXPECT_EQ(nlohmann::json::parse(rejection_json("x", "bad"))["error"], "bad");
}

}  // namespace
}  // namespace convoy
