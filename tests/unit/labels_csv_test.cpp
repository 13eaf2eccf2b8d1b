// formats/labels_csv: label tables with commas.
#include "formats/labels_csv.h"

#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace convoy {
namespace {

std::string shown(std::string_view text) {
  std::string all;
  for (const ListEntry& entry : parse_labels_csv(text, "t")) {
    all += entry.path + "|" + entry.label + "|" + std::to_string(entry.line) + ":" +
           std::to_string(entry.column) + " ";
  }
  return all;
}

TEST(LabelsCsv, AreToldFromLists) {
  for (const char* text : {"id,label\n1,frog\n", "1,frog\n2,cat\n", "a.jpg;frog\r\n", "1,3\n", "\"a\",\"b\"",
                           "ImageId,PredictionString\nx,n01440764 1 2 3\n"}) {
    EXPECT_TRUE(is_labels_csv(text)) << text;
  }
  for (const char* text : {"", "a.jpg\tfrog\n", "a,b.jpg\t3\n", "a,b.jpg 3\n", "a.jpg 3\n", "1\n2\n",
                           "a,b\nc\n", "a\n", "id,label\n1\n"}) {
    EXPECT_FALSE(is_labels_csv(text)) << text;
  }
}

TEST(LabelsCsv, HaveHeadingsQuotesAndOtherLineEnds) {
  EXPECT_EQ(shown("id,label\n1,frog\n2,cat\n"), "1|frog|2:3 2|cat|3:3 ");
  EXPECT_EQ(shown("1,frog\n2,cat"), "1|frog|1:3 2|cat|2:3 ");
  EXPECT_EQ(shown("\xEF\xBB\xBF\"File_Name\";\"class\"\r\na.jpg;sea lion\r\n"), "a.jpg|sea lion|2:7 ");
  EXPECT_EQ(shown("\"a, \"\"b\"\".jpg\",\"cat, house\"\n"), "a, \"b\".jpg|cat, house|1:16 ");
  EXPECT_EQ(shown("ImageId,PredictionString\nval_1,n03995372 85 1 499 272 \n"), "val_1|n03995372|2:7 ");
}

TEST(LabelsCsv, SayWhereALineIsWrong) {
  const auto complaint = [](const std::string& text) { return test::error_of([&] { shown(text); }); };
  EXPECT_EQ(complaint("a,b\n" + std::string(5000, ',') + "\n"),
            "t:2: more than 1000 columns: two are wanted, NAME,LABEL");
  EXPECT_EQ(complaint("id,label\na,b,c\n"), "t:2: 3 columns: two are wanted, NAME,LABEL");
  EXPECT_EQ(complaint("a,\n"), "t:1:3: empty field");
  EXPECT_EQ(complaint(",a\n"), "t:1:1: empty field");
  EXPECT_EQ(complaint("a, b\n"), "t:1:3: blank at an end of the field");
  EXPECT_EQ(complaint("a,\"b\n"), "t:1:3: a quote that does not end in the line");
  EXPECT_EQ(complaint("\"a\"b,c\n"), "t:1:4: text behind a field in quotes");
  EXPECT_NE(complaint("a,b\x1b[2J\n"), "");
}

}  // namespace
}  // namespace convoy
