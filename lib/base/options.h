// Options of a command line: declared, kept as text, read strictly.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

namespace po = boost::program_options;

inline constexpr std::uint64_t kDefaultSeed = 1;
inline constexpr const char* kOperands = "operands";  // the name of operands among the options

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
  // Operands; where there are none, "-", unless standard input is a terminal: then a MissingInputError.
  [[nodiscard]] std::vector<std::string> inputs() const;
  // Throws UsageError where two of the options `outputs`, which name files to write, name the same one, or
  // one of them a file of `inputs`. Devices and pipes may be named again and again, but for standard output.
  void check_outputs(std::initializer_list<const char*> outputs,
                     const std::vector<std::string>& inputs) const;

  [[nodiscard]] int threads() const;         // -j, or the processors there are
  [[nodiscard]] std::uint64_t seed() const;  // --seed

  // Every option with its value in effect as "--name=value"; operands, switches that are off, and options
  // without a value are left out.
  [[nodiscard]] std::vector<std::string> effective() const;

 private:
  po::variables_map values_;
  std::vector<std::string> operands_;
};

// An option with a text value: `default_value` may be empty (none). `placeholder` is shown in --help.
[[nodiscard]] po::typed_value<std::string>* text_option(const std::string& placeholder,
                                                        const std::string& default_value = {});
// An option that may be given several times; its values are gathered.
[[nodiscard]] po::typed_value<std::vector<std::string>>* texts_option(const std::string& placeholder);

// The text as a number, the whole of it; UsageError("what: ...") otherwise.
[[nodiscard]] std::int64_t parse_integer(std::string_view text, std::string_view what, std::int64_t least,
                                         std::int64_t most);
[[nodiscard]] double parse_real(std::string_view text, std::string_view what, double least, double most);

// Lines of a file of names, one at least: ended by newlines, or by NUL bytes where `nul` is set. "-" is
// standard input. Throws TextError on what check_name_line() refuses, and with `nul` on an empty name.
[[nodiscard]] std::vector<std::string> read_names(const std::string& path, bool nul);

}  // namespace convoy
