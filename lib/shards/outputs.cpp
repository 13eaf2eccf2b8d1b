#include "lib/shards/outputs.h"

#include <charconv>
#include <exception>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/new_file.h"
#include "lib/base/signals.h"

namespace convoy {
namespace {

constexpr std::size_t kMaxDigits = 19;

}  // namespace

OutputPattern::OutputPattern(const std::string& text, bool several, bool parts) {
  if (!several && !parts) {
    pieces_.push_back({Piece::Kind::text, text, 0});
    return;
  }
  if (text == kStdStreamName) throw UsageError("several outputs need -o with a pattern such as x-%05d.shard");
  bool has_number = false;
  bool has_part = false;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const std::size_t end = text.find_first_not_of("0123456789", i + 1);
    const std::string digits = text.substr(i + 1, std::min(end, text.size()) - i - 1);
    const char kind = end == std::string::npos ? '\0' : text[end];
    std::size_t width = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), width);
    const bool number = kind == 'd' && width <= kMaxDigits && digits.size() <= 3 &&
                        (digits.empty() || (digits[0] == '0' && width > 0));
    const bool part = kind == 's' && digits.empty();
    if (kind == '%' && digits.empty()) {
      plain += '%';
    } else if (number || part) {
      pieces_.push_back({Piece::Kind::text, std::exchange(plain, {}), 0});
      pieces_.push_back({number ? Piece::Kind::number : Piece::Kind::part, {}, width});
      has_number = has_number || number;
      has_part = has_part || part;
    } else {
      throw UsageError("--output", "'" + text + "': only %d, %05d and the like, %s and %% have a meaning");
    }
    i = end;
  }
  pieces_.push_back({Piece::Kind::text, plain, 0});
  if (several && !has_number) {
    throw UsageError("--output", "'" + text + "' lacks %d or %05d for the shard's number");
  }
  if (parts && !has_part) throw UsageError("--output", "'" + text + "' lacks %s for the name of the part");
  if (has_number && !several) throw UsageError("--output", "%d needs --shards or --per-shard");
  if (has_part && !parts) throw UsageError("--output", "%s needs --split");
}

std::string OutputPattern::name(std::string_view part, std::uint64_t number) const {
  std::string name;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Piece::Kind::text) name += piece.text;
    if (piece.kind == Piece::Kind::part) name += part;
    if (piece.kind == Piece::Kind::number) {
      const std::string digits = std::to_string(number);
      if (digits.size() < piece.digits) name.append(piece.digits - digits.size(), '0');
      name += digits;
    }
  }
  return name;
}

OutputSeries::OutputSeries(DatasetInfo info, Naming naming,
                           std::function<std::optional<OutputRange>(std::uint64_t)> range_at)
    : info_(std::move(info)), naming_(naming), range_at_(std::move(range_at)) {
  if (const auto first = range_at_(0)) lock_ = OutputLock(first->path);
  open_next();
}

bool OutputSeries::open_next() {
  const auto range = range_at_(next_);
  if (!range) return false;
  open_ = std::make_unique<Open>(range->path, info_);
  end_ = range->end;
  replaces_input_ = range->replaces_input;
  ++next_;
  return true;
}

void OutputSeries::close() {
  open_->writer.finish();
  if (naming_ == Naming::at_once && !replaces_input_) {
    open_->file.commit();
  } else {
    open_->file.seal();
    unnamed_.push_back(std::move(open_->file));
  }
  open_.reset();
}

void OutputSeries::add(std::uint64_t position, std::int32_t label, std::string_view name,
                       std::span<const std::uint8_t> payload, std::optional<std::uint64_t> checksum) {
  while (position >= end_) {
    if (open_) close();
    if (!open_next()) throw Error("more records than were planned");
  }
  if (checksum) {
    open_->writer.add(label, name, payload, *checksum);
  } else {
    open_->writer.add(label, name, payload);
  }
  ++records_;
}

void OutputSeries::finish(bool all) {
  if (open_) close();
  while (all && open_next()) close();
  if (unnamed_.empty()) return;
  const SignalWatch signals;  // one signal does not come between the names
  std::exception_ptr not_on_disk;
  for (OutputFile& output : unnamed_) {
    try {
      output.commit();
    } catch (const NotOnDiskError&) {
      not_on_disk = std::current_exception();  // its name is there, and so shall be the others
    }
  }
  if (not_on_disk) std::rethrow_exception(not_on_disk);
}

}  // namespace convoy
