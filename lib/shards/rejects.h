// Reports, counts and lists inputs that cannot be used.
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

// Implements --on-error and --rejects. Use from one thread.
class Rejects {
 public:
  // Whether a reject that occurs again counts again: training meets a damaged record in every epoch.
  enum class Repeats { counted, ignored };

  // path: of the list; empty: none. stop: the first reject ends the run. Throws Error.
  Rejects(const std::string& path, bool stop, Console& console, Repeats repeats = Repeats::counted);

  // Prints "place: reason" on standard error and adds it to the list. If the first reject is to stop the
  // run, throws Error(place, reason) instead, after completing the list. loss: how many images or records
  // this costs.
  void add(std::string_view place, std::string_view reason, Loss loss = {});
  void add(const Damage& damage);
  // A handler that adds damage; valid as long as this object.
  [[nodiscard]] DamageHandler on_damage() {
    return [this](const Damage& damage) { add(damage); };
  }
  // Whether there was any reject, including damage that cost nothing.
  [[nodiscard]] bool any() const { return any_; }
  // The number of images or records known to be lost.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // "2 rejected", or "2 records rejected" if `what` is "record". Says so if there may be more. Empty if there
  // was no reject.
  [[nodiscard]] std::string summary(const std::string& what = {}) const;
  // `done` with the summary: "30 records" becomes "30 records, 2 rejected" if there was any reject.
  [[nodiscard]] std::string beside(const std::string& done) const;
  // Completes the list: lines PLACE<TAB>REASON, each field written by tsv_field().
  void commit();
  // Commits, and notes summary(what) on the console if there was any reject.
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
