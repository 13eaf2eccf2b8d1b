#include "lib/data/damage.h"

namespace convoy {

void DamageReport::operator()(const std::string& message) {
  if (seen_.insert(message).second) reject_damage(rejects_, message);
}

void DamageReport::finish() {
  rejects_.commit();
  if (any())
    console_.note(std::to_string(seen_.size()) + (seen_.size() == 1 ? " record" : " records") + " left out");
}

}  // namespace convoy
