#include "lib/shards/damage.h"

namespace convoy {

void DamageReport::operator()(const Damage& damage) {
  if (seen_.insert(damage.message).second) reject_damage(rejects_, damage);
}

void DamageReport::finish() {
  rejects_.commit();
  if (any()) console_.note(rejects_.summary("record"));
}

}  // namespace convoy
