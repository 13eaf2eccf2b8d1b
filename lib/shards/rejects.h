// Reports, counts and lists inputs that cannot be used, and decides what they mean for the exit status.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "formats/shard_damage.h"
#include "lib/base/console.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reject_rules.h"

namespace convoy {

// A reject that ends the run: what() says which, or what limit it exceeds.
class EndedByReject : public Error {
 public:
  using Error::Error;
};

// Implements --on-error, --rejects and --max-rejects. Use from one thread.
class Rejects {
 public:
  // Whether a reject that occurs again counts again: training meets a damaged record in every epoch.
  enum class Repeats { counted, ignored };

  // Throws Error if the list cannot be written.
  Rejects(const RejectRules& rules, Console& console, Repeats repeats = Repeats::counted);

  // Prints "place: reason" on standard error and adds it to the list. Throws EndedByReject, after completing
  // the list, if that ends the run: with this place and reason, which are then not printed, if the first
  // reject is to stop the run, or about the limit if this exceeds it. loss: how many images or records this
  // costs. An unknown number exceeds every limit.
  void add(std::string_view place, std::string_view reason, Loss loss = {});
  void add(const Damage& damage);
  // The same as add() for one input of a reason that many may share: the list has a line for each, but
  // standard error one for all, by commit(), which names the first and counts the others.
  void add_shared(std::string_view place, std::string_view reason);
  // Keeps add_shared()'s lines off standard error, for a caller that has one that says more.
  void forget_shared() { shared_.clear(); }
  // A handler that adds damage; valid as long as this object.
  [[nodiscard]] DamageHandler on_damage() {
    return [this](const Damage& damage) { add(damage); };
  }
  // Tells how many inputs there will be, as far as is known before they are read. If the limit is a share, a
  // run that is sure to exceed it then ends early; otherwise conclude() decides.
  void expect(std::uint64_t inputs) { expected_ = inputs; }
  // Tells that the run works on a part of `inputs` inputs: a limit is that of all of them, and this part may
  // be rejected as a whole.
  void expect_part_of(std::uint64_t inputs) { expected_ = whole_ = inputs; }

  // Whether there was any reject, including damage that cost nothing.
  [[nodiscard]] bool any() const { return any_; }
  // The number of images or records known to be lost.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // "2 rejected", or "2 records rejected" if `what` is "record". Says so if there may be more. Empty if there
  // was no reject.
  [[nodiscard]] std::string summary(const std::string& what = {}) const;
  // `done` with the summary: "30 records" becomes "30 records, 2 rejected" if there was any reject.
  [[nodiscard]] std::string beside(const std::string& done) const;

  // Whether a reject can end the run, so that no output may get its name before conclude().
  [[nodiscard]] bool may_end_run() const { return rules_.stop || rules_.limit; }
  // Prints what add_shared() has kept and completes the list: lines PLACE<TAB>REASON, with fields that
  // tsv_field() writes.
  void commit();
  // To be called when all inputs have been read, before an output gets its name: completes the list. `used`
  // inputs, of the kind `what` ("image", "record"), were not rejected. Throws Error if all that there was has
  // been rejected, unless that is a part, and if there are more rejects than the limit allows; warns if it
  // allows them.
  void conclude(std::uint64_t used, const std::string& what);
  // The exit status of a run whose output is whole, after conclude(): kStatusDone, or kStatusLeftOut if there
  // was a reject and no limit that allows it.
  [[nodiscard]] int status() const;

 private:
  // What add_shared() has kept for a reason.
  struct Shared {
    std::string place;  // of the first
    std::uint64_t count = 0;
  };
  void count_one(std::string_view place, std::string_view reason, Loss loss);
  void say_shared();
  void check_limit();
  [[nodiscard]] bool exceeds_limit(std::uint64_t inputs) const;
  [[noreturn]] void throw_exceeded() const;

  RejectRules rules_;
  std::optional<OutputFile> list_;
  Console& console_;
  Repeats repeats_;
  std::set<std::string> seen_;  // lines of the list, if repeats are ignored
  std::optional<std::uint64_t> expected_;
  std::optional<std::uint64_t> whole_;                 // inputs of which the run has a part
  std::map<std::string, Shared, std::less<>> shared_;  // by reason
  bool any_ = false;
  std::uint64_t count_ = 0;
  bool more_ = false;
};

}  // namespace convoy
