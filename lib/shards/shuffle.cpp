#include "lib/shards/shuffle.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

// Rounded fractions such as 0.333333 may miss 1 by this much.
constexpr double kFractionSlack = 1e-5;

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name.find('%') == std::string::npos;
}

}  // namespace

std::vector<std::uint64_t> keyed_order(std::uint64_t count, std::uint64_t seed, Purpose purpose) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> keyed;
  keyed.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    keyed.emplace_back(PhiloxStream{.seed = seed, .record = i, .purpose = purpose}.word64(0), i);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::uint64_t> order;
  order.reserve(count);
  for (const auto& [key, i] : keyed) order.push_back(i);
  return order;
}

std::vector<SplitPart> parse_split(const std::string& text) {
  std::vector<SplitPart> parts;
  std::set<std::string> names;
  double sum = 0;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t colon = part.find(':');
    if (colon == std::string::npos) {
      throw UsageError("--split", "'" + part + "' is not NAME:FRACTION");
    }
    const std::string name = part.substr(0, colon);
    if (!is_plain_name(name)) throw UsageError("--split", "'" + name + "' is no name for a file");
    if (!names.insert(name).second) throw UsageError("--split", "'" + name + "' occurs twice");
    parts.push_back({name, parse_real(part.substr(colon + 1), "--split", 0.0, 1.0)});
    sum += parts.back().fraction;
    begin = end + 1;
  }
  if (std::abs(sum - 1.0) > kFractionSlack) throw UsageError("--split", "the fractions do not sum to 1");
  return parts;
}

Arrangement arrange(std::uint64_t count, std::uint64_t seed, bool shuffle, std::span<const SplitPart> parts) {
  Arrangement result;
  if (shuffle) {
    result.order = keyed_order(count, seed, Purpose::shuffle);
  } else {
    result.order.resize(count);
    std::iota(result.order.begin(), result.order.end(), std::uint64_t{0});
  }
  if (parts.empty()) {
    result.part_ends = {count};
    return result;
  }
  double sum = 0;
  for (const SplitPart& part : parts) {
    sum += part.fraction;
    const double end = std::round(sum * static_cast<double>(count));
    result.part_ends.push_back(std::min(static_cast<std::uint64_t>(end), count));
  }
  result.part_ends.back() = count;
  const std::vector<std::uint64_t> drawn = keyed_order(count, seed, Purpose::split);
  std::vector<std::uint32_t> part_of(count);
  std::uint64_t position = 0;
  for (std::uint32_t part = 0; part < parts.size(); ++part) {
    for (; position < result.part_ends[part]; ++position) part_of[drawn[position]] = part;
  }
  std::stable_sort(result.order.begin(), result.order.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return part_of[a] < part_of[b]; });
  return result;
}

// A quarter of the memory is for buffers while writing. While reading, one stretch is still in use further on
// while the next one is read.
PayloadSpill::PayloadSpill(std::span<const std::uint64_t> lengths, std::uint64_t memory)
    : file_("temporary file of the shuffle"), places_(lengths.size()), lengths_(lengths.size()) {
  const std::uint64_t stretch_bytes = memory / 4;
  std::uint64_t offset = 0;
  std::uint64_t filled = 0;
  for (std::uint64_t rank = 0; rank < lengths.size(); ++rank) {
    if (stretches_.empty() || (filled > 0 && filled + lengths[rank] > stretch_bytes)) {
      stretches_.push_back({rank, offset, 0, {}});
      filled = 0;
    }
    stretches_.back().end_rank = rank + 1;
    filled += lengths[rank];
    offset += lengths[rank];
  }
  if (!stretches_.empty()) buffer_bytes_ = memory / 4 / stretches_.size();
}

PayloadSpill::Stretch& PayloadSpill::stretch_of(std::uint64_t rank) {
  return *std::upper_bound(stretches_.begin(), stretches_.end(), rank,
                           [](std::uint64_t r, const Stretch& stretch) { return r < stretch.end_rank; });
}

void PayloadSpill::put(std::uint64_t rank, std::span<const std::uint8_t> payload) {
  Stretch& stretch = stretch_of(rank);
  places_[rank] = stretch.written + stretch.buffer.size();
  lengths_[rank] = payload.size();
  stretch.buffer.insert(stretch.buffer.end(), payload.begin(), payload.end());
  if (stretch.buffer.size() >= buffer_bytes_) flush(stretch);
}

void PayloadSpill::flush(Stretch& stretch) {
  file_.write_at(stretch.begin + stretch.written, std::as_bytes(std::span(stretch.buffer)));
  stretch.written += stretch.buffer.size();
  stretch.buffer.clear();
}

void PayloadSpill::load(Stretch& stretch) {
  flush(stretch);
  stretch.buffer.shrink_to_fit();
  auto bytes = std::make_shared<std::vector<std::uint8_t>>(stretch.written);
  file_.read_at(stretch.begin, std::as_writable_bytes(std::span(*bytes)));
  bytes_ = std::move(bytes);
  loaded_ = &stretch;
}

PayloadSpill::Payload PayloadSpill::get(std::uint64_t rank) {
  if (lengths_[rank] == 0) return {};
  Stretch& stretch = stretch_of(rank);
  if (&stretch != loaded_) load(stretch);
  return {std::span(*bytes_).subspan(places_[rank], lengths_[rank]), bytes_};
}

}  // namespace convoy
