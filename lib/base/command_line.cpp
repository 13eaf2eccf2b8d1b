#include "lib/base/command_line.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <sstream>
#include <string_view>

#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;

bool is_gathered(const po::option& option, const po::options_description& known) {
  return option.position_key >= 0 || known.find(option.string_key, false).semantic()->is_composing();
}

void keep_last(po::parsed_options& parsed, const po::options_description& known) {
  std::set<std::string> seen;
  std::vector<po::option> kept;
  for (std::size_t i = parsed.options.size(); i-- > 0;) {
    const po::option& option = parsed.options[i];
    if (is_gathered(option, known) || seen.insert(option.string_key).second) kept.push_back(option);
  }
  std::reverse(kept.begin(), kept.end());
  parsed.options = std::move(kept);
}

// The line, counted from 1, at which reading `text` stopped. Boost reads line by line and does not say which
// one is wrong, but it leaves the stream just after that line.
std::int64_t line_reached(std::istringstream& lines, std::string_view text) {
  lines.clear();
  const std::string_view read = text.substr(0, static_cast<std::size_t>(lines.tellg()));
  return std::ranges::count(read, '\n') + (read.ends_with('\n') ? 0 : 1);
}

struct Config {
  po::parsed_options parsed;
  std::map<std::string, std::string> places;  // "FILE:LINE" of each "--NAME", where it stands last
};

// The name in a line: "lr" in " lr = 0.1".
std::string name_in(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  line.remove_prefix(begin);
  return std::string(line.substr(0, line.find_first_of(" \t=")));
}

// Stand for a '#' that begins no comment, and for a '%', while Boost parses the file: it cuts a line at any
// '#', and fills the placeholders of its messages again and again as long as one is in what it has filled in.
// A checked line has no control characters.
constexpr char kPlainHash = '\x01';
constexpr char kPlainPercent = '\x02';

// The line without its comment, which begins with a '#' at the start of the line or after a blank.
std::string without_comment(std::string_view line) {
  std::string result;
  for (const char c : line) {
    if (c == '#' && (result.empty() || is_blank(result.back()))) break;
    result += c == '#' ? kPlainHash : c == '%' ? kPlainPercent : c;
  }
  return result;
}

std::string as_in_file(std::string text) {
  std::ranges::replace(text, kPlainHash, '#');
  std::ranges::replace(text, kPlainPercent, '%');
  return text;
}

constexpr std::size_t kLongestWord = 80;  // in a message

// The message of an error about an option. Its name is what somebody typed, and may hold placeholders.
std::string message_of(po::error_with_option_name& error) {
  std::string name = shortened(error.get_option_name(), kLongestWord);
  std::ranges::replace(name, '%', kPlainPercent);
  error.set_original_token(name);
  error.set_option_name(name.substr(std::min(name.find_first_not_of('-'), name.size())));
  return as_in_file(error.what());
}

// Throws UsageError if the option is a switch of another value than those that Boost takes: its own message
// would search the value for placeholders.
void check_switch(const po::option& option, const po::options_description& known,
                  const std::map<std::string, std::string>& places) {
  constexpr std::array<std::string_view, 9> kWords = {"",  "on", "off",  "yes",  "no",
                                                      "1", "0",  "true", "false"};
  if (known.find(option.string_key, false).semantic()->max_tokens() != 0) return;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (std::string word : option.value) {
    std::ranges::transform(word, word.begin(), lower);
    if (std::ranges::find(kWords, word) != kWords.end()) continue;
    const std::string name = "--" + option.string_key;
    throw UsageError(places.at(name) + ": " + name + ": '" + shortened(word, kLongestWord) +
                     "' is neither on, yes, true or 1 nor off, no, false or 0");
  }
}

