#include "formats/shard_damage.h"

namespace convoy {

std::string Damage::where() const { return offset ? place + ": " + offset_text(*offset) : place; }

std::string record_place(std::string_view file, std::uint64_t index, std::string_view name) {
  return std::string(file) + ": record " + std::to_string(index) + " (" + std::string(name) + ")";
}

Damage damage_of(const Error& error, std::string_view place, Loss loss) {
  Damage damage{.place = std::string(place), .reason = error.what(), .loss = loss};
  if (error.place() != place) return damage;
  damage.reason = error.reason();
  if (const auto* format = dynamic_cast<const FormatError*>(&error)) damage.offset = format->offset();
  return damage;
}

}  // namespace convoy
