// lib/prep/labeller: the regular expressions that take classes from names.
#include "lib/prep/labeller.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace convoy {
namespace {

// The message of the UsageError that the expression causes; empty if it causes none.
std::string usage_error_of(const std::string& expression) {
  try {
    const ClassPattern pattern(expression);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(ClassPattern, RefusesWhatMeansSomethingElseInOtherGrammars) {
  const std::vector<std::pair<std::string, std::string>> foreign = {
      {R"((.+)_\d+.jpg$)", R"(\d is no escape of extended regular expressions: write [0-9])"},
      {R"((\D+))", R"(\D is no escape of extended regular expressions: write [^0-9])"},
      {R"(\A(a))", R"(\A is no escape of extended regular expressions: write ^)"},
      {R"((a)\Z)", R"(\Z is no escape of extended regular expressions: write $)"},
      {R"((a)\t)", R"(\t is no escape of extended regular expressions: write the character itself)"},
      {R"((\x41))", R"(\x is no escape of extended regular expressions: write the character itself)"},
      {R"((a)\0)", R"(\0 is no escape of extended regular expressions: write the character itself)"},
      {R"(\\(a)\d)", R"(\d is no escape of extended regular expressions: write [0-9])"},
      {R"([]\d](a))", R"(\d is no escape in brackets: write 0-9)"},
      {R"(([\w-]+))", R"(\w is no escape in brackets: write [:alnum:]_)"},
      {R"(([^\s]+))", R"(\s is no escape in brackets: write [:space:])"},
      {R"(([^\]]+))", R"(\] is no escape in brackets: write ] as the first in the brackets)"},
      {R"(([[:alpha:]\-_]+))", R"(\- is no escape in brackets: write - as the last in the brackets)"},
      {R"(([^\/]+)/)", R"(\/ is no escape in brackets: write /)"},
      {R"(([^\n]+))",
       R"(\n is no escape in brackets: write the characters themselves, and \\ for a backslash)"},
      {R"((.+?)_)", "+? is not in extended regular expressions: write what may be repeated, as in [^_]+"},
      {R"((a{2}?)_)", "}? is not in extended regular expressions: write what may be repeated, as in [^_]+"},
  };
  for (const auto& [expression, reason] : foreign) {
    EXPECT_EQ(usage_error_of(expression), "--class-pattern: '" + expression + "': " + reason);
  }
  for (const std::string wrong :
       {"(", "(a", "(a)[", "(a)[\\", "(a)[[:", "(a)[[:alpha:", "(a)[^]", "(a)\\", "(a)\\2", "(?:b)(a)"}) {
    EXPECT_THROW(ClassPattern{wrong}, UsageError) << wrong;
  }
}

TEST(ClassPattern, TakesTheEscapesOfExtendedExpressions) {
  const std::vector<std::pair<std::string, std::string>> own = {
      {R"((\w+)\.jpg$)", "a_b"},      {R"(\b(b)?)", ""},           {R"(\<(a)\>|(x))", ""},
      {R"((a)\_b\.)", "a"},           {R"((a)_(b)\.\S+)", "a"},    {R"(([^]\\]+)_b)", "a"},
      {R"(([]a[:digit:]_]+))", "a_"}, {R"((a)[?+*]?[?+]*_)", "a"}, {R"((.)\??_b\.*)", "a"},
      {R"(([^\\]+)$)", "a_b.jpg"},
  };
  for (const auto& [expression, id] : own) {
    const auto match = ClassPattern(expression).match("a_b.jpg");
    EXPECT_EQ(match ? match->id : "", id) << expression;
  }
}

}  // namespace
}  // namespace convoy
