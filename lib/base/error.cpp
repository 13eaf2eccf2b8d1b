#include "lib/base/error.h"

#include <system_error>

namespace convoy {
namespace {

std::string joined(std::string_view where, std::string_view reason) {
  std::string text(where);
  if (!where.empty()) text += ": ";
  return text += reason;
}

}  // namespace

Error::Error(std::string_view place, std::string_view position, std::string_view reason)
    : std::runtime_error(joined(std::string(place).append(position), reason)),
      place_(place),
      position_(position),
      reason_(reason) {}

std::string offset_text(std::uint64_t offset) { return "offset " + std::to_string(offset); }

UsageError::UsageError(std::string_view option, std::string_view reason)
    : std::runtime_error(joined(option, reason)), option_(option) {}

UsageError UsageError::about(std::string_view option, const std::string& sentence) {
  UsageError error(sentence);
  error.option_ = option;
  return error;
}

void throw_errno(std::string_view place, int code) {
  throw Error(place, std::generic_category().message(code));
}

}  // namespace convoy
