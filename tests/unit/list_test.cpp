// formats/list: strict parsing, which keeps labels right.
#include "formats/list.h"

#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace convoy {
namespace {

std::string list_error(std::string_view text) {
  return test::error_of([&] { static_cast<void>(parse_list(text, "l")); });
}

TEST(List, SeparatesPathAndLabel) {
  const auto entries = parse_list("a.jpg\t3\nb c.jpg 12\nd e.jpg\nf 1.jpg\tcat\ng 5 6\nh.jpg -1", "l");
  ASSERT_EQ(entries.size(), 6U);
  EXPECT_EQ(entries[0].path, "a.jpg");
  EXPECT_EQ(entries[0].label, "3");
  EXPECT_EQ(entries[0].line, 1U);
  EXPECT_EQ(entries[0].column, 7U);
  EXPECT_EQ(entries[1].path, "b c.jpg");
  EXPECT_EQ(entries[1].label, "12");
  EXPECT_EQ(entries[1].column, 9U);
  EXPECT_EQ(entries[2].path, "d e.jpg");
  EXPECT_EQ(entries[2].label, "");
  EXPECT_EQ(entries[3].path, "f 1.jpg");
  EXPECT_EQ(entries[3].label, "cat");
  EXPECT_EQ(entries[4].path, "g 5");
  EXPECT_EQ(entries[4].label, "6");
  EXPECT_EQ(entries[5].label, "-1");
}

TEST(List, SaysWhereALineIsWrong) {
  EXPECT_EQ(list_error("a 1\r\n"),
            "l:1:4: carriage return at the end of the line: the file has DOS line ends");
  EXPECT_EQ(list_error("a 1\nb\rc 2\n"), "l:2:2: carriage return");
  EXPECT_EQ(list_error("a 1 \n"), "l:1:4: blank at the end of the line");
  EXPECT_EQ(list_error(" a 1\n"), "l:1:1: blank at the beginning of the line");
  EXPECT_EQ(list_error("a 1\n\nb 2\n"), "l:2:1: empty line");
  EXPECT_EQ(list_error("a\t\n"), "l:1:3: nothing behind the TAB");
  EXPECT_EQ(list_error("\ta\n"), "l:1:1: blank at the beginning of the line");
  EXPECT_EQ(list_error("a\tb\tc\n"),
            "l:1:4: a second TAB: two columns are wanted (cut -f1,2 gives the first two)");
  EXPECT_EQ(list_error("a \t1\n"), "l:1:2: blank before the TAB");
  EXPECT_EQ(list_error("a\t 1\n"), "l:1:3: blank behind the TAB");
  EXPECT_EQ(list_error("a  1\n"), "l:1:2: more than one blank before the label");
  EXPECT_EQ(list_error(std::string_view("a\0b\n", 4)), "l:1:2: NUL byte (is this a -0 list?)");
  EXPECT_EQ(list_error("\xEF\xBB\xBF"
                       "a 1\n"),
            "l:1:1: byte order mark: save it as plain UTF-8");
  EXPECT_EQ(list_error(""), "");
}

TEST(Labels, SaysWhatOtherTextsAre) {
  EXPECT_EQ(labels_complaint("a 1\nb 2\n"), "");
  EXPECT_EQ(labels_complaint("a,b\tx\n"), "");
  EXPECT_EQ(labels_complaint(""), "");
  EXPECT_EQ(labels_complaint("3\n-1\n").find("2 numbers without names"), 0U);
  EXPECT_EQ(labels_complaint("id,label\r\n1,\"a,b\"\r\n").find("columns separated by ','"), 0U);
  EXPECT_EQ(labels_complaint("1;a\n").find("columns separated by ';'"), 0U);
  EXPECT_EQ(labels_complaint("a,b\nc\n"), "") << "not all lines are alike";
}

TEST(Classes, TakesWordNetIdsWithSpaces) {
  const auto classes = parse_classes("n01440764 tench, Tinca tinca\nn01443537\n", "c");
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[0].id, "n01440764");
  EXPECT_EQ(classes[0].name, "tench, Tinca tinca");
  EXPECT_EQ(classes[1].id, "n01443537");
  // Other lines keep their meaning: the whole line, or what is before the TAB.
  EXPECT_EQ(parse_classes("n01440764  tench\n", "c")[0].name, "tench") << "no name begins with a blank";
  EXPECT_EQ(parse_classes("n01440764 tench\nsea lion\n", "c")[0].id, "n01440764 tench");
  EXPECT_EQ(parse_classes("n01440764 a\tb\n", "c")[0].id, "n01440764 a");
  EXPECT_EQ(parse_classes("n0144076 tench\n", "c")[0].id, "n0144076 tench");
  // map_clsloc.txt, and lists of ILSVRC2012_ID and WNID, in the devkit's order.
  using Classes = std::vector<ClassInfo>;
  EXPECT_EQ(parse_classes("n02119789 1 kit_fox\nn02100735 2 English_setter\n", "c"),
            (Classes{{"n02119789", "kit_fox"}, {"n02100735", "English_setter"}}));
  EXPECT_EQ(parse_classes("1 n02119789\n2 n02100735\n", "c"),
            (Classes{{"n02119789", ""}, {"n02100735", ""}}));
  EXPECT_EQ(parse_classes("n02119789 1 kit_fox\nn02100735 3 English_setter\n", "c")[1].name,
            "3 English_setter")
      << "not the numbers of the lines";
  EXPECT_EQ(parse_classes("n02119789 1 kit_fox\nn02100735 2\n", "c"),
            (Classes{{"n02119789", "1 kit_fox"}, {"n02100735", "2"}}))
      << "a name may be a number";
  EXPECT_EQ(parse_classes("1 n02119789\n3 n02100735\n", "c")[1].id, "3 n02100735");
  EXPECT_EQ(parse_classes("1 n02119789 fox\n", "c")[0].id, "1 n02119789 fox");
}