Config read_config(const std::string& path, const po::options_description& known) {
  const std::string place = display_name(path);
  const std::string whole = read_text_file(path, kMaxConfigBytes, Expected::options);
  if (whole.starts_with(kByteOrderMark))
    throw TextError(place, 1, 1, "byte order mark: save it as plain UTF-8");
  std::string text;  // the lines without comments
  Config config{po::parsed_options(&known), {}};
  for_each_line(whole, '\n', [&](std::string_view line, std::uint64_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    check_printable(line, place, number);
    const std::string name = "--" + name_in(line);
    const std::string here = place + ":" + std::to_string(number);
    const std::string kept = without_comment(line);
    const std::size_t equals = kept.find('=');
    if (name == "--" && equals != std::string::npos) throw UsageError(here + ": no option before the '='");
    if (equals != std::string::npos && kept.find_first_not_of(" \t", equals + 1) == std::string::npos) {
      throw UsageError(here + ": " + name + " is given an empty value");
    }
    config.places[name] = here;
    text += kept + '\n';
  });
  std::istringstream lines(text);
  try {
    config.parsed = po::parse_config_file(lines, known);
  } catch (const po::invalid_config_file_syntax& error) {
    throw UsageError(place + ":" + std::to_string(line_reached(lines, text)) + ": invalid line '" +
                     shortened(as_in_file(error.tokens()), kLongestWord) + "': expected NAME=VALUE");
  } catch (const po::error& error) {
    throw UsageError(place + ":" + std::to_string(line_reached(lines, text)) + ": " +
                     as_in_file(error.what()));
  }
  for (po::option& option : config.parsed.options) {
    for (std::string& value : option.value) value = as_in_file(value);
    check_switch(option, known, config.places);
  }
  return config;
}

// Throws UsageError for an empty value that is an argument of its own, as in "-o ''". Boost refuses only
// those after an equals sign.
void check_values(const po::parsed_options& line) {
  std::size_t operands = 0;
  for (const po::option& option : line.options) {
    const bool operand = option.position_key >= 0;
    if (operand) ++operands;
    if (std::ranges::count(option.value, std::string()) == 0) continue;
    throw UsageError((operand ? "operand " + std::to_string(operands) : "--" + option.string_key) +
                     " is given an empty value");
  }
}

// Removes from the file's options those that the command line decides.
void leave_to(const po::parsed_options& line, const CommandLineRules& rules, Config& file) {
  std::set<std::string> decided;
  for (const po::option& option : line.options) {
    decided.insert(option.string_key);
    for (const ExclusiveOptions& group : rules.exclusive) {
      if (std::ranges::count(group, option.string_key) > 0) decided.insert(group.begin(), group.end());
    }
  }
  std::erase_if(file.parsed.options,
                [&](const po::option& option) { return decided.count(option.string_key) > 0; });
  for (const std::string& name : decided) file.places.erase("--" + name);
}

}  // namespace

// Boost's messages name options as '--name' already.
CommandLine parse_command_line(int argc, char** argv, const CommandLineRules& rules) {
  po::options_description all;
  po::options_description hidden;
  hidden.add_options()(kOperands, po::value<std::vector<std::string>>());
  all.add(rules.options).add(hidden);
  po::positional_options_description positional;
  positional.add(kOperands, -1);
  // No abbreviations: "--s", which means --seed today, might fit two options tomorrow.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  for (const char* word : std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0)) {
    if (std::string_view(word) == "--") break;
    // Boost would take it for an operand.
    if (std::string_view(word).starts_with("--=")) {
      throw UsageError("unrecognised option '" + shortened(word, kLongestWord) + "'");
    }
  }
  CommandLine result;
  po::variables_map& values = result.values;
  try {
    auto line = po::command_line_parser(argc, argv).options(all).positional(positional).style(style).run();
    check_values(line);
    keep_last(line, all);
    po::store(line, values);
    const auto config = values.find("config");
    if (config != values.end()) {
      auto file = read_config(config->second.as<std::string>(), rules.file);
      keep_last(file.parsed, rules.file);
      leave_to(line, rules, file);
      po::store(file.parsed, values);
      result.places = std::move(file.places);
    }
    po::notify(values);
  } catch (const po::invalid_command_line_syntax& error) {
    if (error.kind() != po::invalid_syntax::empty_adjacent_parameter) throw UsageError(error.what());
    throw UsageError(error.get_option_name() + " is given an empty value");
  } catch (po::error_with_option_name& error) {
    throw UsageError(message_of(error));
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  return result;
}

}  // namespace convoy
