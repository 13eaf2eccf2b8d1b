#include "lib/base/tool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <new>
#include <set>
#include <sstream>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/parallel.h"
#include "lib/base/signals.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

constexpr std::int64_t kMaxThreads = 1024;
constexpr std::uint64_t kMaxNamesBytes = std::uint64_t{4} << 30;
constexpr unsigned kHelpWidth = 100;
constexpr const char* kOperands = "operands";

// How a user calls a tool. Never by its bare name: a bare `eval` is the shell's builtin, which runs its
// arguments.
std::string command_of(const ToolInfo& info) { return "convoy " + info.name; }

// A descriptor 0, 1 or 2 that the caller closed would be given to the next file opened, and messages or data
// would go there. Held open the wrong way round, every use of it fails as it should.
void reserve_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) {
      const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
      if (opened >= 0 && opened != fd) {
        ::dup2(opened, fd);
        ::close(opened);
      }
    }
  }
}

po::options_description shared_options(const SharedOptions& shared) {
  po::options_description options("Options of all tools", kHelpWidth);
  auto add = options.add_options();
  if (shared.output)
    add("output,o", text_option("FILE", std::string(kStdStreamName)), "write to FILE; - is standard output");
  if (shared.files_from) {
    add("files-from", text_option("FILE"), "read more operands from FILE, one a line; - is standard input");
    add("null,0", po::bool_switch(), "names in --files-from end in a NUL byte, not in a newline");
  }
  if (shared.threads) add("threads,j", text_option("N"), "threads to use (default: all processors)");
  if (shared.seed) add("seed", text_option("N", std::to_string(kDefaultSeed)), "seed of every random draw");
  if (shared.device) {
    add("device", text_option("DEVICE", "auto"),
        "auto, cpu, cuda or cuda:N; auto takes a GPU where there is one");
  }
  add("config", text_option("FILE"), "read options from FILE, lines NAME=VALUE; the command line wins");
  add("quiet,q", po::bool_switch(), "no progress and no notes, only warnings and errors");
  add("verbose,v", po::bool_switch(), "say more");
  add("help,h", po::bool_switch(), "show this help and exit");
  add("version", po::bool_switch(), "show the version and exit");
  return options;
}

std::string help_text(const ToolInfo& info, const po::options_description& visible) {
  std::ostringstream out;
  std::istringstream forms(info.usage);
  std::string form;
  const char* lead = "Usage: ";
  while (std::getline(forms, form)) {
    out << lead << command_of(info) << ' ' << form << '\n';
    lead = "       ";
  }
  out << info.summary << "\n\n" << visible << "\nFull documentation: man convoy-" << info.name << '\n';
  return out.str();
}

void write_stdout(std::string_view text) {
  OutputFile out{std::string(kStdStreamName), OutputFile::Content::text};
  out.write(text);
  out.commit();
}

// Boost reads a line at a time and does not say which; but the stream stays where reading failed.
void read_config(const std::string& path, const po::options_description& visible, po::variables_map& values) {
  const std::string place = display_name(path);
  const std::string text = read_text_file(path, kMaxNamesBytes);
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    check_printable(line, place, number);
  });
  std::istringstream lines(text);
  try {
    po::parsed_options parsed = [&] {
      try {
        return po::parse_config_file(lines, visible);
      } catch (const po::error& error) {
        lines.clear();
        const auto read = std::string_view(text).substr(0, static_cast<std::size_t>(lines.tellg()));
        const auto ended = std::ranges::count(read, '\n');
        throw UsageError(place + ":" + std::to_string(ended + (read.ends_with('\n') ? 0 : 1)) + ": " +
                         error.what());
      }
    }();
    po::store(parsed, values);
  } catch (const po::error& error) {
    throw UsageError(place + ": " + error.what());
  }
}

// Boost's messages name options as '--name' already; they only lack the project's form.
po::variables_map parse(int argc, char** argv, const po::options_description& visible) {
  po::options_description all;
  po::options_description hidden;
  hidden.add_options()(kOperands, po::value<std::vector<std::string>>());
  all.add(visible).add(hidden);
  po::positional_options_description positional;
  positional.add(kOperands, -1);
  po::variables_map values;
  // Guessing is left out: "--s" that means --seed today would mean two options tomorrow.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(style).run(),
              values);
    const auto config = values.find("config");
    if (config != values.end()) {
      read_config(config->second.as<std::string>(), visible, values);
    }
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  return values;
}

std::vector<std::string> collect_operands(const po::variables_map& values) {
  std::vector<std::string> operands;
  if (values.count(kOperands) > 0) operands = values[kOperands].as<std::vector<std::string>>();
  return operands;
}

