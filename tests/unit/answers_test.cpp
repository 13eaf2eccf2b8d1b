// Answers: images and failures go to the responder in their order, batch by batch.
#include "lib/runs/answers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

// Writes down what it is asked; refuses the name "bad".
class Recorder final : public Responder {
 public:
  explicit Recorder(bool stream) : stream_(stream) {}
  [[nodiscard]] std::uint64_t least_bytes(std::size_t) const override { return 0; }
  [[nodiscard]] std::string refusal(const std::string& name) const override {
    return name == "bad" ? "a bad name" : "";
  }
  void prepare(std::size_t images) override { said += "prepare " + std::to_string(images) + "\n"; }
  void compute(std::span<const Image> images) override {
    said += "compute";
    for (const Image& image : images) said += " " + std::to_string(image.width);
    said += "\n";
  }
  void answer(std::size_t index, const std::string& name, const std::string&) override {
    said += std::to_string(index) + " " + name + "\n";
  }
  void reject(const std::string& name, const std::string& reason) override {
    said += name + ": " + reason + "\n";
  }
  void commit() override { said += "commit\n"; }
  [[nodiscard]] bool is_stream() const override { return stream_; }

  std::string said;

 private:
  bool stream_;
};

PreparedImage image(const std::string& name, int width, const std::string& failure = {},
                    bool by_system = false) {
  PreparedImage one{.name = name, .place = "place of " + name, .image = {}, .failure = failure};
  one.image.width = width;
  one.by_system = by_system;
  return one;
}

class AnswersTest : public ::testing::Test {
 protected:
  Console console_{"answers_test"};
  Rejects rejects_{RejectRules{}, console_};
};

TEST_F(AnswersTest, KeepTheOrderOfImagesAndFailures) {
  Recorder recorder(false);
  Answers answers(recorder, 3, rejects_);
  EXPECT_EQ(recorder.said, "") << "prepared on first use";
  answers.add(image("a", 1));
  answers.add(image("b", 2, "cut short"));
  answers.add(image("bad", 3));
  EXPECT_EQ(recorder.said, "prepare 3\ncompute 1\n0 a\nb: cut short\nbad: a bad name\n");
  recorder.said.clear();
  answers.add(image("c", 4));
  answers.add(image("bad", 5, "cut short"));
  answers.finish();
  EXPECT_EQ(recorder.said, "compute 4\n0 c\nbad: cut short\ncommit\n");
  EXPECT_EQ(answers.answered(), 2U);
  EXPECT_EQ(rejects_.count(), 3U);
}

TEST_F(AnswersTest, PrepareForNoMoreImagesThanThereAre) {
  Recorder recorder(false);
  Answers answers(recorder, 16, rejects_);
  answers.add(image("a", 1));
  answers.add(image("b", 2));
  answers.finish();
  EXPECT_EQ(recorder.said, "prepare 2\ncompute 1 2\n0 a\n1 b\ncommit\n");
}

TEST_F(AnswersTest, OutliveAFailureOfTheMachineOnlyAsAStreamOfSingleAnswers) {
  for (const bool stream : {true, false}) {
    for (const std::size_t batch : {1, 2}) {
      Recorder recorder(stream);
      Answers answers(recorder, batch, rejects_);
      const std::string error = test::error_of([&] { answers.add(image("a", 1, "no descriptors", true)); });
      EXPECT_EQ(error, stream && batch == 1 ? "" : "place of a: no descriptors");
      EXPECT_EQ(answers.any_by_system(), error.empty());
    }
  }
}

TEST_F(AnswersTest, CommitNothingWithoutAnAnswer) {
  Recorder recorder(false);
  Answers answers(recorder, 2, rejects_);
  answers.add(image("a", 1, "cut short"));
  EXPECT_NE(test::error_of([&] { answers.finish(); }), "");
  EXPECT_EQ(recorder.said, "a: cut short\n");
}

}  // namespace
}  // namespace convoy
