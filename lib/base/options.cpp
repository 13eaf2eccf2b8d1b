#include "lib/base/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <system_error>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/parallel.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::int64_t kMaxThreads = 1024;
constexpr std::uint64_t kMaxNamesBytes = std::uint64_t{4} << 30;

// What tells a regular file from others, however it is named: device and inode where it is there, else its
// path.
std::string identity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    return S_ISREG(info.st_mode) ? std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino)
                                 : std::string();
  }
  std::error_code failure;
  return std::filesystem::weakly_canonical(path, failure).string();
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
  const auto number = number_from<std::uint64_t>(value);
  if (!number) throw UsageError("--" + name, "'" + value + "' is not a whole number from 0 to 2^64-1");
  return *number;
}

double Options::real(const std::string& name, double least, double most) const {
  return parse_real(text(name), "--" + name, least, most);
}

std::string Options::choice(const std::string& name, std::initializer_list<std::string_view> allowed) const {
  std::string value = text(name);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::string list;
  for (const std::string_view one : allowed) list += (list.empty() ? "" : ", ") + std::string(one);
  throw UsageError("--" + name, "'" + value + "' is not one of " + list);
}

std::vector<std::string> Options::inputs() const {
  if (!operands_.empty()) return operands_;
  if (::isatty(STDIN_FILENO) == 1) throw MissingInputError("no input: name files, or - for standard input");
  return {std::string(kStdStreamName)};
}

int Options::threads() const {
  return given("threads") ? static_cast<int>(integer("threads", 1, kMaxThreads)) : default_threads();
}

std::uint64_t Options::seed() const { return unsigned_integer("seed"); }

void Options::check_outputs(std::initializer_list<const char*> outputs,
                            const std::vector<std::string>& inputs) const {
  std::map<std::string, std::string> taken;  // what stands there already, by its identity
  for (const std::string& input : inputs) {
    if (input != kStdStreamName) taken.emplace(identity(input), "is an input");
  }
  taken.erase(std::string());
  for (const char* name : outputs) {
    const std::string path = text(name);
    if (path.empty()) continue;
    const std::string file = path == kStdStreamName ? path : identity(path);
    if (file.empty()) continue;
    const auto [other, added] = taken.emplace(file, std::string("is what --") + name + " writes already");
    if (!added) {
      throw UsageError(std::string("--") + name, display_name(path, "standard output") + " " + other->second);
    }
  }
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

double parse_real(std::string_view text, std::string_view what, double least, double most) {
  const auto number = number_from<double>(text);
  if (!number || !std::isfinite(*number) || *number < least || *number > most) {
    std::ostringstream message;
    message << "'" << text << "' is not a number from " << least << " to " << most;
    throw UsageError(what, message.str());
  }
  return *number;
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

}  // namespace convoy
