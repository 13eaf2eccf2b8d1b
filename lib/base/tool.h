// What every tool does alike: options from the command line and --config, --help, --version, messages, exit
// status.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/console.h"

namespace convoy {

namespace po = boost::program_options;

// Exit statuses of the contract (README, every man page).
inline constexpr int kStatusDone = 0;
inline constexpr int kStatusFailure = 1;  // data, I/O or device; any skipped input
inline constexpr int kStatusUsage = 2;
inline constexpr int kStatusSignal = 128;  // plus the signal's number

inline constexpr std::uint64_t kDefaultSeed = 1;

struct ToolInfo {
  std::string name;     // "imgprep"
  std::string usage;    // what follows the name, one line a form: "[OPTION]... [INPUT]..."
  std::string summary;  // one or two sentences for --help
};

// Which of the options that tools share a tool has. All have --help, --version, --config, -q and -v.
struct SharedOptions {
  bool output = false;      // -o, --output=FILE
  bool files_from = false;  // --files-from=FILE, -0: operands, one a line
  bool threads = false;     // -j, --threads=N
  bool seed = false;        // --seed=N
  bool device = false;      // --device=auto|cpu|cuda[:N]
};

// Parsed options. Values are kept as text and converted here, strictly: the whole text, within the range.
class Options {
 public:
  Options(po::variables_map values, std::vector<std::string> operands)
      : values_(std::move(values)), operands_(std::move(operands)) {}

  // Whether the user gave it, on the command line or in --config.
  [[nodiscard]] bool given(const std::string& name) const;
  // A switch, as declared by po::bool_switch().
  [[nodiscard]] bool flag(const std::string& name) const;
  // The value, or its default; an option without either is an empty text.
  [[nodiscard]] std::string text(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> texts(
      const std::string& name) const;  // of po::value<vector<string>>
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most) const;
  [[nodiscard]] std::uint64_t unsigned_integer(const std::string& name) const;
  [[nodiscard]] double real(const std::string& name, double least, double most) const;
  // The value, which must be one of `allowed`.
  [[nodiscard]] std::string choice(const std::string& name,
                                   std::initializer_list<std::string_view> allowed) const;

  // Operands as given, --files-from included where the tool shares it.
  [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }
  // Operands; where there are none, "-", unless standard input is a terminal: then a UsageError.
  [[nodiscard]] std::vector<std::string> inputs() const;

  [[nodiscard]] int threads() const;         // -j, or the processors there are
  [[nodiscard]] std::uint64_t seed() const;  // --seed

  // Every option with its value in effect, operands left out, as "name=value" lines: what goes into a weights
  // file.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> effective() const;

 private:
  po::variables_map values_;
  std::vector<std::string> operands_;
};

// An option with a text value: `default_value` may be empty (none). `placeholder` is shown in --help.
[[nodiscard]] po::typed_value<std::string>* text_option(const std::string& placeholder,
                                                        const std::string& default_value = {});
// An option that may be given several times.
[[nodiscard]] po::typed_value<std::vector<std::string>>* texts_option(const std::string& placeholder);

// The text as a number, the whole of it; UsageError("what: ...") otherwise.
[[nodiscard]] std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                                         std::int64_t most);
[[nodiscard]] double parse_real(std::string_view text, std::string_view what, double least, double most);

// Lines of a file of names, one at least: ended by newlines, or by NUL bytes where `nul` is set. "-" is
// standard input. Throws TextError on what check_name_line() refuses, and with `nul` on an empty name.
[[nodiscard]] std::vector<std::string> read_names(const std::string& path, bool nul);

// Runs a tool from argv to exit status. `declare` adds the tool's own options; `body` does the work and
// returns a status. Exceptions become one line on standard error and the status of the contract.
int run_tool(int argc, char** argv, const ToolInfo& info, const SharedOptions& shared,
             const std::function<void(po::options_description&)>& declare,
             const std::function<int(const Options&, Console&)>& body);

}  // namespace convoy
