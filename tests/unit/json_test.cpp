// lib/base/json: strict parsing, and members read by type.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/json.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::error_of;

TEST(Json, IsReadStrictly) {
  EXPECT_EQ(parse_json(R"({"a":[1,2]})", "x")["a"][1], 2);
  EXPECT_THROW((void)parse_json(R"({"a":1,"a":2})", "x"), FormatError);
  EXPECT_THROW((void)parse_json(R"({"a":1} x)", "x"), FormatError);
  EXPECT_THROW((void)parse_json(std::string(100000, '['), "x"), FormatError);
  EXPECT_THROW((void)parse_json("", "x"), FormatError);
}

TEST(Json, IsWrittenWithoutControlCharacters) {
  const nlohmann::json value = {{"k\x7f", "a\x1b\xc2\x9b\xc2\xa0\xc3\x9b\xff\\"}};
  const std::string text = json_text(value);
  EXPECT_EQ(text, "{\"k\\u007f\":\"a\\u001b\\u009b\xc2\xa0\xc3\x9b\xef\xbf\xbd\\\\\"}");
  EXPECT_EQ(parse_json(text, "x")["k\x7f"], "a\x1b\xc2\x9b\xc2\xa0\xc3\x9b\xef\xbf\xbd\\");
}

TEST(Json, IsWrittenWithoutWhatChangesTheDirectionOfText) {
  const std::string hidden =
      "a\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xe2\x80\x8e\xd8\x9c\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa\xd8\x9b";
  const std::string text = json_text(nlohmann::json(hidden));
  EXPECT_EQ(text, "\"a\\u202e\\u2066\\u2028\\u200e\\u061c\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa\xd8\x9b\"");
  EXPECT_EQ(parse_json(text, "x"), hidden);
}

TEST(Json, NamesThePlaceOfEveryFault) {
  const auto error = [](const std::string& text) {
    return error_of([&] { (void)parse_json(text, "x", 100); });
  };
  EXPECT_EQ(error(R"({"a":[1,2})"), "x: offset 109: invalid JSON");
  EXPECT_EQ(error(R"({"a":1e999})"), "x: offset 109: a JSON number is out of range");
  EXPECT_EQ(error("-" + std::string(400, '9')), "x: offset 500: a JSON number is out of range");
  EXPECT_EQ(error("\"\xff\""), "x: offset 101: invalid JSON");
  EXPECT_EQ(error(std::string("{\"a\":\0}", 8)), "x: offset 105: invalid JSON");
  EXPECT_EQ(error(R"({"a":{"b":1,"b":2}})"), "x: offset 100: duplicate JSON key 'b'");
  EXPECT_EQ(error(std::string(65, '[') + std::string(65, ']')), "x: offset 100: JSON nested too deeply");
  EXPECT_EQ(error(std::string(64, '[') + std::string(64, ']')), "");
}

// Text of an array of `count` elements.
std::string array_of(std::size_t count, std::string_view element) {
  std::string text = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += ',';
    text += element;
  }
  return text + "]";
}

TEST(Json, HoldsSoManyValuesAtATime) {
  EXPECT_EQ(parse_json(array_of(kMaxJsonValues - 1, "0"), "x").size(), kMaxJsonValues - 1);
  for (const char* element : {"0", "[]", "{}", "\"\"", "null", "[0]"}) {
    EXPECT_EQ(error_of([&] { (void)parse_json(array_of(kMaxJsonValues, element), "x"); }),
              "x: offset 0: JSON of more than 262144 values")
        << element;
  }
}

TEST(Json, HandsOverTheElementsOfAnArray) {
  std::vector<nlohmann::json> taken;
  const TakeElement take = [&](const nlohmann::json& element) { taken.push_back(element); };
  const auto rest =
      parse_json_but_array(R"({"b":{"list":[5]},"list":[{"list":[1]},2,[]],"a":[6]})", "list", take, "x");
  EXPECT_EQ(rest.dump(), R"({"a":[6],"b":{"list":[5]},"list":[]})");
  EXPECT_EQ(nlohmann::json(taken).dump(), R"([{"list":[1]},2,[]])");
  taken.clear();
  EXPECT_EQ(parse_json_but_array(R"({"list":{"a":1}})", "list", take, "x").dump(), R"({"list":{"a":1}})");
  EXPECT_EQ(parse_json_but_array(R"([["list"]])", "list", take, "x").dump(), R"([["list"]])");
  EXPECT_TRUE(taken.empty());
}