int run_checked(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
                const std::function<void(po::options_description&)>& declare,
                const std::function<int(const Options&, Console&)>& body, Console& console) {
  po::options_description visible("Options", kHelpWidth);
  declare(visible);
  visible.add(shared_options(shared));
  po::variables_map values = parse(argc, argv, visible);
  if (values["help"].as<bool>()) {
    write_stdout(help_text(info, visible));
    return kStatusDone;
  }
  if (values["version"].as<bool>()) {
    write_stdout(info.name + " (convoy) " + kVersion + "\nbackends: " + build_backends() + "\n");
    return kStatusDone;
  }
  if (values["quiet"].as<bool>()) console.set_verbosity(Console::Verbosity::quiet);
  if (values["verbose"].as<bool>()) console.set_verbosity(Console::Verbosity::verbose);
  std::vector<std::string> operands = collect_operands(values);
  if (shared.files_from && values.count("files-from") > 0) {
    for (std::string& name : read_names(values["files-from"].as<std::string>(), values["null"].as<bool>())) {
      operands.push_back(std::move(name));
    }
  }
  return body(Options(std::move(values), std::move(operands)), console);
}

}  // namespace

bool Options::given(const std::string& name) const {
  const auto found = values_.find(name);
  return found != values_.end() && !found->second.defaulted();
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

std::uint64_t Options::unsigned_integer(const std::string& name) const {
  const std::string value = text(name);
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size()) {
    throw UsageError("--" + name + ": '" + value + "' is not a whole number from 0 to 2^64-1");
  }
  return number;
}

double Options::real(const std::string& name, double least, double most) const {
  return parse_real(text(name), "--" + name, least, most);
}

std::string Options::choice(const std::string& name, std::initializer_list<std::string_view> allowed) const {
  std::string value = text(name);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::string list;
  for (const std::string_view one : allowed) list += (list.empty() ? "" : ", ") + std::string(one);
  throw UsageError("--" + name + ": '" + value + "' is not one of " + list);
}

std::vector<std::string> Options::inputs() const {
  if (!operands_.empty()) return operands_;
  if (::isatty(STDIN_FILENO) == 1) throw UsageError("no input: name files, or - for standard input");
  return {std::string(kStdStreamName)};
}

int Options::threads() const {
  return given("threads") ? static_cast<int>(integer("threads", 1, kMaxThreads)) : default_threads();
}

std::uint64_t Options::seed() const { return unsigned_integer("seed"); }

std::vector<std::pair<std::string, std::string>> Options::effective() const {
  static const std::set<std::string> kNotStored = {"help",  "version", "config",
                                                   "quiet", "verbose", kOperands};
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, value] : values_) {
    if (kNotStored.count(name) > 0 || value.empty()) continue;
    if (const auto* one = boost::any_cast<std::string>(&value.value())) all.emplace_back(name, *one);
    if (const auto* set = boost::any_cast<bool>(&value.value())) all.emplace_back(name, *set ? "on" : "off");
    if (const auto* many = boost::any_cast<std::vector<std::string>>(&value.value())) {
      for (const std::string& one : *many) all.emplace_back(name, one);
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

std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                           std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    const bool open = most == std::numeric_limits<std::int64_t>::max();
    throw UsageError(std::string(what) + ": '" + std::string(text) + "' is not a whole number " +
                     (open ? "of at least " + std::to_string(least)
                           : "from " + std::to_string(least) + " to " + std::to_string(most)));
  }
  return number;
}

double parse_real(std::string_view text, std::string_view what, double least, double most) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  if (!whole || !std::isfinite(number) || number < least || number > most) {
    std::ostringstream message;
    message << what << ": '" << text << "' is not a number from " << least << " to " << most;
    throw UsageError(message.str());
  }
  return number;
}

std::vector<std::string> read_names(const std::string& path, bool nul) {
  const std::string place = display_name(path);
  std::vector<std::string> names;
  for_each_line(read_text_file(path, kMaxNamesBytes), nul ? '\0' : '\n',
                [&](std::string_view name, std::uint64_t number) {
                  if (!nul) check_name_line(name, place, number);
                  if (name.empty()) throw TextError(place, number, 0, "empty name");
                  names.emplace_back(name);
                });
  if (names.empty()) throw Error(place, "names no file");
  return names;
}

int run_tool(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
             const std::function<void(po::options_description&)>& declare,
             const std::function<int(const Options&, Console&)>& body) {
  reserve_standard_descriptors();
  remove_temporaries_on_signals();
  Console console(info.name);
  try {
    return run_checked(argc, argv, info, shared, declare, body, console);
  } catch (const UsageError& error) {
    console.error(error.what());
    console.error("Try '" + command_of(info) + " --help'.");
    return kStatusUsage;
  } catch (const std::bad_alloc&) {
    console.error("out of memory");
    return kStatusFailure;
  } catch (const std::exception& error) {
    console.error(error.what());
    return kStatusFailure;
  }
}

}  // namespace convoy
