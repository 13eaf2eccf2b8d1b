#include "lib/runs/training_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::string_view kHead =
    "step\tepoch\tset\timages\tloss\ttop1_error\ttop5_error\tlearning_rate\timages_per_second\n";
constexpr std::uint64_t kMaxLogBytes = std::uint64_t{1} << 30;

// Calls take(row, step) for each whole row of an older log; the last line may have been cut off when the run
// was killed. Throws Error if the file is not a log.
template <typename Take>
void for_each_row(const std::string& path, Take&& take) {
  const std::string text = read_text_file(path, kMaxLogBytes);
  if (text.empty()) return;
  if (text.compare(0, kHead.size(), kHead) != 0) {
    throw Error(path, "exists and is not a training log: give --log another name");
  }
  std::size_t begin = kHead.size();
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    std::uint64_t step = 0;
    const auto [rest, failure] = std::from_chars(text.data() + begin, text.data() + end, step);
    if (failure == std::errc()) take(std::string_view(text).substr(begin, end + 1 - begin), step);
    begin = end + 1;
  }
}

// The rows of an older log that a run keeps if it is resumed after `step` steps.
std::string kept_rows(const std::string& path, std::uint64_t step) {
  std::string kept;
  for_each_row(path, [&](std::string_view row, std::uint64_t row_step) {
    if (row_step <= step) kept += row;
  });
  return kept;
}

}  // namespace

std::optional<LogRows> find_log_rows(const std::string& path, bool any) {
  if (path.empty()) return std::nullopt;
  const Destination to = Destination::of(path);
  if (to.kind != Destination::Kind::file || !std::filesystem::exists(to.path)) return std::nullopt;
  LogRows found;
  try {
    for_each_row(path, [&](std::string_view row, std::uint64_t step) {
      ++found.rows;
      found.last_step = step;
      const std::size_t tab = std::min(row.find('\t'), row.size() - 1) + 1;
      const std::string_view epoch = row.substr(tab, row.find('\t', tab) - tab);
      found.last_epoch = number_from<double>(epoch).value_or(0.0);
    });
  } catch (const Error&) {
    if (!any) throw;
  }
  return found.rows > 0 ? std::optional(found) : std::nullopt;
}

TrainingLog::TrainingLog(const std::string& path, std::optional<std::uint64_t> resumed_step) : name_(path) {
  const Destination to = Destination::of(path);
  if (to.kind != Destination::Kind::file) {
    stream_.emplace(path, OutputFile::Content::text);
    stream_->write(kHead);
    stream_->flush();
    return;
  }
  lock_ = OutputLock(to);
  const bool kept = resumed_step && std::filesystem::exists(to.path);
  const std::string rows = kept ? kept_rows(path, *resumed_step) : std::string();
  OutputFile start(path, OutputFile::Content::text);
  start.write(kHead);
  start.write(rows);
  start.commit();
  file_ = Fd(::open(to.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file_.valid()) throw_errno(name_, errno);
}

void TrainingLog::add(const LogRow& row) {
  const double rate = row.seconds > 0 ? static_cast<double>(row.totals.images) / row.seconds : 0.0;
  const std::string line =
      format("%llu\t%.6g\t%.*s\t%llu\t%.6f\t%.6f\t%.6f\t%.6g\t%.1f\n",
             static_cast<unsigned long long>(row.step), row.epoch, static_cast<int>(row.set.size()),
             row.set.data(), static_cast<unsigned long long>(row.totals.images), row.totals.loss(),
             row.totals.top1_error(), row.totals.top5_error(), row.learning_rate, rate);
  if (stream_) {
    stream_->write(line);
    stream_->flush();
    return;
  }
  write_all(file_.get(), as_bytes_of(line), name_);
}

}  // namespace convoy
