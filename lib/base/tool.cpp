#include "lib/base/tool.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "lib/base/early_exit.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/memory.h"
#include "lib/base/out_of_memory.h"
#include "lib/base/signals.h"
#include "lib/base/stop_wait.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

constexpr unsigned kHelpWidth = 80;

// How a user calls a tool. Not by its bare name: a bare `eval` is the shell's builtin, which runs
// its arguments.
std::string command_of(const ToolInfo& info) { return "convoy " + info.name; }

// If the caller closed descriptor 0, 1 or 2, the next file opened would get that number, and messages or data
// would go into it. This opens /dev/null instead, for neither reading nor writing, so that every use fails.
void reserve_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) {
      const int opened = ::open("/dev/null", O_PATH);
      if (opened >= 0 && opened != fd) {
        ::dup2(opened, fd);
        ::close(opened);
      }
    }
  }
}

// Each thread may have a file open, and the usual limit is as low as the most threads. No tool uses
// select(2), for whose sake it is so low.
void raise_descriptor_limit() {
  constexpr rlim_t kDescriptors = 4 * kMaxThreads;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kDescriptors) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kDescriptors));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

enum class Where { line, file };

po::options_description shared_options(const SharedOptions& shared, Where where) {
  po::options_description options("Options of all tools", kHelpWidth);
  auto add = options.add_options();
  if (shared.output)
    add("output,o", output_option("FILE", std::string(kStdStreamName)),
        "write to FILE; - is standard output");
  if (shared.files_from) {
    add("files-from", input_option("FILE"), "read more operands from FILE, one a line; - is standard input");
    add("null,0", po::bool_switch(), "names in --files-from end in a NUL byte, not in a newline");
  }
  if (shared.threads) add("threads,j", text_option("N"), "threads to use (default: all processors)");
  if (shared.seed) add("seed", text_option("N", std::to_string(kDefaultSeed)), "seed of every random draw");
  if (shared.device) {
    add("device", text_option("DEVICE", "auto"),
        "auto, cpu, cuda or cuda:N; auto takes a GPU where there is one");
  }
  add("max-memory", text_option("SIZE"),
      "refuse what needs more memory (default: what the machine has); K, M, G, T");
  if (where == Where::line)
    add("config", input_option("FILE"), "read options from FILE, lines NAME=VALUE; the command line wins");
  add("quiet,q", po::bool_switch(), "no progress and no notes, only warnings and errors");
  add("verbose,v", po::bool_switch(), "say more");
  if (where == Where::line) {
    add("help,h", po::bool_switch(), "show this help and exit");
    add("version", po::bool_switch(), "show the version and exit");
  }
  return options;
}

// "Usage: convoy train ...", one line for each form.
std::vector<std::string> usage_lines(const ToolInfo& info) {
  std::vector<std::string> lines;
  for_each_line(info.usage, '\n', [&](std::string_view form, std::uint64_t number) {
    lines.push_back((number == 1 ? "Usage: " : "       ") + command_of(info) + " " + std::string(form));
  });
  return lines;
}

// The text wrapped to lines of at most kHelpWidth characters.
std::string filled(const std::string& text) {
  std::istringstream words(text);
  std::string lines;
  std::size_t begin = 0;  // of the last line
  for (std::string word; words >> word;) {
    const bool fits = lines.size() + 1 + word.size() - begin <= kHelpWidth;
    if (!lines.empty()) lines += fits ? ' ' : '\n';
    if (!fits) begin = lines.size();
    lines += word;
  }
  return lines;
}

std::string help_text(const ToolInfo& info, const po::options_description& visible) {
  std::ostringstream options;
  options << visible;
  std::string text;
  for (const std::string& line : usage_lines(info)) text += line + "\n";
  text += filled(info.summary) + "\n\n";
  // Boost leaves a blank at the end of a line where it breaks a description.
  for_each_line(options.str(), '\n', [&](std::string_view line, std::uint64_t) {
    text.append(line.substr(0, line.find_last_not_of(' ') + 1)) += '\n';
  });
  return text + "\nFull documentation: man convoy-" + info.name + "\n";
}

