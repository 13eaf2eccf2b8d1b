#include "lib/base/options.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "lib/base/checked.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/processors.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr const char* kOnError = "on-error";
constexpr const char* kRejects = "rejects";
constexpr const char* kMaxRejects = "max-rejects";
constexpr std::uint64_t kMaxNamesBytes = std::uint64_t{4} << 30;

}  // namespace

bool Options::given(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.defaulted()) return false;
  const auto* on = boost::any_cast<bool>(&found->second.value());
  return on == nullptr || *on;
}

bool Options::flag(const std::string& name) const { return values_[name].as<bool>(); }

std::string Options::text(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.as<std::string>();
}

std::vector<std::string> Options::texts(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second.as<std::vector<std::string>>();
}

std::int64_t Options::integer(const std::string& name, std::int64_t least, std::int64_t most) const {
  return parse_integer(text(name), "--" + name, least, most);
}

std::size_t Options::choice(const std::string& name, std::initializer_list<std::string_view> words) const {
  return parse_choice(text(name), "--" + name, words);
}

std::vector<std::string> Options::inputs() const {
  if (!operands_.empty()) return operands_;
  if (::isatty(STDIN_FILENO) == 1) throw MissingInputError("no input: name files, or - for standard input");
  return {std::string(kStdStreamName)};
}

int Options::threads() const {
  return given("threads") ? static_cast<int>(integer("threads", 1, kMaxThreads)) : default_threads();
}

std::uint64_t Options::seed() const { return parse_unsigned(text("seed"), "--seed"); }

MemoryLimit Options::memory_limit() const {
  if (!given("max-memory")) return machine_memory();
  MemoryLimit limit{.bytes = parse_bytes(text("max-memory"), "--max-memory"), .source = "--max-memory"};
  if (limit.bytes == 0) throw UsageError("--max-memory", "no memory at all");
  return limit;
}

RejectRules Options::reject_rules() const {
  RejectRules rules{.list = text(kRejects), .stop = choice(kOnError, {"skip", "stop"}) == 1};
  if (given(kMaxRejects)) rules.limit.emplace(text(kMaxRejects));
  if (rules.stop && rules.limit) {
    throw UsageError::about("--max-rejects", "--max-rejects and --on-error=stop exclude each other");
  }
  return rules;
}

std::vector<RunOutput> Options::outputs() const {
  std::vector<RunOutput> outputs;
  for (const FileOption& file : files_) {
    if (file.role.use != FileRole::Use::written || text(file.name).empty()) continue;
    outputs.push_back({"--" + file.name, text(file.name)});
  }
  return outputs;
}

void Options::check_outputs(const std::vector<RunOutput>& outputs) const {
  convoy::check_outputs(outputs, {});
  for (const FileOption& file : files_) {
    if (file.role.use != FileRole::Use::read || values_.count(file.name) == 0) continue;
    const auto* one = boost::any_cast<std::string>(&values_[file.name].value());
    std::vector<std::string> read = one != nullptr ? std::vector{*one} : texts(file.name);
    if (!file.role.word.empty()) std::erase(read, file.role.word);
    std::vector<RunOutput> others = outputs;
    std::erase_if(others,
                  [&](const RunOutput& output) { return output.option == "--" + file.role.replaced_by; });
    convoy::check_outputs(others, read);
  }
}

void Options::check_output(const std::string& name, const std::string& path) const {
  const std::string option = "--" + name;
  std::vector<RunOutput> all = outputs();
  std::erase_if(all, [&](const RunOutput& output) { return output.option == option; });
  all.push_back({option, path});
  check_outputs(all);
}

std::vector<std::string> Options::effective() const {
  std::vector<std::string> all;
  for (const auto& [name, value] : values_) {
    if (name == kOperands || value.empty()) continue;
    const std::string option = "--" + name;
    if (const auto* one = boost::any_cast<std::string>(&value.value())) all.push_back(option + "=" + *one);
    if (const auto* set = boost::any_cast<bool>(&value.value()); set != nullptr && *set)
      all.push_back(option);
    if (const auto* many = boost::any_cast<std::vector<std::string>>(&value.value())) {
      for (const std::string& one : *many) all.push_back(option + "=" + one);
    }
  }
  return all;
}

