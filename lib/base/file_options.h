// Options that name files, declared by what a run does with them. Every option that names a file is declared
// here, so that no output takes the place of what the run reads.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

namespace convoy {

namespace po = boost::program_options;

// What the file that an option names is to the run.
struct FileRole {
  enum class Use { read, written };
  Use use = Use::read;
  std::string word;         // a value that is no file, such as "none"
  std::string replaced_by;  // the option whose output may take the place of this input, without its dashes
};

struct FileOption {
  std::string name;  // without its dashes
  FileRole role;
};

// What is special about a file that is read.
struct InputRules {
  std::string word = {};
  std::string replaced_by = {};
};

// An option with the name of a file that the run reads. `placeholder` is shown in --help.
[[nodiscard]] po::typed_value<std::string>* input_option(const std::string& placeholder,
                                                         const InputRules& rules = {});
// One that may be given several times and keeps all values.
[[nodiscard]] po::typed_value<std::vector<std::string>>* inputs_option(const std::string& placeholder);
// An option with the name of a file that the run writes. `default_value` may be empty (none).
[[nodiscard]] po::typed_value<std::string>* output_option(const std::string& placeholder,
                                                          const std::string& default_value = {});

// The options among `options` that were declared by the functions above: --output first, then the
// others in their order.
[[nodiscard]] std::vector<FileOption> file_options(const po::options_description& options);

}  // namespace convoy
