#include "lib/shards/rejects.h"

#include <utility>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/table.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

// Reasons that are kept for add_shared(); an input of another is reported at once.
constexpr std::size_t kMaxShared = 10000;

}  // namespace

Rejects::Rejects(const RejectRules& rules, Console& console, Repeats repeats)
    : rules_(rules), console_(console), repeats_(repeats) {
  if (!rules_.list.empty()) list_.emplace(rules_.list, OutputFile::Content::text);
}

void Rejects::add(std::string_view place, std::string_view reason, Loss loss) {
  if (repeats_ == Repeats::ignored && !seen_.insert(tsv_field(place) + "\t" + tsv_field(reason)).second)
    return;
  count_one(place, reason, loss);
  console_.error(std::string(place) + ": " + std::string(reason));
  check_limit();
}

void Rejects::add_shared(std::string_view place, std::string_view reason) {
  auto known = shared_.find(reason);
  if (known == shared_.end()) {
    if (shared_.size() == kMaxShared) {
      add(place, reason);
      return;
    }
    known = shared_.emplace(reason, Shared{std::string(place)}).first;
  }
  ++known->second.count;
  count_one(place, reason, {});
  check_limit();
}

void Rejects::count_one(std::string_view place, std::string_view reason, Loss loss) {
  any_ = true;
  count_ += loss.records;
  more_ = more_ || loss.more;
  if (list_) list_->write(tsv_field(place) + "\t" + tsv_field(reason) + "\n");
  if (!rules_.stop) return;
  shared_.clear();
  commit();
  throw EndedByReject(place, reason);
}

void Rejects::check_limit() {
  if (!rules_.limit) return;
  // A reject may be one input more than was expected: no run ends too early if all of them are.
  const bool sure = !rules_.limit->is_share() || more_ || expected_;
  if (sure && exceeds_limit(expected_.value_or(0) + count_)) {
    commit();
    throw_exceeded();
  }
}

void Rejects::add(const Damage& damage) { add(damage.where(), damage.reason, damage.loss); }

std::string Rejects::summary(const std::string& what) const {
  if (!any_) return {};
  if (count_ > 0) {
    return (more_ ? "at least " : "") + (what.empty() ? std::to_string(count_) : count_of(count_, what)) +
           " rejected";
  }
  if (more_) return "an unknown number" + (what.empty() ? "" : " of " + what + "s") + " rejected";
  return (what.empty() ? "none" : "no " + what) + " rejected in spite of damage";
}

std::string Rejects::beside(const std::string& done) const { return any_ ? done + ", " + summary() : done; }

void Rejects::commit() {
  say_shared();
  // If that fails, the list is given up, and a caller may go on without.
  std::optional<OutputFile> list = std::move(list_);
  list_.reset();
  if (list) list->commit();
}

void Rejects::say_shared() {
  for (const auto& [reason, shared] : shared_) {
    const std::string others =
        shared.count == 1 ? "" : " and " + count_of(shared.count - 1, "image") + " more";
    console_.error(shared.place + others + ": " + reason);
  }
  shared_.clear();
}

void Rejects::conclude(std::uint64_t used, const std::string& what) {
  commit();
  if (used == 0 && (count_ > 0 || more_) && !whole_) throw Error("every " + what + " was rejected");
  if (!any_ || !rules_.limit) return;
  if (exceeds_limit(whole_.value_or(used + count_))) throw_exceeded();
  console_.warn(summary(what) + ", which " + rules_.limit->option() + " allows");
}

int Rejects::status() const { return any_ && !rules_.limit ? kStatusLeftOut : kStatusDone; }

bool Rejects::exceeds_limit(std::uint64_t inputs) const {
  return more_ || count_ > rules_.limit->allowed(inputs);
}

void Rejects::throw_exceeded() const {
  const std::string& option = rules_.limit->option();
  throw EndedByReject(summary() + (more_ ? ": " + option + " allows no unknown number"
                                         : ", more than " + option + " allows"));
}

}  // namespace convoy