po::typed_value<std::string>* text_option(const std::string& placeholder, const std::string& default_value) {
  auto* value = po::value<std::string>()->value_name(placeholder);
  if (!default_value.empty()) value->default_value(default_value);
  return value;
}

po::typed_value<std::vector<std::string>>* texts_option(const std::string& placeholder) {
  return po::value<std::vector<std::string>>()->composing()->value_name(placeholder);
}

void add_rejects_options(po::options_description& options, const RejectsHelp& help) {
  auto add = options.add_options();
  add(kOnError, text_option(help.placeholder, "skip"), help.on_error.c_str());
  add(kRejects, output_option("FILE"), help.rejects.c_str());
  add(kMaxRejects, text_option("N|P%"),
      "up to so many rejects, or such a share of the inputs, are status 0; more are status 1");
}

std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                           std::int64_t most) {
  const auto number = number_from<std::int64_t>(text);
  if (!number || *number < least || *number > most) {
    const bool open = most == std::numeric_limits<std::int64_t>::max();
    throw UsageError(what, "'" + std::string(text) + "' is not a whole number " +
                               (open ? "of at least " + std::to_string(least)
                                     : "from " + std::to_string(least) + " to " + std::to_string(most)));
  }
  return *number;
}

std::uint64_t parse_unsigned(std::string_view text, std::string_view what) {
  const auto number = number_from<std::uint64_t>(text);
  if (!number) throw UsageError(what, "'" + std::string(text) + "' is not a whole number from 0 to 2^64-1");
  return *number;
}

std::uint64_t parse_bytes(std::string_view text, std::string_view what) {
  constexpr std::string_view kSuffixes = "KMGT";
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  const std::size_t power = end == last ? 0 : kSuffixes.find(*end) + 1;
  const bool known = end == last || (power > 0 && end + 1 == last);
  const auto bytes = checked_mul(number, std::uint64_t{1} << (10 * (known ? power : 0)));
  if (known && (failure == std::errc::result_out_of_range || !bytes)) {
    throw UsageError(what, "'" + std::string(text) + "' is too large: at most 2^64-1 bytes");
  }
  if (failure != std::errc() || !known) {
    throw UsageError(what, "'" + std::string(text) + "' is not a number of bytes such as 500000, 512M or 8G");
  }
  return *bytes;
}

double parse_real(std::string_view text, std::string_view what, double least, double most) {
  const auto number = number_from<double>(text);
  if (!number || !std::isfinite(*number) || *number < least || *number > most) {
    std::ostringstream message;
    message << "'" << text << "' is not a number from " << least << " to " << most;
    throw UsageError(what, message.str());
  }
  return *number;
}

std::size_t parse_choice(std::string_view text, std::string_view what,
                         std::initializer_list<std::string_view> words) {
  const auto* const found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  throw UsageError(what, "'" + std::string(text) + "' is not one of " + list);
}

std::vector<std::string> read_names(const std::string& path, bool nul, const MemoryLimit& limit) {
  const std::string place = display_name(path);
  std::vector<std::string> names;
  const char separator = nul ? '\0' : '\n';
  const LineMemory memory{.limit = limit, .bytes_a_line = 2 * sizeof(std::string), .separator = separator};
  for_each_line(read_list_file(path, kMaxNamesBytes, Expected::list, memory), separator,
                [&](std::string_view name, std::uint64_t number) {
                  if (!nul) check_name_line(name, place, number);
                  if (name.empty()) throw TextError(place, number, 0, "empty name");
                  names.emplace_back(name);
                });
  if (names.empty()) throw Error(place, "names no file");
  return names;
}

}  // namespace convoy
