// lib/prep/class_pattern: the regular expressions that take classes from names.
#include "lib/prep/class_pattern.h"

#include <gtest/gtest.h>
#include <regex.h>

#include <array>
#include <cstddef>
#include <optional>
#include <random>
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
      {R"((a)\1)",
       R"(\1 is a back-reference, which can take endless time to match: write again what the group may be, as in ([a-z]+)_[a-z]+)"},
      {R"(\<(a))", R"(\< is not supported: write \b)"},
      {R"((a)\>)", R"(\> is not supported: write \b)"},
      {"([[.a.]])", "[. in brackets is not supported: write the character itself"},
      {"([[=a=]b])", "[= in brackets is not supported: write the character itself"},
      {"(?:b)(a)", "(? begins nothing in extended regular expressions: write ( alone for a group"},
      {"(a)(?=b)", "(? begins nothing in extended regular expressions: write ( alone for a group"},
      {"(a{b)", "{ begins no repetition such as {2}, {2,} or {2,3}: write [{] for the character"},
      {"(a{2)", "{ begins no repetition such as {2}, {2,} or {2,3}: write [{] for the character"},
      {"(a{,})", "{ begins no repetition such as {2}, {2,} or {2,3}: write [{] for the character"},
      {"(a{1,2,3})", "{ begins no repetition such as {2}, {2,} or {2,3}: write [{] for the character"},
      {"(a{1001})", "repeats something more than 1000 times: repeat less"},
      {"(([ab]{100}){100})", "repeats something more than 1000 times: repeat less"},
      {R"((a{2}?)_)", "}? is not in extended regular expressions: write what may be repeated, as in [^_]+"},
  };
  for (const auto& [expression, reason] : foreign) {
    EXPECT_EQ(usage_error_of(expression), "--class-pattern: '" + expression + "': " + reason);
  }
  for (const std::string wrong : {"(", "(a", "(a)[", "(a)[\\", "(a)[[:", "(a)[[:alpha:", "(a)[^]", "(a)\\",
                                  "(a)\\2", "(*a)", "(a|+)", "(a))", "(b-a]", "([b-a])", "([[:letters:]])"}) {
    EXPECT_THROW(ClassPattern{wrong}, UsageError) << wrong;
  }
}

TEST(ClassPattern, TakesTheEscapesOfExtendedExpressions) {
  std::vector<std::pair<std::string, std::string>> own = {
      {R"((\w+)\.jpg$)", "a_b"},      {R"(\b(b)?)", ""},           {R"(\b(a)\b|(x))", ""},
      {R"((a)\_b\.)", "a"},           {R"((a)_(b)\.\S+)", "a"},    {R"(([^]\\]+)_b)", "a"},
      {R"(([]a[:digit:]_]+))", "a_"}, {R"((a)[?+*]?[?+]*_)", "a"}, {R"((.)\??_b\.*)", "a"},
      {R"(([^\\]+)$)", "a_b.jpg"},
  };
  own.emplace_back(R"(\`(a)_b\.jpg\')", "a");
  own.emplace_back(R"((.{,1})_)", "a");
  own.emplace_back(R"((.{1,})[.])", "a_b");
  own.emplace_back(R"(((a)**)_b)", "a");
  for (const auto& [expression, id] : own) {
    const auto match = ClassPattern(expression).match("a_b.jpg");
    EXPECT_EQ(match ? match->id : "", id) << expression;
  }
}

TEST(ClassPattern, KeepsItsMemoryBounded) {
  std::string large = "(a)";
  for (int i = 0; i < 2000; ++i) large += "([a-c][d-f]|x{1,300}){1,3}";
  const std::string error = usage_error_of(large);
  EXPECT_TRUE(error.starts_with("--class-pattern: '(a)([a-c]")) << error;
  EXPECT_TRUE(error.ends_with("': takes more than 8 MiB: repeat less")) << error;
}

// Each takes a matcher that goes back time exponential in the name, or a stack as deep as the name is long.
TEST(ClassPattern, MatchesInLinearTime) {
  const std::string many(4000, 'a');
  for (const std::string hostile :
       {"(a*)*b", "(a|a)*b", "((a+)+)+b", "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)y", "(a|b)*c",
        "((a?){500}a{500})b", "(((((a*)*)*)*)*)b", "(a|aa|aaa|aaaa)+b", "(x+x+)+y|(a+a+)+y"}) {
    EXPECT_EQ(ClassPattern(hostile).match(many), std::nullopt) << hostile;
  }
  EXPECT_EQ(ClassPattern("(a|b)*$").match(many)->id, "a");
  EXPECT_EQ(ClassPattern("(.*)(.*)(.*)a").match(many)->id.size(), many.size() - 1);
  EXPECT_EQ(ClassPattern("(a)").match(many + many), std::nullopt) << "no file system has such a name";
}

