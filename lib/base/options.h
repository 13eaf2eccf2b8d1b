// Options of a command line: declared, kept as text, read strictly.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/file_options.h"
#include "lib/base/memory.h"
#include "lib/base/own_files.h"
#include "lib/base/reject_rules.h"

namespace convoy {

inline constexpr std::int64_t kMaxThreads = 1024;
inline constexpr std::uint64_t kDefaultSeed = 1;
inline constexpr const char* kOperands = "operands";  // the name of operands among the options

// Parsed options. Values are kept as text, and converted strictly when they are read: the whole text must be
// a value in the range.
class Options {
 public:
  // files: those among the options that name files.
  Options(po::variables_map values, std::vector<std::string> operands, std::vector<FileOption> files)
      : values_(std::move(values)), operands_(std::move(operands)), files_(std::move(files)) {}

  // Whether the user gave the option, on the command line or in --config. For a switch: whether it is on.
  [[nodiscard]] bool given(const std::string& name) const;
  // A switch, declared with po::bool_switch().
  [[nodiscard]] bool flag(const std::string& name) const;
  // The value, or its default; an option with neither gives an empty text.
  [[nodiscard]] std::string text(const std::string& name) const;
  // The values of an option declared with texts_option().
  [[nodiscard]] std::vector<std::string> texts(const std::string& name) const;
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most) const;
  // The index among `words` of the value, which must be one of them.
  [[nodiscard]] std::size_t choice(const std::string& name,
                                   std::initializer_list<std::string_view> words) const;

  // The operands, with those of --files-from if the tool shares that option.
  [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }
  // The operands, or "-" if there are none. Throws MissingInputError if standard input is then a terminal.
  [[nodiscard]] std::vector<std::string> inputs() const;

  // What the options name that are declared as outputs, if they are given or have a default.
  [[nodiscard]] std::vector<RunOutput> outputs() const;
  // convoy::check_outputs() of `outputs` and all files that options name which are declared as inputs, but an
  // output may take the place of the input that its option may replace. run_tool() calls this with outputs();
  // operands are left to the tool.
  void check_outputs(const std::vector<RunOutput>& outputs) const;
  // The same of outputs(), with `path` as what the option `name` names.
  void check_output(const std::string& name, const std::string& path) const;

  [[nodiscard]] int threads() const;         // -j; by default the number of processors
  [[nodiscard]] std::uint64_t seed() const;  // --seed
  // --max-memory; by default what the machine has.
  [[nodiscard]] MemoryLimit memory_limit() const;
  // --on-error, --rejects, --max-rejects.
  [[nodiscard]] RejectRules reject_rules() const;

  // Every option with its value in effect as "--name=value", without operands, switches that are off, and
  // options without a value.
  [[nodiscard]] std::vector<std::string> effective() const;

 private:
  po::variables_map values_;
  std::vector<std::string> operands_;
  std::vector<FileOption> files_;
};

// An option with a text value: `default_value` may be empty (none). `placeholder` is shown in --help.
[[nodiscard]] po::typed_value<std::string>* text_option(const std::string& placeholder,
                                                        const std::string& default_value = {});
// An option that may be given several times and keeps all values.
[[nodiscard]] po::typed_value<std::vector<std::string>>* texts_option(const std::string& placeholder);

// What --help says about --on-error and --rejects in one tool.
struct RejectsHelp {
  std::string placeholder = "skip|stop";  // of --on-error
  std::string on_error;
  std::string rejects;
};
// Declares --on-error=skip|stop, --rejects=FILE and --max-rejects=N|P%.
void add_rejects_options(po::options_description& options, const RejectsHelp& help);

// The whole text as a number, or as the index of one of `words`. Throws UsageError about `what`, such
// as "--steps".
[[nodiscard]] std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                                         std::int64_t most);
[[nodiscard]] std::uint64_t parse_unsigned(std::string_view text, std::string_view what);
// A number of bytes, perhaps with a suffix K, M, G or T (powers of 1024).
[[nodiscard]] std::uint64_t parse_bytes(std::string_view text, std::string_view what);
[[nodiscard]] double parse_real(std::string_view text, std::string_view what, double least, double most);
[[nodiscard]] std::size_t parse_choice(std::string_view text, std::string_view what,
                                       std::initializer_list<std::string_view> words);

// The names in a file ("-" is standard input), at least one, each ended by a newline, or by a NUL byte if
// `nul` is set. Throws TextError for a line that check_name_line() refuses, and with `nul` for an empty name.
[[nodiscard]] std::vector<std::string> read_names(const std::string& path, bool nul,
                                                  const MemoryLimit& limit);

}  // namespace convoy
