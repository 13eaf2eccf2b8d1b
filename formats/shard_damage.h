// What is damaged in a shard, where it is, and what is lost.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace convoy {

// How much is lost.
struct Loss {
  std::uint64_t records = 1;  // as far as is known; 0 if the damage cost none, or nothing tells how many
  bool more = false;          // whether more may be lost than is known
};

struct Damage {
  std::string place;                         // the file, or with a record: see record_place()
  std::optional<std::uint64_t> offset = {};  // in the file
  std::string reason;                        // "payload checksum mismatch"
  Loss loss = {};

  // "train-00003.shard: record 17 (cats/a.jpg): offset 3342336"
  [[nodiscard]] std::string where() const;
};

// Readers report each damage through this, once, and go on with the next whole record. A stream whose end
// chunk counts more records than arrived is reported too.
using DamageHandler = std::function<void(const Damage& damage)>;

// "train-00003.shard: record 17 (cats/a.jpg)"
[[nodiscard]] std::string record_place(std::string_view file, std::uint64_t index, std::string_view name);

// The damage that an error at `place` stands for. If the error is about another place, its whole message
// is the reason.
[[nodiscard]] Damage damage_of(const Error& error, std::string_view place, Loss loss = {});

}  // namespace convoy
