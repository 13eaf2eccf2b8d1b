#include "lib/shards/shuffle.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "formats/dataset_info.h"
#include "lib/base/error.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

// Rounded fractions such as 0.333333 may miss 1 by this much.
constexpr double kFractionSlack = 1e-5;

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name.find('%') == std::string::npos;
}

// The records of one class.
struct ClassRun {
  std::uint64_t begin = 0;  // in ClassOrder::records
  std::uint64_t end = 0;
};
struct ClassOrder {
  std::vector<std::uint64_t> records;  // class after class, each in the order drawn
  std::vector<ClassRun> classes;       // by label
};

ClassOrder order_by_class(std::span<const std::uint64_t> drawn, std::span<const std::int32_t> labels) {
  ClassOrder order{.records = {drawn.begin(), drawn.end()}, .classes = {}};
  std::stable_sort(order.records.begin(), order.records.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return labels[a] < labels[b]; });
  for (std::uint64_t at = 0; at < order.records.size(); ++at) {
    if (at == 0 || labels[order.records[at]] != labels[order.records[at - 1]]) {
      order.classes.push_back({at, at});
    }
    order.classes.back().end = at + 1;
  }
  return order;
}

// The part of each record.
std::vector<std::uint32_t> parts_by_class(const ClassOrder& order, std::uint64_t count,
                                          std::span<const SplitPart> parts) {
  std::vector<std::uint32_t> part_of(count);
  std::vector<double> lack(parts.size());
  std::vector<ClassRun> classes = order.classes;
  // Large classes last: they make good what rounding did to the others.
  std::stable_sort(classes.begin(), classes.end(),
                   [](const ClassRun& a, const ClassRun& b) { return a.end - a.begin < b.end - b.begin; });
  for (const ClassRun& run : classes) {
    const std::vector<std::uint64_t> shares = share_class(run.end - run.begin, parts, lack);
    std::uint64_t at = run.begin;
    for (std::uint32_t part = 0; part < shares.size(); ++part) {
      for (const std::uint64_t end = at + shares[part]; at < end; ++at) part_of[order.records[at]] = part;
    }
  }
  return part_of;
}

std::vector<std::uint32_t> parts_by_record(std::span<const std::uint64_t> drawn,
                                           std::span<const SplitPart> parts) {
  std::vector<std::uint32_t> part_of(drawn.size());
  double sum = 0;
  std::uint64_t position = 0;
  for (std::uint32_t part = 0; part < parts.size(); ++part) {
    sum += parts[part].fraction;
    const auto rounded = static_cast<std::uint64_t>(std::round(sum * static_cast<double>(drawn.size())));
    const std::uint64_t end =
        part + 1 == parts.size() ? drawn.size() : std::min<std::uint64_t>(rounded, drawn.size());
    for (; position < end; ++position) part_of[drawn[position]] = part;
  }
  return part_of;
}

std::vector<MissingClasses> missing_classes(const ClassOrder& order, std::span<const std::int32_t> labels,
                                            std::span<const std::uint32_t> part_of,
                                            std::span<const SplitPart> parts) {
  std::vector<MissingClasses> missing(parts.size());
  std::vector<std::uint64_t> last_class(
      parts.size());  // the last class of which the part has a record, from 1
  for (std::uint64_t c = 0; c < order.classes.size(); ++c) {
    const ClassRun& run = order.classes[c];
    const std::int32_t label = labels[order.records[run.begin]];
    if (label == kNoLabel) continue;
    for (std::uint64_t at = run.begin; at < run.end; ++at) last_class[part_of[order.records[at]]] = c + 1;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      if (last_class[part] == c + 1 || parts[part].fraction == 0) continue;
      MissingClasses& of = missing[part];
      if (++of.count <= MissingClasses::kNamed) of.first.push_back(label);
    }
  }
  return missing;
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
    if (parts.size() == kMaxSplitParts) {
      throw UsageError("--split", "more than " + std::to_string(kMaxSplitParts) + " parts");
    }
    parts.push_back({name, parse_real(part.substr(colon + 1), "--split", 0.0, 1.0)});
    sum += parts.back().fraction;
    begin = end + 1;
  }
  if (std::abs(sum - 1.0) > kFractionSlack) throw UsageError("--split", "the fractions do not sum to 1");
  return parts;
}

SplitBy parse_split_by(const std::string& text) {
  if (text == "class") return SplitBy::by_class;
  if (text == "record") return SplitBy::by_record;
  throw UsageError("--split-by", "'" + text + "' is not class or record");
}

std::vector<std::uint64_t> share_class(std::uint64_t count, std::span<const SplitPart> parts,
                                       std::span<double> lack) {
  constexpr double kRounding = 1e-9;  // 0.29 * 100 is a little below 29
  double sum = 0;
  for (const SplitPart& part : parts) sum += part.fraction;
  std::vector<std::uint64_t> shares;
  std::vector<std::size_t> candidates;
  std::uint64_t left = count;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const double exact = static_cast<double>(count) * (parts[k].fraction / sum);
    shares.push_back(std::min(static_cast<std::uint64_t>(std::floor(exact + kRounding)), left));
    left -= shares[k];
    const double rest = exact - static_cast<double>(shares[k]);
    lack[k] += rest;
    if (rest > kRounding) candidates.push_back(k);  // more of them than records left: each rest is below 1
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
    const bool a_has = shares[a] > 0;
    const bool b_has = shares[b] > 0;
    if (a_has != b_has) return b_has;
    if (!a_has && parts[a].fraction != parts[b].fraction) return parts[a].fraction > parts[b].fraction;
    return lack[a] > lack[b] + kRounding;
  });
  for (const std::size_t k : candidates) {
    if (left == 0) break;
    ++shares[k];
    lack[k] -= 1;
    --left;
  }
  shares.back() += left;  // 0 but for the rounding of very large numbers
  return shares;
}

Arrangement arrange(std::span<const std::int32_t> labels, std::uint64_t seed, bool shuffle,
                    std::span<const SplitPart> parts, SplitBy by) {
  const std::uint64_t count = labels.size();
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
  const std::vector<std::uint64_t> drawn = keyed_order(count, seed, Purpose::split);
  const ClassOrder classes = order_by_class(drawn, labels);
  const std::vector<std::uint32_t> part_of =
      by == SplitBy::by_class ? parts_by_class(classes, count, parts) : parts_by_record(drawn, parts);
  result.part_ends.resize(parts.size());
  for (const std::uint32_t part : part_of) ++result.part_ends[part];
  std::partial_sum(result.part_ends.begin(), result.part_ends.end(), result.part_ends.begin());
  std::stable_sort(result.order.begin(), result.order.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return part_of[a] < part_of[b]; });
  result.missing = missing_classes(classes, labels, part_of, parts);
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