TEST(List, NulEntriesMayHoldAnything) {
  const auto entries = parse_nul_list(std::string_view("a\nb \0 c 5\0d\t7\0", 14), "l");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].path, "a\nb ");
  EXPECT_EQ(entries[1].path, " c 5");
  EXPECT_EQ(entries[1].label, "");
  EXPECT_EQ(entries[2].path, "d");
  EXPECT_EQ(entries[2].label, "7");
  const auto nul_error = [](std::string_view text) {
    return test::error_of([&] { static_cast<void>(parse_nul_list(text, "l")); });
  };
  EXPECT_EQ(nul_error(std::string_view("a\0\0b", 4)), "l:2:1: empty path");
  EXPECT_EQ(nul_error(std::string_view("a\t\0", 3)), "l:1:3: nothing behind the TAB");
  EXPECT_EQ(nul_error(std::string_view("a\tb\tc\0", 6)), "l:1:4: a second TAB");
}

TEST(Classes, AreReadInOrder) {
  const auto classes = parse_classes("n01440764\ttench, Tinca tinca\nn01443537\nb c\tx y", "c");
  const std::vector<ClassInfo> expected = {
      {"n01440764", "tench, Tinca tinca"}, {"n01443537", ""}, {"b c", "x y"}};
  EXPECT_EQ(classes, expected);
}

TEST(Classes, MustBeUniqueAndThere) {
  const auto classes_error = [](std::string_view text) {
    return test::error_of([&] { static_cast<void>(parse_classes(text, "c")); });
  };
  EXPECT_EQ(classes_error("a\nb\na\tx\n"), "c:3:1: class 'a' is on line 1 already");
  EXPECT_EQ(classes_error(""), "c: no classes: the file is empty");
  EXPECT_EQ(classes_error("a\r\n"),
            "c:1:2: carriage return at the end of the line: the file has DOS line ends");
  EXPECT_EQ(classes_error("a\nb\tcaf\xE9\n"), "c:2: the line is not UTF-8");
  EXPECT_EQ(classes_error("a\t\n"), "c:1:3: nothing behind the TAB");
  EXPECT_EQ(classes_error(std::string(kMaxClassTextBytes, 'a') + "\n"), "");
  EXPECT_EQ(classes_error("a\t" + std::string(kMaxClassTextBytes + 1, 'a') + "\n"),
            "c:1: the line has a text of more than 65535 bytes");
}

TEST(Labels, AreIdsOrNumbers) {
  const LabelTable table({{"cat", ""}, {"dog", ""}, {"7", "seven"}});
  const auto resolve = [&](const std::string& label) { return table.resolve({"a.jpg", label, 5, 7}, "l"); };
  EXPECT_EQ(resolve("dog"), 1);
  EXPECT_EQ(resolve("0"), 0);
  EXPECT_EQ(resolve("7"), 2);
  EXPECT_EQ(resolve(""), kNoLabel);
  EXPECT_EQ(test::error_of([&] { resolve("3"); }),
            "l:5:7: label 3 is out of range: the table has 3 classes, from 0");
  EXPECT_EQ(test::error_of([&] { resolve("-1"); }),
            "l:5:7: label -1 is out of range: the table has 3 classes, from 0");
  EXPECT_EQ(test::error_of([&] { resolve("99999999999999999999"); }),
            "l:5:7: label 99999999999999999999 is out of range: the table has 3 classes, from 0");
  EXPECT_EQ(test::error_of([&] { resolve("+1"); }), "l:5:7: label '+1': write it without a sign");
  EXPECT_EQ(test::error_of([&] { resolve("cow"); }), "l:5:7: 'cow' is no class of the table");
}

TEST(Labels, NumbersWithoutATable) {
  EXPECT_EQ(count_numbered_classes(parse_list("a 3\nb\nc 0\n", "l"), "l"), 4);
  EXPECT_EQ(count_numbered_classes(parse_list("a\nb\n", "l"), "l"), 0);
  const auto count_error = [](std::string_view text) {
    return test::error_of([&] { static_cast<void>(count_numbered_classes(parse_list(text, "l"), "l")); });
  };
  EXPECT_EQ(count_error("a 1\nb -1\n"), "l:2:3: label -1 is out of range: labels go from 0 to 1048575");
  EXPECT_EQ(count_error("a 1048576\n"), "l:1:3: label 1048576 is out of range: labels go from 0 to 1048575");
  EXPECT_EQ(count_error("a +1\n"), "l:1:3: label '+1': write it without a sign");
  EXPECT_EQ(count_error("a\tcat\n"), "l:1:3: label 'cat' is no number: give the class table (--classes)");
}

