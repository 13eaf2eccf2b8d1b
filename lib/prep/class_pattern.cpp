#include "lib/prep/class_pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/error.h"

namespace convoy {
namespace {

using namespace std::string_view_literals;

// The matcher's time grows with the name; no file system has longer names.
constexpr std::size_t kMaxMatchedName = 4096;
// For the compiled expression, and about as much for what the matcher keeps from name to name.
constexpr std::int64_t kMaxPatternBytes = std::int64_t{8} << 20;

// What to write for \c, an escape of other grammars; empty if \c is an escape of this one.
std::string instead_of_escape(char c) {
  switch (c) {
    case 'd':
      return "[0-9]";
    case 'D':
      return "[^0-9]";
    case 'h':
      return "[[:blank:]]";
    case 'A':
      return "^";
    case 'z':
    case 'Z':
      return "$";
    default:
      break;
  }
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool known = !letter || "wWsSbB"sv.find(c) != std::string_view::npos;
  return known && c != '0' ? "" : "the character itself";
}

// What to write for \c in brackets.
std::string instead_of_escape_in_brackets(char c) {
  switch (c) {
    case 'd':
      return "0-9";
    case 'w':
      return "[:alnum:]_";
    case 's':
      return "[:space:]";
    case ']':
      return "] as the first in the brackets";
    case '-':
      return "- as the last in the brackets";
    default:
      break;
  }
  return c >= '!' && c < '0' ? std::string(1, c) : "the characters themselves, and \\\\ for a backslash";
}

// Translates an extended regular expression into RE2's grammar, which takes some things for something else
// than regcomp(3) does, and refuses what other grammars have and this one has not. What is wrong in both
// grammars is left to RE2.
class Translation {
 public:
  explicit Translation(std::string_view expression) : expression_(expression) {
    for (; at_ < expression_.size() && complaint_.empty(); ++at_) take();
  }
  // Why the expression is refused; empty if it is not.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  [[nodiscard]] const std::string& result() const { return result_; }

 private:
  [[nodiscard]] char next() const { return at_ + 1 < expression_.size() ? expression_[at_ + 1] : '\0'; }
  void take();
  void take_escape();
  void take_brackets();
  void take_repetition();