TEST(ClassPattern, TakesNewlinesAndBytesForCharacters) {
  EXPECT_EQ(ClassPattern("^(.*)$").match("a\nb")->id, "a\nb");
  EXPECT_EQ(ClassPattern("^(b)").match("a\nb"), std::nullopt);
  EXPECT_EQ(ClassPattern("(a)$").match("a\nb"), std::nullopt);
  EXPECT_EQ(ClassPattern("(\xc3\xa9)_").match("\xc3\xa9_")->id, "\xc3\xa9");
  EXPECT_EQ(ClassPattern("(.)_").match("\xc3\xa9_")->id, "\xa9");
  EXPECT_EQ(ClassPattern("(\xff[^a])").match("\xff\xfe")->id, "\xff\xfe");
}

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t count) { return random() % count; }

// A random expression over the letters, without groups that are counted on.
std::string expression_over(Random& random, const std::vector<std::string>& atoms, int depth) {
  static const std::vector<std::string> repetitions = {"",  "",    "",      "*",    "+",
                                                       "?", "{2}", "{1,2}", "{,2}", "{1,}"};
  std::string expression;
  for (std::size_t i = 0, count = 1 + below(random, 3); i < count; ++i) {
    const bool group = depth > 0 && below(random, 4) == 0;
    const std::string inner = group ? expression_over(random, atoms, depth - 1) : "";
    const std::string other =
        group && below(random, 2) == 0 ? "|" + expression_over(random, atoms, depth - 1) : "";
    expression += group ? "(" + inner + other + ")" : atoms[below(random, atoms.size())];
    expression += repetitions[below(random, repetitions.size())];
  }
  return expression;
}

std::string name_over(Random& random, const std::string& letters) {
  std::string name;
  for (std::size_t i = 0, count = below(random, 12); i < count; ++i)
    name += letters[below(random, letters.size())];
  return name;
}

// What regcomp(3) and regexec(3) find.
std::optional<ClassInfo> posix_match(const std::string& expression, const std::string& name) {
  regex_t regex{};
  if (::regcomp(&regex, expression.c_str(), REG_EXTENDED) != 0) {
    ADD_FAILURE() << expression;
    return std::nullopt;
  }
  std::array<regmatch_t, 3> groups{};
  const bool found = ::regexec(&regex, name.c_str(), groups.size(), groups.data(), 0) == 0;
  ::regfree(&regex);
  const auto text = [&](const regmatch_t& group) {
    if (group.rm_so < 0) return std::string();
    return name.substr(static_cast<std::size_t>(group.rm_so),
                       static_cast<std::size_t>(group.rm_eo - group.rm_so));
  };
  if (!found || text(groups[1]).empty()) return std::nullopt;
  return ClassInfo{text(groups[1]), text(groups[2])};
}

std::string shown(const std::optional<ClassInfo>& match) {
  return match ? "'" + match->id + "', '" + match->name + "'" : "none";
}

const std::vector<std::string> kAtoms = {
    "a", "b",   "c",   ".",    "[ab]",     "[^a]", "[]a]",  "[[:alpha:]]", "[^[:digit:]]", R"(\.)", R"(\w)",
    "1", "-",   "]",   "[b-]", "[0-9]",    "[[]",  R"(\W)", R"(\s)",       R"(\S)",        R"(\-)", "\\_",
    "/", "\\/", "[_]", "[^]]", R"([a\\])", "[*]",  R"(\\)", R"(\*)",       "[^_/]",        "[.-1]"};

TEST(ClassPattern, FindsTheLongestMatchAsRegexecDoes) {
  Random random(1);
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string expression = "(" + expression_over(random, kAtoms, 2) + ")";
    if (below(random, 4) == 0) expression = "^" + expression;
    if (below(random, 4) == 0) expression += "$";
    const std::string name = name_over(random, "aabbc1-_.]/\\* ");
    const auto match = ClassPattern(expression).match(name);
    const auto expected = posix_match(expression, name);
    found += match ? 1 : 0;
    ASSERT_EQ(match ? match->id : "none", expected ? expected->id : "none") << expression << " in " << name;
  }
  EXPECT_GT(found, 5000);
}

// An ID and a readable name, with characters beside them that are in neither.
TEST(ClassPattern, FindsTheGroupsThatRegexecFinds) {
  Random random(2);
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::vector<std::string> letters = {"a", "b", "[ab]", "[^_./]", "[a-c]", "[[:lower:]]"};
    const std::string expression =
        std::string(below(random, 2) == 0 ? "^" : "/") + "(" + expression_over(random, letters, 0) + ")_(" +
        expression_over(random, letters, 0) + ")" + (below(random, 2) == 0 ? "\\.j" : "$");
    const std::string name = std::string(below(random, 2) == 0 ? "" : "a/") + name_over(random, "ab") + "_" +
                             name_over(random, "ab") + (below(random, 2) == 0 ? ".j" : "");
    const auto match = ClassPattern(expression).match(name);
    found += match ? 1 : 0;
    ASSERT_EQ(shown(match), shown(posix_match(expression, name))) << expression << " in " << name;
  }
  EXPECT_GT(found, 300);
}

}  // namespace
}  // namespace convoy
