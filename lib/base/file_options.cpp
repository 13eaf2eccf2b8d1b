#include "lib/base/file_options.h"

#include <algorithm>
#include <utility>

namespace convoy {
namespace {

template <typename T>
class FileValue : public po::typed_value<T>, public FileRole {
 public:
  explicit FileValue(FileRole role) : po::typed_value<T>(nullptr), FileRole(std::move(role)) {}
};

template <typename T>
po::typed_value<T>* file_value(const std::string& placeholder, FileRole role) {
  po::typed_value<T>* const value = new FileValue<T>(std::move(role));  // Boost owns it
  return value->value_name(placeholder);
}

}  // namespace

po::typed_value<std::string>* input_option(const std::string& placeholder, const InputRules& rules) {
  return file_value<std::string>(
      placeholder, {.use = FileRole::Use::read, .word = rules.word, .replaced_by = rules.replaced_by});
}

po::typed_value<std::vector<std::string>>* inputs_option(const std::string& placeholder) {
  return file_value<std::vector<std::string>>(placeholder, {})->composing();
}

po::typed_value<std::string>* output_option(const std::string& placeholder,
                                            const std::string& default_value) {
  auto* value =
      file_value<std::string>(placeholder, {.use = FileRole::Use::written, .word = {}, .replaced_by = {}});
  if (!default_value.empty()) value->default_value(default_value);
  return value;
}

std::vector<FileOption> file_options(const po::options_description& options) {
  std::vector<FileOption> files;
  for (const auto& option : options.options()) {
    const auto* role = dynamic_cast<const FileRole*>(option->semantic().get());
    if (role != nullptr) files.push_back({option->long_name(), *role});
  }
  std::stable_partition(files.begin(), files.end(),
                        [](const FileOption& file) { return file.name == "output"; });
  return files;
}

}  // namespace convoy
