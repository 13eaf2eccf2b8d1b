#include "lib/shards/pack.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "formats/jpeg.h"
#include "lib/base/checked.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/own_files.h"
#include "lib/base/parallel.h"
#include "lib/shards/dataset.h"
#include "lib/shards/outputs.h"

namespace convoy {
namespace {

// A record on its way to an output. `payload` is valid as long as the data set or `owner`.
struct Item {
  std::uint64_t position = 0;  // among all outputs
  std::uint64_t index = 0;     // in its input, or in the data set
  std::int32_t label = kNoLabel;
  std::string name;
  std::span<const std::uint8_t> payload;
  std::shared_ptr<const std::vector<std::uint8_t>> owner;
  std::uint64_t checksum = 0;
  std::uint64_t offset = 0;  // of the payload in its file
  bool checked = false;      // whether the checksum has been compared
  Codec codec = Codec::raw;
  const std::string* input = nullptr;  // of a stream
  std::vector<Damage> damage;          // found before it in a stream
};

struct Packed {
  Item item;
  std::optional<std::vector<std::uint8_t>> transcoded;  // instead of item.payload
  std::optional<Damage> damage;                         // instead of a payload
};

std::uint64_t records_in(const std::vector<OutputRange>& ranges) {
  std::uint64_t records = 0;
  for (const OutputRange& range : ranges) records += range.end - range.begin;
  return records;
}

// The records of several inputs as they arrive, one input after another. Damage is collected and not
// reported, since next() may be called on any thread.
class StreamOfShards {
 public:
  StreamOfShards(const std::vector<std::string>& inputs, CompareCodec codec, const MemoryLimit& memory)
      : inputs_(inputs), compare_codec_(codec), memory_(memory) {
    open_next();
    info_ = reader_->info();
  }
  [[nodiscard]] const DatasetInfo& info() const { return info_; }  // of the first input
  [[nodiscard]] std::optional<Item> next();
  // The damage that no item carries yet.
  [[nodiscard]] std::vector<Damage> take_damage() { return std::exchange(damage_, {}); }

 private:
  void open_next() {
    reader_.reset();
    file_ = std::make_unique<InputFile>(inputs_[opened_++]);
    reader_ = std::make_unique<ShardReader>(
        *file_, [this](const Damage& damage) { damage_.push_back(damage); }, memory_);
    names_.push_back(file_->name());
  }

  const std::vector<std::string>& inputs_;
  CompareCodec compare_codec_;
  const MemoryLimit& memory_;
  std::size_t opened_ = 0;
  std::unique_ptr<InputFile> file_;
  std::unique_ptr<ShardReader> reader_;
  DatasetInfo info_;
  std::deque<std::string> names_;  // items point to them
  std::vector<Damage> damage_;
  std::uint64_t position_ = 0;
};

std::optional<Item> StreamOfShards::next() {
  while (true) {
    if (const auto record = reader_->next_view()) {
      auto owner =
          std::make_shared<std::vector<std::uint8_t>>(record->payload.begin(), record->payload.end());
      Item item;
      item.position = position_++;
      item.index = reader_->index();
      item.label = record->label;
      item.name = record->name;
      item.payload = *owner;
      item.owner = std::move(owner);
      item.checksum = record->checksum;
      item.checked = true;
      item.codec = reader_->info().codec;
      item.input = &names_.back();
      item.damage = take_damage();
      return item;
    }
    if (opened_ == inputs_.size()) return std::nullopt;
    open_next();
    const std::string difference = describe_difference(reader_->info(), info_, compare_codec_);
    if (!difference.empty()) {
      throw Error(names_.back(), "does not go with " + names_.front() + ": " + difference);
    }
  }
}

class Packer {
 public:
  Packer(const PackOptions& options, Rejects& rejects, Console& console)
      : options_(options),
        rejects_(rejects),
        console_(console),
        pattern_(options.output, options.shards > 0 || options.per_shard > 0, !options.split.empty()) {
    for (const std::string& input : options.inputs) {
      if (const auto file = regular_file(input)) input_files_.insert(*file);
    }
  }

  PackResult run() {
    if (options_.shuffle || options_.shards > 0 || !options_.split.empty() || options_.part) {
      run_planned();
    } else {
      run_streaming();
    }
    return result_;
  }

