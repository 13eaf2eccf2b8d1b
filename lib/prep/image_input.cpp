#include "lib/prep/image_input.h"

namespace convoy {

std::string reason_of(const std::exception& error, std::string_view place) {
  const std::string what = error.what();
  const std::string lead = std::string(place) + ": ";
  return what.starts_with(lead) ? what.substr(lead.size()) : what;
}

}  // namespace convoy
