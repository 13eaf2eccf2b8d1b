#include "lib/shards/rejects.h"

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/table.h"

namespace convoy {

Rejects::Rejects(const std::string& path, bool stop, Console& console, Repeats repeats)
    : stop_(stop), console_(console), repeats_(repeats) {
  if (!path.empty()) list_.emplace(path, OutputFile::Content::text);
}

void Rejects::add(std::string_view place, std::string_view reason, Loss loss) {
  std::string line = tsv_field(place) + "\t" + tsv_field(reason) + "\n";
  if (repeats_ == Repeats::ignored && !seen_.insert(line).second) return;
  any_ = true;
  count_ += loss.records;
  more_ = more_ || loss.more;
  if (list_) list_->write(line);
  if (stop_) {
    commit();
    throw Error(place, reason);
  }
  console_.error(std::string(place) + ": " + std::string(reason));
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
  if (list_) list_->commit();
  list_.reset();
}

void Rejects::finish(const std::string& what) {
  commit();
  if (any()) console_.note(summary(what));
}

}  // namespace convoy
