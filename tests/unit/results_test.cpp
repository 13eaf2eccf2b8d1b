// The tables of eval and predict, as they are written and as they are damaged.
#include "lib/pictures/results.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/table.h"
#include "lib/runs/answer_text.h"
#include "tests/support/error_message.h"
#include "tests/support/memory_file.h"

namespace convoy {
namespace {

using test::error_of;

std::string random_name(std::mt19937_64& random) {
  std::string name;
  const int length = std::uniform_int_distribution(0, 12)(random);
  for (int i = 0; i < length; ++i) {
    constexpr std::string_view kLikely = "ab\\xtn\t\n\r\x1b\x7f\x80\xc2\x9b\xe2\x80\xae 09";
    const bool likely = std::uniform_int_distribution(0, 3)(random) > 0;
    name += likely ? kLikely[std::uniform_int_distribution<std::size_t>(0, kLikely.size() - 1)(random)]
                   : static_cast<char>(std::uniform_int_distribution(0, 255)(random));
  }
  return name;
}

// Files of these texts.
class Results : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& text) const {
    file_.write(as_u8(as_bytes_of(text)));
    return file_.path();
  }
  test::MemoryFile file_;
};

TEST(TsvField, GivesTheTextAgain) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string name = random_name(random);
    ASSERT_EQ(tsv_text(tsv_field(name)), name);
  }
  for (const char* wrong : {"\\", "a\\q", "\\x", "\\x1", "\\xg1", "\\x+1", "\\x-1"}) {
    EXPECT_EQ(tsv_text(wrong), std::nullopt) << wrong;
  }
}

TEST_F(Results, WhatPredictWritesIsReadAgain) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<ClassInfo> classes = {{"a", "an A"}, {"b", ""}, {"c", "tab\there"}};
  for (int round = 0; round < 200; ++round) {
    std::string tsv;
    std::vector<std::string> names;
    const int images = std::uniform_int_distribution(1, 4)(random);
    for (int i = 0; i < images; ++i) {
      // Two of the same name may follow each other.
      names.push_back(i > 0 && round % 3 == 0 ? names.back() : random_name(random));
      const std::vector<float> probabilities = {0.25F, 0.5F, 0.25F};
      tsv += round % 5 == 4 ? rejection_tsv(names.back(), "cut short")
                            : prediction_tsv(names.back(), probabilities, 3, classes);
    }
    const std::vector<AnsweredImage> read = read_answers(file(tsv));
    ASSERT_EQ(read.size(), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      ASSERT_EQ(read[i].name, names[i]);
      if (round % 5 == 4) {
        ASSERT_EQ(read[i].failure, "cut short");
        continue;
      }
      ASSERT_EQ(read[i].answers.size(), 3U);
      ASSERT_EQ(read[i].answers[0].id, "b");
      ASSERT_EQ(read[i].answers[0].probability, 0.5);
      ASSERT_EQ(read[i].answers[2].name, "tab\there");
    }
  }
  const std::vector<float> probabilities = {0.25F, 0.5F, 0.25F};
  const auto json =
      read_answers(file(prediction_json("x", probabilities, 2, classes) + rejection_json("y", "broken")));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0].answers.at(1).id, "a");
  EXPECT_EQ(json[0].answers.at(1).name, "an A");
  EXPECT_EQ(json[1].failure, "broken");
}

// Reads each cut of the text, and each text with one byte changed: the reader returns or throws an Error.
void survive(const std::string& text, const std::function<void(const std::string&)>& read) {
  for (std::size_t length = 0; length <= text.size(); ++length)
    (void)error_of([&] { read(text.substr(0, length)); });
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char byte : {'\0', '\t', '\n', '0', '9', '-', 'x', '\\', '\xff'}) {
      std::string changed = text;
      changed[i] = byte;
      (void)error_of([&] { read(changed); });
    }
  }
}

TEST_F(Results, DamagedTablesAreErrorsOrOtherTables) {
  survive("a.png\t1\tc\tthe c\t0.5\na.png\t2\td\t\t0.25\nb\t\t\t\tcut\n",
          [&](const std::string& text) { (void)read_answers(file(text)); });
  survive(
      "{\"name\": \"a\", \"predictions\": [{\"rank\": 1, \"class_id\": \"c\", \"class\": \"\", "
      "\"probability\": 0.5}]}\n",
      [&](const std::string& text) { (void)read_answers(file(text)); });
  survive("name\tclass\trank1\trank2\na\tc\tc\td\n",
          [&](const std::string& text) { (void)read_answers(file(text)); });
  survive("a\t1\tb\t0.5\na\t2\tc\t1.5\n",
          [&](const std::string& text) { (void)read_neighbours(file(text)); });
  const auto confusion = [&](const std::string& text) {
    const ConfusionTable table = read_confusion(file(text));
    for (const ConfusionCount& one : table.counts) {
      ASSERT_LT(one.truth, table.ids.size());
      ASSERT_LT(one.predicted, table.ids.size());
      ASSERT_GT(one.count, 0U);
    }
  };
  survive("class\ta\tb\na\t10\t2\nb\t0\t7\n", confusion);
  survive("true\tpredicted\tcount\na\ta\t10\na\tb\t2\n", confusion);
}

TEST_F(Results, WhatIsNoTableIsNamedWithItsLine) {
  const auto answers = [&](const std::string& text) {
    return error_of([&] { (void)read_answers(file(text)); });
  };
  const auto ends = [&](const std::string& message, const std::string& end) {
    EXPECT_TRUE(message.ends_with(end)) << message;
  };
  ends(answers(""), ": is empty");
  ends(answers("a\t1\tc\t\t0.5\nb\t2\tc\t\t0.5\n"),
       ":2: the rank is not 1: lines of this image are missing before it");
  ends(answers("a\t1\tc\t\t0.5\na\t3\tc\t\t0.5\n"),
       ":2: the rank is 3 where 2 is expected: lines are missing, or stand twice");
  // What eval --confusion writes, of four classes.
  ends(answers("class\t0\t1\t2\t3\n0\t5\t0\t0\t0\n"),
       ":1: the second field is no rank: is this a table of predict?");
  ends(answers("a\t1\tc\t\t-0.5\n"), ":1: the probability is not a number of 0 or more");
  ends(answers("a\\q\t1\tc\t\t0.5\n"), ":1: a backslash that begins no escape");
  ends(answers(std::string("\x89PNG\r\n\x1a\n\0\0", 10)),
       ": a PNG image where a table of predict or eval is expected");
  const auto confusion = [&](const std::string& text) {
    return error_of([&] { (void)read_confusion(file(text)); });
  };
  ends(confusion("class\ta\ta\n"), ":1: a class stands twice in the head line");
  ends(confusion("class\ta\nb\t1\n"), ":2: a class that is not in the head line, or stands twice");
  ends(confusion("class\ta\na\t0\n"), ": counts no images");
  ends(confusion("class\ta\na\t99999999999999999999\n"), ":2: a count is not a whole number, or too large");
}

TEST_F(Results, AMatrixBeyondTheMemoryIsRefused) {
  std::string text = "class";
  for (int i = 0; i < 200; ++i) text += "\t" + std::to_string(i);
  for (int i = 0; i < 200; ++i) {
    text += "\n" + std::to_string(i);
    for (int j = 0; j < 200; ++j) text += "\t1";
  }
  const std::string path = file(text);
  EXPECT_EQ(read_confusion(path).counts.size(), 40'000U);
  EXPECT_NE(error_of([&] { (void)read_confusion(path, {.bytes = 1 << 20, .source = "test"}); }).find("need"),
            std::string::npos);
}

}  // namespace
}  // namespace convoy
