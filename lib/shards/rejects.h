// Inputs that cannot be used: named, counted, listed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "formats/shard_damage.h"
#include "lib/base/console.h"
#include "lib/base/file.h"

namespace convoy {

// The policy of --on-error and --rejects. Use from one thread.
class Rejects {
 public:
  // Whether the same reject counts again. Training meets a damaged record in every epoch.
  enum class Repeats { counted, ignored };

  // path: of the list, empty for none. stop: the first reject ends the run. Throws Error.
  Rejects(const std::string& path, bool stop, Console& console, Repeats repeats = Repeats::counted);

  // Says "place: reason" on standard error and writes it to the list. Throws Error(place, reason) instead of
  // saying it where the policy is to stop; the list is complete by then. loss: how many images or records
  // that costs.
  void add(std::string_view place, std::string_view reason, Loss loss = {});
  void add(const Damage& damage);
  // Adds each damage while this lives.
  [[nodiscard]] DamageHandler on_damage() {
    return [this](const Damage& damage) { add(damage); };
  }
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
  // Commits, and notes the summary, with `what` such as "record", if there was anything.
  void finish(const std::string& what);

 private:
  std::optional<OutputFile> list_;
  bool stop_;
  Console& console_;
  Repeats repeats_;
  std::set<std::string> seen_;  // lines of the list, if repeats are ignored
  bool any_ = false;
  std::uint64_t count_ = 0;
  bool more_ = false;
};

}  // namespace convoy
