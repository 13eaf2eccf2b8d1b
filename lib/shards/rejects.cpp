#include "lib/shards/rejects.h"

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/table.h"

namespace convoy {
Rejects::Rejects(const std::string& path, bool stop, Console& console) : stop_(stop), console_(console) {
  if (!path.empty()) list_.emplace(path, OutputFile::Content::text);
}

void Rejects::add(std::string_view place, std::string_view reason, Loss loss) {
  any_ = true;
  count_ += loss.records;
  more_ = more_ || loss.more;
  if (list_) list_->write(tsv_field(place) + "\t" + tsv_field(reason) + "\n");
  if (stop_) {
    commit();
    throw Error(place, reason);
  }
  console_.error(std::string(place) + ": " + std::string(reason));
}

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

std::pair<std::string, std::string> split_damage(const std::string& message) {
  constexpr std::string_view kOffset = ": offset ";
  constexpr std::string_view kRecord = ": record ";
  constexpr std::string_view kColon = ": ";
  std::size_t end = std::string::npos;
  if (const std::size_t offset = message.find(kOffset); offset != std::string::npos) {
    end = message.find(kColon, offset + kOffset.size());
  } else if (const std::size_t record = message.find(kRecord); record != std::string::npos) {
    // The record's name stands in parentheses, and may have a colon.
    const std::size_t name_end = message.find("): ", record);
    end = name_end == std::string::npos ? name_end : name_end + 1;
  } else {
    end = message.find(kColon);
  }
  if (end == std::string::npos) return {message, {}};
  return {message.substr(0, end), message.substr(end + kColon.size())};
}

void reject_damage(Rejects& rejects, const Damage& damage) {
  const auto [place, reason] = split_damage(damage.message);
  rejects.add(place, reason, damage.loss);
}

}  // namespace convoy