TEST(Json, HandsOverMembers) {
  std::string taken;
  const TakeMember take = [&](const std::string& key, const nlohmann::json& value) {
    taken += key + "=" + value.dump() + ";";
  };
  parse_json_members(R"({"b":{"x":1,"y":[2]},"a":3})", take, "x");
  EXPECT_EQ(taken, R"(b={"x":1,"y":[2]};a=3;)");
  EXPECT_EQ(error_of([&] { parse_json_members(R"({"a":1,"b":2,"a":3})", take, "x"); }),
            "x: offset 0: duplicate JSON key 'a'");
  EXPECT_EQ(error_of([&] { parse_json_members("[1]", take, "x"); }), "x: offset 0: not a JSON object");
}

// What has been handed over no longer counts, and what is nested in it counts while it is read. Four times as
// many as may be held are a matter of moments only if the work is linear.
TEST(Json, HandsOverMoreThanItHolds) {
  std::size_t taken = 0;
  const TakeElement take = [&](const nlohmann::json&) { ++taken; };
  const std::size_t many = 2 * kMaxJsonValues;
  (void)parse_json_but_array(R"({"list":)" + array_of(many, R"({"a":[0,1]})") + "}", "list", take, "x");
  EXPECT_EQ(taken, many);
  EXPECT_THROW(
      (void)parse_json_but_array(R"({"list":[)" + array_of(kMaxJsonValues, "0") + "]}", "list", take, "x"),
      FormatError);
}

class JsonMembers : public ::testing::Test {
 protected:
  JsonMembers() : value_(parse_json(kText, "x")), object_(value_, "run", "file") {}

  const nlohmann::json value_;
  const JsonObject object_;

 private:
  static constexpr const char* kText =
      R"({"yes":true,"word":"abc","loss":2.5,"one":1,"negative":-1,"wide":4294967297,"most":18446744073709551615,)"
      R"("three":[1,2,3],"mixed":[1,2.0,3]})";
};

TEST_F(JsonMembers, AreReadByType) {
  EXPECT_TRUE(object_.boolean("yes"));
  EXPECT_EQ(object_.text("word"), "abc");
  EXPECT_EQ(object_.real("loss"), 2.5);
  EXPECT_EQ(object_.real("one"), 1.0);
  EXPECT_EQ(object_.count("most"), 18446744073709551615U);
  EXPECT_EQ(object_.integer("negative", -1, 1), -1);
  EXPECT_EQ(object_.integers("three", 3, 0, 3), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(object_.has("one"));
  EXPECT_FALSE(object_.has("two"));
}

TEST_F(JsonMembers, OfAnotherTypeOrRangeAreRefusedByName) {
  const auto error_of = [](auto&& read) { return test::error_of([&] { static_cast<void>(read()); }); };
  EXPECT_EQ(error_of([&] { return object_.text("gone"); }), "file: run: 'gone' is missing");
  EXPECT_EQ(error_of([&] { return object_.text("one"); }), "file: run: 'one' is not a text");
  EXPECT_EQ(error_of([&] { return object_.boolean("one"); }), "file: run: 'one' is neither true nor false");
  EXPECT_EQ(error_of([&] { return object_.real("word"); }), "file: run: 'word' is not a number");
  EXPECT_EQ(error_of([&] { return object_.count("negative"); }), "file: run: 'negative' is not a count");
  for (const char* key : {"loss", "word", "wide", "most", "negative", "yes", "three"}) {
    EXPECT_EQ(error_of([&] { return object_.integer(key, 0, 9); }),
              "file: run: '" + std::string(key) + "' is not a whole number from 0 to 9");
  }
  const std::string no_array = "' is not an array of 3 whole numbers from 1 to 3";
  for (const char* key : {"mixed", "word", "one"}) {
    EXPECT_EQ(error_of([&] { return object_.integers(key, 3, 1, 3); }), "file: run: '" + (key + no_array));
  }
  EXPECT_EQ(error_of([&] { return object_.integers("three", 3, 2, 3); }),
            "file: run: 'three' is not an array of 3 whole numbers from 2 to 3");
  EXPECT_NE(error_of([&] { return object_.integers("three", 2, 1, 3); }), "");
  EXPECT_EQ(error_of([&] { return JsonObject(nlohmann::json(3), "run", "file").has("x"); }),
            "file: run: not a JSON object");
}

TEST_F(JsonMembers, AreThoseOfTheFormat) {
  const auto all = parse_json(R"({"a":1,"b":2})", "x");
  const JsonObject object(all, "run", "file");
  EXPECT_NO_THROW(object.check_keys({"a", "b"}));
  EXPECT_NO_THROW(object.check_keys({"a"}, {"b", "c"}));
  EXPECT_THROW(object.check_keys({"a"}), Error);
  EXPECT_THROW(object.check_keys({"a", "b", "c"}), Error);
}

}  // namespace
}  // namespace convoy
