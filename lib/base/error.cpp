#include "lib/base/error.h"

#include <cerrno>
#include <system_error>

#include "lib/base/text.h"

namespace convoy {
namespace {

// A reason may quote what it is about, which may be as long as its writer likes.
constexpr std::size_t kLongestReason = 1000;

std::string joined(std::string_view where, std::string_view reason) {
  std::string text(where);
  if (!where.empty()) text += ": ";
  return text += reason;
}

}  // namespace

Error::Error(std::string_view place, std::string_view position, std::string_view reason)
    : std::runtime_error(joined(std::string(place).append(position), shortened(reason, kLongestReason))),
      place_(place),
      position_(position),
      reason_(shortened(reason, kLongestReason)) {}

std::string offset_text(std::uint64_t offset) { return "offset " + std::to_string(offset); }

UsageError::UsageError(const std::string& message) : std::runtime_error(shortened(message, kLongestReason)) {}

UsageError::UsageError(std::string_view option, std::string_view reason)
    : std::runtime_error(joined(option, shortened(reason, kLongestReason))), option_(option) {}

UsageError UsageError::about(std::string_view option, const std::string& sentence) {
  UsageError error(sentence);
  error.option_ = option;
  return error;
}

SystemError::SystemError(std::string_view place, std::string_view reason)
    : std::runtime_error(joined(place, reason)), place_(place), reason_(reason) {}

namespace {

bool is_storage_failure(int code) {
  switch (code) {
    // A disk that cannot be read, and a file system that finds itself damaged (XFS, ext4).
    case EIO:
    case EREMOTEIO:
    case ENODATA:
    case EUCLEAN:
    case EBADMSG:
    // A file system on a network whose server does not answer, or no longer knows what it had handed out.
    case ESTALE:
    case ETIMEDOUT:
    case ENOLINK:
    case ECOMM:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOTCONN:
    case ECONNABORTED:
    case ECONNRESET:
    case ECONNREFUSED:
      return true;
    default:
      return false;
  }
}

// Of memory, descriptors, threads, locks or space there is no more.
bool is_exhaustion(int code) {
  switch (code) {
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOLCK:
    case ENOSPC:
    case EDQUOT:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_system_failure(int code) { return is_storage_failure(code) || is_exhaustion(code); }

void throw_errno(std::string_view place, int code) {
  const std::string reason = std::generic_category().message(code);
  if (is_storage_failure(code)) throw StorageError(place, reason);
  if (is_exhaustion(code)) throw SystemError(place, reason);
  throw Error(place, reason);
}

void throw_system_failure(std::string_view place, const std::error_code& error) {
  if (is_system_failure(error.value())) throw_errno(place, error.value());
}

}  // namespace convoy
