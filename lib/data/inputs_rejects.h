// Inputs that cannot be used: named, counted, listed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/console.h"
#include "lib/base/file.h"

namespace convoy {

// The policy of --on-error and --rejects. Use from one thread.
class Rejects {
 public:
  // path: of the list, empty for none. stop: the first reject ends the run. Throws Error.
  Rejects(const std::string& path, bool stop, Console& console);

  // Says "place: reason" on standard error and writes it to the list. Throws Error(place, reason) instead of
  // saying it where the policy is to stop; the list is complete by then.
  void add(std::string_view place, std::string_view reason);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // "2 rejected"; empty where none is.
  [[nodiscard]] std::string summary() const;
  // Completes the list: lines PLACE<TAB>REASON, with backslash escapes for TAB, newline and backslash.
  void commit();

 private:
  std::optional<OutputFile> list_;
  bool stop_;
  Console& console_;
  std::uint64_t count_ = 0;
};

// A DamageHandler's message as a reject: "PLACE: offset N" and the reason behind it.
void reject_damage(Rejects& rejects, const std::string& message);

}  // namespace convoy
