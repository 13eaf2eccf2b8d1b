#include "lib/base/error.h"

#include <system_error>

namespace convoy {

void throw_errno(std::string_view place, int code) {
  throw Error(place, std::generic_category().message(code));
}

}  // namespace convoy