// The first classes, with numbers as IDs, have no entry of their own in the table.
TEST(Classes, FindsNumberedClasses) {
  const LabelTable table({{"0", ""}, {"1", ""}, {"2", "two"}, {"4", ""}, {"cat", ""}, {"007", ""}});
  const auto resolve = [&](const std::string& label) { return table.resolve({"a.jpg", label, 5, 7}, "l"); };
  EXPECT_EQ(LabelTable::numbered(12).find("11"), 11);
  EXPECT_EQ(LabelTable::numbered(12).find("12"), std::nullopt);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(table.find(std::to_string(i)), i);
  EXPECT_EQ(table.find("4"), 3);
  EXPECT_EQ(table.find("cat"), 4);
  EXPECT_EQ(table.find("007"), 5);
  for (const char* id : {"3", "5", "01", "+1", "-0", "", " 1", "6"})
    EXPECT_EQ(table.find(id), std::nullopt) << id;
  EXPECT_EQ(table.find_alike(" 1"), 1);
  EXPECT_EQ(resolve("2"), 2);
  EXPECT_EQ(resolve("4"), 3);
  EXPECT_EQ(resolve("5"), 5);
  EXPECT_EQ(resolve("01"), 1);
  EXPECT_EQ(test::error_of([&] { resolve("6"); }),
            "l:5:7: label 6 is out of range: the table has 6 classes, from 0");
}

TEST(Classes, ThatLookAlikeAreRefused) {
  EXPECT_EQ(test::error_of([] { static_cast<void>(parse_classes("caf\xc3\xa9\ndog\ncafe\xcc\x81\n", "c")); }),
            "c:3:1: classes 'caf\xc3\xa9' and 'cafe\xcc\x81' look alike (in bytes, 'caf\\xc3\\xa9' against "
            "'cafe\\xcc\\x81')");
  const LabelTable table({{"caf\xc3\xa9", ""}, {"dog\xc2\xa0", ""}});
  EXPECT_EQ(table.find("cafe\xcc\x81"), std::nullopt);
  EXPECT_EQ(table.find_alike("cafe\xcc\x81"), 0);
  EXPECT_EQ(table.find_alike("dog"), 1);
  EXPECT_EQ(table.find_alike("cafe"), std::nullopt);
  EXPECT_EQ(test::error_of([&] { static_cast<void>(table.resolve(parse_list("a\tdog\n", "l").at(0), "l")); }),
            "l:1:3: 'dog' is no class of the table, but looks like 'dog\xc2\xa0' (in bytes, 'dog' against "
            "'dog\\xc2\\xa0')");
}

// The class is looked up by its form, not searched for.
TEST(Labels, ThatLookLikeClassesNameTheirOwn) {
  std::vector<ClassInfo> classes;
  for (int i = 0; i < 1000; ++i) classes.push_back({"e\xcc\x81" + std::to_string(i), ""});
  classes.push_back({"\xc3\xa9", ""});
  const LabelTable table(classes);
  const auto complaint = [&](const std::string& label) {
    const ListEntry entry{.path = "a", .label = label, .line = 1, .column = 3};
    return test::error_of([&] { static_cast<void>(table.resolve(entry, "l")); });
  };
  for (int i = 0; i < 1000; ++i) {
    const std::string error = complaint("\xc3\xa9" + std::to_string(i));
    EXPECT_NE(error.find("looks like 'e\xcc\x81" + std::to_string(i) + "' ("), std::string::npos) << error;
  }
  EXPECT_NE(complaint("e\xcc\x81").find("looks like '\xc3\xa9' ("), std::string::npos);
}

TEST(Labels, ThatSeemToBeginAtOneAreRefused) {
  const LabelTable table({{"a", ""}, {"b", ""}, {"c", ""}});
  const auto complaint = [&](const char* text) {
    return test::error_of([&] { table.check_first(parse_list(text, "l"), "l"); });
  };
  EXPECT_EQ(complaint("x 1\ny 3\nz 3\n"),
            "l:2:3: label 3 is out of range: the table has 3 classes, and labels count from 0; these seem to "
            "begin at 1");
  for (const char* text : {"x 0\ny 3\n", "x 1\ny 2\n", "x 1\ny 4\n", "x\n", "x 3\ny\ta\n"}) {
    EXPECT_NO_THROW(table.check_first(parse_list(text, "l"), "l")) << text;
  }
  const LabelTable numbers({{"1", ""}, {"2", ""}, {"3", ""}});
  EXPECT_NO_THROW(numbers.check_first(parse_list("x 1\ny 3\n", "l"), "l"));
}

}  // namespace
}  // namespace convoy
