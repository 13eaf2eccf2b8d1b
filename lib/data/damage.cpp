#include "lib/data/damage.h"

#include "lib/base/error.h"

namespace convoy {

void DamageReport::operator()(const std::string& message) {
  if (stop_) throw Error(message);
  if (seen_.insert(message).second) console_.warn(message);
}

}  // namespace convoy