 private:
  void run_planned();
  void run_streaming();
  [[nodiscard]] OutputRange output(std::string_view part, std::uint64_t number, std::uint64_t begin,
                                   std::uint64_t end) const;
  [[nodiscard]] std::vector<OutputRange> plan(const Arrangement& arrangement) const;
  [[nodiscard]] std::uint64_t payload_bytes(const Arrangement& arrangement,
                                            const std::vector<OutputRange>& ranges) const;
  [[nodiscard]] std::unique_ptr<PayloadSpill> spill(const Arrangement& arrangement,
                                                    const std::vector<OutputRange>& ranges);
  [[nodiscard]] Item item_at(std::uint64_t position, std::uint64_t index) const;
  void warn_of_missing(const Arrangement& arrangement);
  [[nodiscard]] Codec output_codec(const Dataset& data) const;
  [[nodiscard]] std::string place_of(const Item& item) const;
  [[nodiscard]] Packed work(Item&& item) const;
  [[nodiscard]] OutputSeries::Naming naming() const {
    return rejects_.may_end_run() ? OutputSeries::Naming::at_end : OutputSeries::Naming::at_once;
  }
  template <typename Produce>
  void convey(Produce&& produce, OutputSeries& outputs, std::uint64_t total, bool transcoding);
  void finish(OutputSeries& outputs, bool all);

