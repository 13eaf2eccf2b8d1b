#include "lib/runs/training_log.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "lib/base/checked.h"
#include "lib/base/counted_memory.h"
#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::string_view kHead =
    "step\tepoch\tset\timages\tloss\ttop1_error\ttop5_error\tlearning_rate\timages_per_second\n";
constexpr auto kFields = static_cast<std::size_t>(std::ranges::count(kHead, '\t')) + 1;
constexpr std::uint64_t kMaxLogBytes = std::uint64_t{1} << 30;

// A line of an older log.
struct OldRow {
  std::string_view text;  // with its newline
  LogPoint point;
};

// The row; nothing if the line is not one, in which every field can be read.
std::optional<OldRow> row_from(std::string_view line) {
  constexpr std::size_t kSet = 2;
  std::array<double, kFields> numbers{};
  OldRow row{.text = line, .point = {}};
  std::string_view rest = line.substr(0, line.size() - 1);
  for (std::size_t field = 0; field < kFields; ++field) {
    const std::size_t end = std::min(rest.find('\t'), rest.size());
    const std::string_view text = rest.substr(0, end);
    const bool last = end == rest.size();
    if (last != (field + 1 == kFields)) return std::nullopt;
    rest.remove_prefix(last ? end : end + 1);
    if (field == kSet) {
      if (text != "train" && text != "val") return std::nullopt;
      row.point.validation = text == "val";
    } else if (field == 0 || field == kSet + 1) {
      const auto count = number_from<std::uint64_t>(text);
      if (!count) return std::nullopt;
      if (field == 0) row.point.step = *count;
    } else {
      const auto number = number_from<double>(text);
      if (!number) return std::nullopt;
      numbers[field] = *number;
    }
  }
  row.point.epoch = numbers[1];
  constexpr std::size_t kLoss = kSet + 2;
  row.point.loss = numbers[kLoss];
  row.point.top1_error = numbers[kLoss + 1];
  row.point.top5_error = numbers[kLoss + 2];
  row.point.learning_rate = numbers[kLoss + 3];
  return row;
}

bool is_log(std::string_view text) { return text.starts_with(kHead); }

// What is wrong with a text that is no log.
std::string why_no_log(std::string_view text) {
  constexpr std::string_view kNoLog = "is not a log of train: ";
  const std::string_view head = kHead.substr(0, kHead.size() - 1);
  if (text.starts_with(head) && text.substr(head.size()).starts_with("\r\n"))
    return std::string(kNoLog) + "its lines end with CR LF: let them end with LF alone";
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()) + 1);
  if (line.ends_with('\n') && row_from(line))
    return std::string(kNoLog) + "its first line, which names the columns, is missing";
  return std::string(kNoLog) + "it does not begin with the names of the columns that --log writes";
}

// Calls take(row) for each whole row of a log's text, and damaged(line) with the number of each line that is
// none; the last line may have been cut off when the run was killed.
template <typename Take, typename Damaged>
void take_rows(std::string_view text, Take&& take, Damaged&& damaged) {
  std::size_t begin = kHead.size();
  for (std::uint64_t line = 2; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto row = row_from(text.substr(begin, end + 1 - begin));
    row ? take(*row) : damaged(line);
    begin = end + 1;
  }
}

// The same of the file of an older log. Throws Error if it is not a log.
template <typename Take, typename Damaged>
void for_each_row(const std::string& path, const MemoryLimit& memory, Take&& take, Damaged&& damaged) {
  constexpr std::uint64_t kTexts = 3;  // as read, as kept, and what is gained while that grows
  std::error_code unknown;
  const std::uint64_t bytes = std::filesystem::file_size(path, unknown);
  if (!unknown) require_counted_memory(saturating_mul(kTexts, bytes), memory, path, "lines of the older log");
  const std::string text = read_text_file(path, kMaxLogBytes);
  if (text.empty()) return;
  if (!is_log(text)) throw Error(path, "exists and is not a training log: give --log another name");
  take_rows(text, take, damaged);
}

// The head, and the rows of an older log that a resumed run keeps.
std::string first_lines(const std::string& path, std::optional<std::uint64_t> resumed_step,
                        const MemoryLimit& memory) {
  std::string lines(kHead);
  const Destination to = Destination::of(path);
  if (!resumed_step || to.kind != Destination::Kind::file || !std::filesystem::exists(to.path)) return lines;
  const auto keep = [&](const OldRow& row) {
    if (row.point.step <= *resumed_step) lines += row.text;
  };
  for_each_row(path, memory, keep, [](std::uint64_t /*line*/) {});
  return lines;
}

}  // namespace

std::optional<LogRows> find_log_rows(const std::string& path, bool any, const MemoryLimit& memory) {
  if (path.empty()) return std::nullopt;
  const Destination to = Destination::of(path);
  if (to.kind != Destination::Kind::file || !std::filesystem::exists(to.path)) return std::nullopt;
  LogRows found;
  const auto take = [&](const OldRow& row) {
    ++found.rows;
    found.last_step = row.point.step;
    found.last_epoch = row.point.epoch;
  };
  const auto damaged = [&](std::uint64_t line) {
    if (found.damaged++ == 0) found.first_damaged = line;
  };
  try {
    for_each_row(path, memory, take, damaged);
  } catch (const Error&) {
    if (!any) throw;
  }
  return found.rows + found.damaged > 0 ? std::optional(found) : std::nullopt;
}

LogPoints read_log(const std::string& path, const MemoryLimit& memory) {
  LogPoints log;
  constexpr std::uint64_t kTexts = 2;  // as read, and as text
  const std::string place = display_name(path);
  const std::string text = read_text_file(path, std::min(kMaxLogBytes, memory.bytes / kTexts));
  if (text.empty()) throw Error(place, "is empty");
  if (!is_log(text)) throw Error(place, why_no_log(text));
  // Points grow by doubling.
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  require_memory(saturating_add(kTexts * text.size(), 3 * sizeof(LogPoint) * lines), memory, place,
                 "its lines");
  take_rows(
      text, [&](const OldRow& row) { log.points.push_back(row.point); },
      [&](std::uint64_t line) {
        if (log.damaged_count++ < kMaxDamagedLines) log.damaged.push_back(line);
      });
  return log;
}

TrainingLog::TrainingLog(const std::string& path, std::optional<std::uint64_t> resumed_step,
                         const MemoryLimit& memory)
    : name_(path), file_(path, first_lines(path, resumed_step, memory)) {}

void TrainingLog::add(const LogRow& row) {
  const double rate = row.seconds > 0 ? static_cast<double>(row.totals.images) / row.seconds : 0.0;
  const std::string line =
      format("%llu\t%.6g\t%.*s\t%llu\t%.6f\t%.6f\t%.6f\t%.6g\t%.1f\n",
             static_cast<unsigned long long>(row.step), row.epoch, static_cast<int>(row.set.size()),
             row.set.data(), static_cast<unsigned long long>(row.totals.images), row.totals.loss(),
             row.totals.top1_error(), row.totals.top5_error(), row.learning_rate, rate);
  file_.add(line);
}

}  // namespace convoy
