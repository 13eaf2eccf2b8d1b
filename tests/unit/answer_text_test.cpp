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

TEST(NeighbourText, HasRanksNamesAndDistances) {
  const std::vector<NamedNeighbour> neighbours = {{.name = "x\ty", .distance = 0.0},
                                                  {.name = "z", .distance = 123.456789012}};
  EXPECT_EQ(neighbours_tsv("a\n", neighbours), "a\\n\t1\tx\\ty\t0\na\\n\t2\tz\t123.456789\n");
  const auto json = nlohmann::json::parse(neighbours_json("a", neighbours));
  EXPECT_EQ(json["name"], "a");
  EXPECT_EQ(json["neighbours"][1]["rank"], 2);
  EXPECT_EQ(json["neighbours"][1]["name"], "z");
  EXPECT_EQ(json["neighbours"][1]["distance"], 123.456789012);
  EXPECT_EQ(neighbours_rejection_tsv("a", "bad"), "a\t\t\tbad\n");
}

}  // namespace
}  // namespace convoy
