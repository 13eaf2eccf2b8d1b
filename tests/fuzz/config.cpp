// Options: a file of --config means what the same options on the command line mean, and what is in effect,
// given again, is in effect.
#include "lib/base/command_line.h"

#include "lib/base/lines.h"
#include "lib/base/text.h"
#include "lib/runs/training_options.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

CommandLineRules rules() {
  po::options_description options;
  add_training_options(options);
  add_rejects_options(options, {});
  options.add_options()("include", texts_option("PATTERN"), "")("quiet,q", po::bool_switch(), "")(
      "threads,j", text_option("N"), "")("gray", po::bool_switch(), "");
  po::options_description line;
  line.add(options).add_options()("config", text_option("FILE"), "");
  return {.options = line, .file = options, .exclusive = {{"gray", "include"}}};
}

std::vector<std::string> in_effect(std::vector<std::string> words) {
  static const CommandLineRules all = rules();
  words.insert(words.begin(), "tool");
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  const CommandLine line = parse_command_line(static_cast<int>(argv.size()), argv.data(), all);
  std::vector<std::string> operands;
  if (const auto found = line.values.find(kOperands); found != line.values.end()) {
    operands = found->second.as<std::vector<std::string>>();
  }
  const Options options(line.values, operands, {});
  std::vector<std::string> effective = options.effective();
  std::erase_if(effective, [](const std::string& text) { return text.starts_with("--config="); });
  effective.insert(effective.end(), operands.begin(), operands.end());
  return effective;
}

// As words of a command line. Operands would be options if they began with a dash.
std::vector<std::string> words_of(const std::vector<std::string>& effective) {
  std::vector<std::string> words;
  for (const std::string& text : effective) {
    if (text.starts_with("--")) words.push_back(text);
  }
  return words;
}

void check_file(Input input) {
  const std::string path = file_with(input);
  const auto effective = outcome([&] { return in_effect({"--config=" + path}); });
  if (!effective.value) return;
  const auto given = outcome([&] { return in_effect(words_of(*effective.value)); });
  require(given.value.has_value(), "what a file says is refused on the command line: " + given.refusal);
  require(*given.value == *effective.value, "what a file says is something else on the command line");
}

void check_line(Input input) {
  std::vector<std::string> words;
  for_each_line(text_of(input), '\n', [&](std::string_view line, std::uint64_t /*number*/) {
    const std::string word(line.substr(0, line.find('\0')));
    if (!word.starts_with("--config") && words.size() < 20) words.push_back(word);
  });
  const auto effective = outcome([&] { return in_effect(words); });
  require(outcome([&] { return in_effect(words); }) == effective, "the second time differs");
}

void fuzz(Input input) {
  check_file(input);
  check_line(input);
}

std::vector<Bytes> seeds() {
  return {bytes_of("lr = 0.1\n# a comment\nbatch=64\nquiet=true\n\ninclude=*.jpg\ninclude=a#b\n"),
          bytes_of("--lr=0.1\n--lr\n0.2\n-j4\n-q\na.jpg\n--\n-x\n--gray\n"),
          bytes_of("max-rejects=0.5%\non-error=stop\r\nlr-policy=step:0.1@3\n"),
          bytes_of("a%b=1\n%x%=\n[section]\ngray\n")};
}

const AddReader kReader({.name = "config", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
