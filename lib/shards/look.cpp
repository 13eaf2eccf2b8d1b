#include "lib/shards/look.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "formats/shard.h"
#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

// What is known after all of a shard has been read.
struct Seen {
  std::string file;
  DatasetInfo info;
  std::uint64_t records = 0;
};

using EachRecord = std::function<void(const DatasetInfo& info, const std::string& file, std::uint64_t index,
                                      const RecordView& record)>;

// Calls `each` for every record of a shard in order. A file is mapped, a pipe is read as it arrives.
Seen for_each_record(const std::string& path, const DamageHandler& on_damage, LookProgress& progress,
                     const EachRecord& each) {
  Seen seen;
  InputFile in(path);
  seen.file = in.name();
  if (in.is_regular() && in.position() == 0) {
    const ShardFile shard(path, on_damage, {}, progress.memory());
    seen.info = shard.info();
    seen.records = shard.size();
    for (std::uint64_t i = 0; i < seen.records; ++i) {
      const RecordView record = shard.record(i);
      each(seen.info, seen.file, i, record);
      progress.at(record.offset + record.payload.size());
    }
    return seen;
  }
  ShardReader reader(in, on_damage, progress.memory());
  seen.info = reader.info();
  while (const auto record = reader.next_view()) {
    each(seen.info, seen.file, reader.index(), *record);
    ++seen.records;
    progress.at(in.position());
  }
  return seen;
}

std::string hexadecimal(std::uint64_t value) {
  return format("%016llx", static_cast<unsigned long long>(value));
}

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * kKiB;

// The size of each input in bytes; nothing if one is not a regular file.
std::vector<std::uint64_t> sizes_of(const std::vector<std::string>& inputs) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& input : inputs) {
    std::error_code failure;
    if (!std::filesystem::is_regular_file(input, failure)) return {};
    sizes.push_back(std::filesystem::file_size(input, failure));
    if (failure) return {};
  }
  return sizes;
}

}  // namespace

LookProgress::LookProgress(const std::vector<std::string>& inputs, const std::string& output,
                           Console& console, const MemoryLimit& memory)
    : memory_(memory),
      sizes_(sizes_of(inputs)),
      unit_(total() > 0 && total() < 16 * kMiB ? kKiB : kMiB),
      progress_(console, total() / unit_, unit_ == kKiB ? "KiB" : "MiB") {
  if (shows_lines(output)) progress_.hide();
}

std::uint64_t LookProgress::total() const {
  return std::accumulate(sizes_.begin(), sizes_.end(), std::uint64_t{0});
}

void LookProgress::at(std::uint64_t bytes) {
  here_ = bytes;
  progress_.update((before_ + here_) / unit_);
}

// There are bytes after the last record, and an input that cannot be read has no records at all.
void LookProgress::next_input() {
  if (!sizes_.empty()) here_ = sizes_[input_++];
  at(here_);
  before_ += std::exchange(here_, 0);
}

std::uint64_t list_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage,
                         LookProgress& progress) {
  const Seen seen = for_each_record(
      path, on_damage, progress,
      [&](const DatasetInfo& info, const std::string& file, std::uint64_t index, const RecordView& record) {
        const bool labelled = record.label >= 0;
        const std::string id = labelled ? info.classes[static_cast<std::size_t>(record.label)].id : "-";
        out.write(std::to_string(index) + "\t" + std::to_string(record.label) + "\t" + tsv_field(id) + "\t" +
                  tsv_field(record.name) + "\t" + std::to_string(record.offset) + "\t" +
                  std::to_string(record.payload.size()) + "\t" + hexadecimal(record.checksum) + "\t" +
                  tsv_field(file) + "\n");
      });
  return seen.records;
}

std::uint64_t describe_shard(const std::string& path, InfoForm form, OutputFile& out,
                             const DamageHandler& on_damage, LookProgress& progress) {
  std::vector<std::uint64_t> of_class;
  std::uint64_t unlabelled = 0;
  std::uint64_t bytes = 0;
  const Seen seen = for_each_record(
      path, on_damage, progress,
      [&](const DatasetInfo& info, const std::string&, std::uint64_t, const RecordView& record) {
        of_class.resize(info.classes.size());
        if (record.label >= 0) {
          ++of_class[static_cast<std::size_t>(record.label)];
        } else {
          ++unlabelled;
        }
        bytes += record.payload.size();
      });
  const DatasetInfo& info = seen.info;
  of_class.resize(info.classes.size());
  if (form == InfoForm::json) {
    nlohmann::json value = to_json(info);
    // A file's name may be any bytes; JSON is UTF-8.
    value["file"] = seen.file;
    value["records"] = seen.records;
    value["unlabelled"] = unlabelled;
    value["payload_bytes"] = bytes;
    for (std::size_t i = 0; i < of_class.size(); ++i) value["classes"][i]["records"] = of_class[i];
    out.write(json_text(value) + "\n");
    return seen.records;
  }
  const auto line = [&](const char* key, const std::string& text) {
    out.write(std::string(key) + "\t" + tsv_field(text) + "\n");
  };
  line("file", seen.file);
  line("records", std::to_string(seen.records));
  line("unlabelled", std::to_string(unlabelled));
  line("payload_bytes", std::to_string(bytes));
  line("width", std::to_string(info.width));
  line("height", std::to_string(info.height));
  line("channels", std::to_string(info.channels));
  line("codec", std::string(codec_name(info.codec)));
  line("preprocessing", to_json(info.preprocessing).dump());
  line("classes", std::to_string(info.classes.size()));
  for (std::size_t i = 0; i < info.classes.size(); ++i) {
    out.write("class\t" + std::to_string(i) + "\t" + tsv_field(info.classes[i].id) + "\t" +
              tsv_field(info.classes[i].name) + "\t" + std::to_string(of_class[i]) + "\n");
  }
  return seen.records;
}

void verify_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage,
                  LookProgress& progress) {
  std::uint64_t whole = 0;
  std::uint64_t losses = 0;
  const auto counted = [&](const Damage& damage) {
    ++losses;
    on_damage(damage);
  };
  const auto write_line = [&] {
    out.write(tsv_field(display_name(path)) + "\t" + std::to_string(whole) + "\t" + std::to_string(losses) +
              "\n");
  };
  const auto end_early = [&] {
    ++losses;  // of everything that may have followed
    write_line();
  };
  try {
    InputFile in(path);
    ShardReader reader(in, counted, progress.memory());
    while (const auto record = reader.next_view()) {
      ++whole;
      progress.at(std::max(in.position(), record->offset + record->payload.size()));
    }
  } catch (const Error&) {
    end_early();
    throw;
  } catch (const StorageError&) {
    end_early();
    throw;
  }
  write_line();
}

}  // namespace convoy