// Throws UsageError if two options of one group are given.
void check_exclusive(const Options& options, const std::vector<ExclusiveOptions>& groups) {
  for (const ExclusiveOptions& group : groups) {
    std::string first;
    for (const std::string& name : group) {
      if (!options.given(name)) continue;
      const std::string option = "--" + name;
      if (!first.empty()) throw UsageError::about(first, first + " and " + option + " exclude each other");
      first = option;
    }
  }
}

void write_stdout(std::string_view text) {
  OutputFile out{std::string(kStdStreamName), OutputFile::Content::text};
  out.write(text);
  out.commit();
}

int run_checked(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
                const std::function<void(po::options_description&)>& declare,
                const std::function<int(const Options&, Console&)>& body, Console& console) {
  const auto options_of = [&](Where where) {
    po::options_description options("Options", kHelpWidth);
    declare(options);
    options.add(shared_options(shared, where));
    return options;
  };
  const CommandLineRules rules{options_of(Where::line), options_of(Where::file), info.exclusive};
  auto [values, places] = parse_command_line(argc, argv, rules);
  if (values["help"].as<bool>()) {
    write_stdout(help_text(info, rules.options));
    return kStatusDone;
  }
  if (values["version"].as<bool>()) {
    write_stdout(info.name + " (convoy) " + kVersion + "\nbackends: " + build_backends() + "\n" +
                 (info.ranks ? "ranks: " + info.ranks() + "\n" : ""));
    return kStatusDone;
  }
  if (values["quiet"].as<bool>()) console.set_verbosity(Console::Verbosity::quiet);
  if (values["verbose"].as<bool>()) console.set_verbosity(Console::Verbosity::verbose);
  std::vector<std::string> operands;
  if (values.count(kOperands) > 0) operands = values[kOperands].as<std::vector<std::string>>();
  if (shared.files_from && values.count("files-from") > 0) {
    const MemoryLimit limit = Options(values, {}, {}).memory_limit();
    for (std::string& name :
         read_names(values["files-from"].as<std::string>(), values["null"].as<bool>(), limit)) {
      operands.push_back(std::move(name));
    }
  }
  const Options options(std::move(values), std::move(operands), file_options(rules.options));
  std::string effective;
  for (const std::string& option : options.effective()) effective += " " + option;
  console.detail(std::string("version ") + kVersion + ", backends " + build_backends() + ", options" +
                 effective);
  try {
    check_exclusive(options, info.exclusive);
    if (options.given("max-memory")) (void)options.memory_limit();  // throws if it is none
    options.check_outputs(options.outputs());
    return body(options, console);
  } catch (const UsageError& error) {
    const auto place = places.find(error.option());
    if (place == places.end()) throw;
    throw UsageError(place->second + ": " + error.what());
  }
}

}  // namespace

int run_tool(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
             const std::function<void(po::options_description&)>& declare,
             const std::function<int(const Options&, Console&)>& body) {
  reserve_standard_descriptors();
  const SignalStack stack;
  raise_descriptor_limit();
  spare_limited_memory();
  remove_temporaries_on_signals(info.name);
  const EarlyExit early_exit(info.name);
  report_memory_at_terminate(info.name);
  Console console(info.name);
  try {
    return run_checked(argc, argv, info, shared, declare, body, console);
  } catch (const MissingInputError& error) {
    console.error(error.what());
    for (const std::string& line : usage_lines(info)) console.error(line);
    console.error("Try '" + command_of(info) + " --help'.");
    return kStatusUsage;
  } catch (const UsageError& error) {
    console.error(error.what());
    console.error("Try '" + command_of(info) + " --help'.");
    return kStatusUsage;
  } catch (const Stopped& stopped) {
    return kStatusSignal + stopped.signal();
  } catch (const std::bad_alloc&) {
    console.error(std::string(kOutOfMemory));
    return kStatusFailure;
  } catch (const std::length_error&) {  // more than a container can have
    console.error(std::string(kOutOfMemory));
    return kStatusFailure;
  } catch (const std::exception& error) {
    console.error(error.what());
    return kStatusFailure;
  }
}

}  // namespace convoy