  std::string_view expression_;
  std::size_t at_ = 0;  // of the last byte that was taken
  std::string result_;
  std::string complaint_;
};

void Translation::take() {
  const char c = expression_[at_];
  if (c == '[') {
    take_brackets();
  } else if (c == '\\') {
    take_escape();
  } else if (c == '(' && next() == '?') {
    complaint_ = "(? begins nothing in extended regular expressions: write ( alone for a group";
  } else if ("*+?}"sv.find(c) != std::string_view::npos && (next() == '?' || next() == '+')) {
    complaint_ = std::string{c, next()} +
                 " is not in extended regular expressions: write what may be repeated, as in [^_]+";
  } else if (c == '{') {
    take_repetition();
  } else {
    result_ += c;
  }
}

void Translation::take_escape() {
  const char c = next();
  const std::string escape = "\\" + std::string(c == '\0' ? 0 : 1, c);
  if (c >= '1' && c <= '9') {
    complaint_ = escape +
                 " is a back-reference, which can take endless time to match: write again what the group" +
                 " may be, as in ([a-z]+)_[a-z]+";
  } else if (c == '<' || c == '>') {
    complaint_ = escape + " is not supported: write \\b";
  } else if (const std::string instead = instead_of_escape(c); !instead.empty() && c != '\0') {
    complaint_ = escape + " is no escape of extended regular expressions: write " + instead;
  } else if (c == 'w' || c == 'W') {
    result_ += c == 'w' ? "[[:alnum:]_]" : "[^[:alnum:]_]";
  } else if (c == 's' || c == 'S') {
    result_ += c == 's' ? "[[:space:]]" : "[^[:space:]]";
  } else if (c == '`' || c == '\'') {
    result_ += c == '`' ? '^' : '$';
  } else {
    // RE2 refuses an escape where none is needed.
    const bool needed =
        c == '\0' || c == 'b' || c == 'B' || (c != '_' && std::ispunct(static_cast<unsigned char>(c)) != 0);
    result_ += needed ? escape : std::string(1, c);
  }
  ++at_;
}

// Moves to the last character of a bracket expression.
void Translation::take_brackets() {
  const std::size_t from = at_;
  if (next() == '^') ++at_;
  if (next() == ']') ++at_;
  while (++at_ < expression_.size() && expression_[at_] != ']') {
    if (expression_[at_] == '[' && next() == ':') {
      at_ = std::min(expression_.find(":]", at_ + 2), expression_.size() - 2) + 1;
    } else if (expression_[at_] == '[' && (next() == '.' || next() == '=')) {
      complaint_ = "[" + std::string(1, next()) + " in brackets is not supported: write the character itself";
      return;
    } else if (expression_[at_] == '\\') {
      if (next() != '\\') {
        complaint_ = "\\" + std::string(next() == '\0' ? 0 : 1, next()) +
                     " is no escape in brackets: write " + instead_of_escape_in_brackets(next());
        return;
      }
      ++at_;
    }
  }
  result_ += expression_.substr(from, at_ - from + 1);
}

// Moves to the last character of a repetition such as {2,3}. RE2 takes one of another form for characters.
void Translation::take_repetition() {
  const std::size_t end = std::min(expression_.find('}', at_), expression_.size());
  const std::string_view counts = expression_.substr(at_ + 1, end - at_ - 1);
  const std::size_t comma = counts.find(',');
  const bool counted =
      counts.find_first_not_of("0123456789,") == std::string_view::npos &&
      counts.find_first_of("0123456789") != std::string_view::npos &&
      (comma == std::string_view::npos || counts.find(',', comma + 1) == std::string_view::npos);
  if (end == expression_.size() || !counted) {
    complaint_ = "{ begins no repetition such as {2}, {2,} or {2,3}: write [{] for the character";
    return;
  }
  result_ += (comma == 0 ? "{0" : "{") + std::string(counts);
  // The loop goes on with the brace that closes, which nothing may follow that ? and + may not.
  at_ = end - 1;
}

RE2::Options extended_expressions() {
  RE2::Options options(RE2::Latin1);
  options.set_posix_syntax(true);
  options.set_longest_match(true);
  options.set_word_boundary(true);
  options.set_one_line(true);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxPatternBytes);
  options.set_log_errors(false);
  return options;
}

std::string reason_of(const RE2& regex) {
  constexpr int kMaxRepetitions = 1000;  // of RE2
  switch (regex.error_code()) {
    case RE2::ErrorPatternTooLarge:
      return "takes more than " + std::to_string(kMaxPatternBytes >> 20) + " MiB: repeat less";
    case RE2::ErrorRepeatSize:
      return "repeats something more than " + std::to_string(kMaxRepetitions) + " times: repeat less";
    default:
      return regex.error();
  }
}

}  // namespace

struct ClassPattern::Compiled {
  RE2 regex;
  explicit Compiled(const std::string& translated) : regex(translated, extended_expressions()) {}
};

ClassPattern::ClassPattern(const std::string& expression) {
  const Translation translation(expression);
  const std::string place = "'" + expression + "'";
  if (!translation.complaint().empty()) {
    throw UsageError("--class-pattern", place + ": " + translation.complaint());
  }
  compiled_ = std::make_unique<Compiled>(translation.result());
  if (!compiled_->regex.ok()) throw UsageError("--class-pattern", place + ": " + reason_of(compiled_->regex));
  if (compiled_->regex.NumberOfCapturingGroups() == 0) {
    throw UsageError("--class-pattern", place + " has no group ( ) that would be the class");
  }
}
ClassPattern::ClassPattern(ClassPattern&&) noexcept = default;
ClassPattern& ClassPattern::operator=(ClassPattern&&) noexcept = default;
ClassPattern::~ClassPattern() = default;

std::optional<ClassInfo> ClassPattern::match(const std::string& name) const {
  if (name.size() > kMaxMatchedName) return std::nullopt;
  std::array<re2::StringPiece, 3> groups;  // the match, the ID, the readable name
  const int wanted = 1 + std::min(compiled_->regex.NumberOfCapturingGroups(), 2);
  if (!compiled_->regex.Match(name, 0, name.size(), RE2::UNANCHORED, groups.data(), wanted))
    return std::nullopt;
  ClassInfo info{std::string(groups[1].data(), groups[1].size()),
                 std::string(groups[2].data(), groups[2].size())};
  if (info.id.empty()) return std::nullopt;
  return info;
}

}  // namespace convoy