  const PackOptions& options_;
  Rejects& rejects_;
  Console& console_;
  OutputPattern pattern_;
  std::set<FileIdentity> input_files_;
  DatasetInfo info_;  // of the outputs
  std::optional<Dataset> data_;
  PackResult result_;
};

std::string Packer::place_of(const Item& item) const {
  if (item.input == nullptr) return data_->place(item.index);
  return record_place(*item.input, item.index, item.name);
}

// Runs on any thread.
Packed Packer::work(Item&& item) const {
  Packed packed;
  packed.item = std::move(item);
  const Item& record = packed.item;
  RecordView view;
  view.payload = record.payload;
  view.checksum = record.checksum;
  if (!record.checked && !view.intact()) {
    packed.damage = {
        .place = place_of(record), .offset = record.offset, .reason = std::string(kPayloadDamaged)};
    return packed;
  }
  if (record.codec == info_.codec) return packed;
  try {
    if (info_.codec == Codec::raw) {
      packed.transcoded = decode_payload(info_, record.payload, place_of(record));
    } else {
      packed.transcoded = encode_jpeg(
          Image{info_.width, info_.height, info_.channels, {record.payload.begin(), record.payload.end()}},
          options_.quality);
    }
  } catch (const Error& error) {
    packed.damage = damage_of(error, place_of(record));
  }
  return packed;
}

template <typename Produce>
void Packer::convey(Produce&& produce, OutputSeries& outputs, std::uint64_t total, bool transcoding) {
  Progress progress(console_, total, "records");
  std::uint64_t done = 0;
  ordered_parallel_map(
      transcoding ? threads_that_fit(options_.threads, 0, transcoding_bytes(info_), options_.limit,
                                     options_.inputs.front(), "records that are transcoded")
                  : 1,
      produce, [&](Item&& item) { return work(std::move(item)); },
      [&](Packed&& packed) {
        const Item& item = packed.item;
        for (const Damage& damage : item.damage) rejects_.add(damage);
        if (packed.damage) {
          rejects_.add(*packed.damage);
        } else if (packed.transcoded) {
          outputs.add(item.position, item.label, item.name, *packed.transcoded, std::nullopt);
        } else {
          outputs.add(item.position, item.label, item.name, item.payload, item.checksum);
        }
        progress.update(++done, rejects_.summary());
      });
  progress.finish();
}

// all: whether the outputs that would follow are written too, without records.
void Packer::finish(OutputSeries& outputs, bool all) {
  rejects_.conclude(outputs.records(), "record");
  outputs.finish(all);
  result_.records = outputs.records();
  result_.outputs = outputs.outputs();
}

Codec Packer::output_codec(const Dataset& data) const {
  if (options_.codec) return *options_.codec;
  std::optional<Codec> common;
  for (const ShardFile& shard : data.shards()) {
    if (common && *common != shard.info().codec) {
      throw Error(shard.name(), "codec " + std::string(codec_name(shard.info().codec)) + ", where " +
                                    data.shards().front().name() +
                                    " has another: choose one with --codec=raw or --codec=jpeg");
    }
    common = shard.info().codec;
  }
  return *common;
}

// Throws what PackOptions::check_output throws.
OutputRange Packer::output(std::string_view part, std::uint64_t number, std::uint64_t begin,
                           std::uint64_t end) const {
  std::string path = pattern_.name(part, number);
  options_.check_output(path);
  const auto file = path == kStdStreamName ? std::nullopt : regular_file(path);
  const bool replaces = file && input_files_.contains(*file);
  if (replaces && options_.part) throw_is_input({"--output", path});
  return {.path = std::move(path), .begin = begin, .end = end, .replaces_input = replaces};
}

// The outputs of each part: either of equal size (the first ones have one record more), or of per_shard
// records (the last one has fewer). Of these, those of options_.part; or, if there is one for each part of a
// split, options_.part of its records.
std::vector<OutputRange> Packer::plan(const Arrangement& arrangement) const {
  std::vector<OutputRange> ranges;
  std::uint64_t begin = 0;
  for (std::size_t part = 0; part < arrangement.part_ends.size(); ++part) {
    const std::string name = options_.split.empty() ? "" : options_.split[part].name;
    const std::uint64_t end = arrangement.part_ends[part];
    const std::uint64_t count = end - begin;
    std::uint64_t outputs = std::max<std::uint64_t>(options_.shards, 1);
    if (options_.per_shard > 0) {
      outputs = std::max<std::uint64_t>(count / options_.per_shard + (count % options_.per_shard != 0), 1);
    }
    const bool numbered = options_.shards > 0 || options_.per_shard > 0;
    Part::Range chosen{.begin = 0, .end = outputs};
    if (options_.part && numbered) chosen = options_.part->of(outputs);
    for (std::uint64_t k = chosen.begin; k < chosen.end; ++k) {
      Part::Range range = Part{.number = k + 1, .count = outputs}.of(count);
      if (options_.per_shard > 0) {
        range.begin = k * options_.per_shard;
        range.end = count - range.begin > options_.per_shard ? range.begin + options_.per_shard : count;
      }
      if (options_.part && !numbered) range = options_.part->of(count);
      ranges.push_back(output(name, k, begin + range.begin, begin + range.end));
    }
    begin = end;
  }
  return ranges;
}

// Of the records that are written.
std::uint64_t Packer::payload_bytes(const Arrangement& arrangement,
                                    const std::vector<OutputRange>& ranges) const {
  std::uint64_t bytes = 0;
  if (!options_.part) {  // all, in the order in which they lie
    for (std::uint64_t i = 0; i < data_->size(); ++i) bytes += data_->record(i).payload.size();
    return bytes;
  }
  for (const OutputRange& range : ranges) {
    for (std::uint64_t position = range.begin; position < range.end; ++position) {
      bytes += data_->record(arrangement.order[position]).payload.size();
    }
  }
  return bytes;
}

// The payloads that are written, in the order of the arrangement, if they exceed the memory. Otherwise
// nothing: they are then read in place.
std::unique_ptr<PayloadSpill> Packer::spill(const Arrangement& arrangement,
                                            const std::vector<OutputRange>& ranges) {
  const Dataset& data = *data_;
  const std::uint64_t bytes = payload_bytes(arrangement, ranges);
  if (bytes <= options_.memory) return nullptr;
  console_.detail("shuffling " + format_bytes(bytes) + " through a temporary file");
  constexpr std::uint64_t kNotWritten = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> ranks(data.size(), kNotWritten);
  std::vector<std::uint64_t> lengths;
  lengths.reserve(records_in(ranges));
  for (const OutputRange& range : ranges) {
    for (std::uint64_t position = range.begin; position < range.end; ++position) {
      ranks[arrangement.order[position]] = lengths.size();
      lengths.push_back(data.record(arrangement.order[position]).payload.size());
    }
  }
  auto spill = std::make_unique<PayloadSpill>(lengths, options_.memory);
  for (std::uint64_t i = 0; i < data.size(); ++i) {
    if (ranks[i] == kNotWritten) continue;
    const RecordView record = data.record(i);
    if (record.intact()) {
      spill->put(ranks[i], record.payload);
    } else {
      rejects_.add({.place = data.place(i), .offset = record.offset, .reason = std::string(kPayloadDamaged)});
    }
  }
  return spill;
}

// Such as "val has no images of emu, gnu, owl and 5 more classes".
void Packer::warn_of_missing(const Arrangement& arrangement) {
  for (std::size_t part = 0; part < arrangement.missing.size(); ++part) {
    const MissingClasses& missing = arrangement.missing[part];
    if (missing.count == 0) continue;
    std::vector<std::string> names;
    for (const std::int32_t label : missing.first) {
      const auto known = static_cast<std::size_t>(label) < info_.classes.size();
      names.push_back(known ? info_.classes[static_cast<std::size_t>(label)].id : std::to_string(label));
    }
    console_.warn(options_.split[part].name + " has no images of " + first_of(names, missing.count));
  }
}

Item Packer::item_at(std::uint64_t position, std::uint64_t index) const {
  const RecordView record = data_->record(index);
  Item item;
  item.position = position;
  item.index = index;
  item.label = record.label;
  item.name = record.name;
  item.payload = record.payload;
  item.checksum = record.checksum;
  item.offset = record.offset;
  item.codec = data_->codec(index);
  return item;
}

void Packer::run_planned() {
  const Dataset& data = data_.emplace(options_.inputs, rejects_.on_damage(), options_.limit);
  if (options_.part) {
    rejects_.expect_part_of(data.size() + rejects_.count());
  } else {
    rejects_.expect(data.size() + rejects_.count());
  }
  info_ = data.info();
  info_.codec = output_codec(data);
  // Labels, their order, and with a temporary file ranks, lengths and places.
  constexpr std::uint64_t kBytesARecord = 64;
  require_memory(saturating_mul(data.size(), kBytesARecord), options_.limit, options_.inputs.front(),
                 "tables of " + count_of(data.size(), "record"));
  std::vector<std::int32_t> labels(data.size());
  for (std::uint64_t i = 0; i < data.size(); ++i) labels[i] = data.record(i).label;
  const Arrangement arrangement =
      arrange(labels, options_.seed, options_.shuffle, options_.split, options_.split_by);
  warn_of_missing(arrangement);
  const std::vector<OutputRange> ranges = plan(arrangement);
  OutputSeries outputs(info_, naming(), [&](std::uint64_t k) {
    return k < ranges.size() ? std::optional(ranges[k]) : std::nullopt;
  });
  const bool reordered = options_.shuffle || !options_.split.empty();
  const auto spilled = reordered ? spill(arrangement, ranges) : nullptr;
  std::uint64_t rank = 0;  // among the records that are written
  auto range = ranges.begin();
  std::uint64_t next = ranges.empty() ? 0 : range->begin;
  const auto produce = [&]() -> std::optional<Item> {
    while (range != ranges.end()) {
      if (next == range->end) {
        if (++range != ranges.end()) next = range->begin;
        continue;
      }
      Item item = item_at(next, arrangement.order[next]);
      ++next;
      if (!spilled) return item;
      PayloadSpill::Payload payload = spilled->get(rank++);
      if (payload.owner == nullptr) continue;  // damaged, which has been reported
      item.payload = payload.bytes;
      item.owner = std::move(payload.owner);
      item.checked = true;
      return item;
    }
    return std::nullopt;
  };
  const auto shard_differs = [&](const ShardFile& shard) { return shard.info().codec != info_.codec; };
  const bool transcoding = std::any_of(data.shards().begin(), data.shards().end(), shard_differs);
  convey(produce, outputs, records_in(ranges), transcoding);
  finish(outputs, true);
}

void Packer::run_streaming() {
  StreamOfShards stream(options_.inputs, options_.codec ? CompareCodec::no : CompareCodec::yes,
                        options_.limit);
  info_ = stream.info();
  info_.codec = options_.codec.value_or(info_.codec);
  OutputSeries outputs(info_, naming(), [&](std::uint64_t k) -> std::optional<OutputRange> {
    constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t begin = saturating_mul(k, options_.per_shard);
    return output({}, k, begin, options_.per_shard == 0 ? kAll : saturating_add(begin, options_.per_shard));
  });
  convey([&] { return stream.next(); }, outputs, 0, options_.codec.has_value());
  for (const Damage& damage : stream.take_damage()) rejects_.add(damage);
  finish(outputs, false);
}

}  // namespace

std::uint64_t transcoding_bytes(const DatasetInfo& info) {
  constexpr std::uint64_t kForms = 2;
  constexpr std::uint64_t kCodec = 8;  // of the larger one, JPEG's, with coefficients
  return ((kAheadOfUse + 1) * kForms + kCodec) * image_bytes(info);
}

PackResult pack(const PackOptions& options, Rejects& rejects, Console& console) {
  return Packer(options, rejects, console).run();
}

}  // namespace convoy
