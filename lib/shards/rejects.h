// Inputs that cannot be used: named, counted, listed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "formats/shard.h"
#include "lib/base/console.h"
#include "lib/base/file.h"

namespace convoy {

// The policy of --on-error and --rejects. Use from one thread.
class Rejects {
 public:
  // path: of the list, empty for none. stop: the first reject ends the run. Throws Error.
  Rejects(const std::string& path, bool stop, Console& console);

  // Says "place: reason" on standard error and writes it to the list. Throws Error(place, reason) instead of
  // saying it where the policy is to stop; the list is complete by then. loss: how many images or records
  // that costs.
  void add(std::string_view place, std::string_view reason, Loss loss = {});
  // Whether there was anything, be it damage that cost nothing.
  [[nodiscard]] bool any() const { return any_; }
  // Images or records that are known to be lost.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // "2 rejected", or with `what`, such as "record", "2 records rejected"; says where there may be more of
  // them. Empty where there was nothing.
  [[nodiscard]] std::string summary(const std::string& what = {}) const;
  // The count of what was done with what was rejected: "30 records" becomes "30 records, 2 rejected" where
  // there was anything.
  [[nodiscard]] std::string beside(const std::string& done) const;
  // Completes the list: lines PLACE<TAB>REASON, with backslash escapes for TAB, newline and backslash.
  void commit();

 private:
  std::optional<OutputFile> list_;
  bool stop_;
  Console& console_;
  bool any_ = false;
  std::uint64_t count_ = 0;
  bool more_ = false;
};

// The place in a message about damage (its file, record and offset, as far as it says them) and the reason.
[[nodiscard]] std::pair<std::string, std::string> split_damage(const std::string& message);

// Damage as a reject.
void reject_damage(Rejects& rejects, const Damage& damage);

}  // namespace convoy
