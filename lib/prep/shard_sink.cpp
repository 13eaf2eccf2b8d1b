#include "lib/prep/shard_sink.h"

#include <algorithm>
#include <utility>

#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

// Classes that a message names; of more it says that there are some.
constexpr std::size_t kNamed = 5;

// "cat, dog, emu", with ", ..." if there are more.
template <typename Names, typename Name>
std::string first_of(const Names& names, Name name) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i)
    text += (i > 0 ? ", " : "") + name(names[i]);
  return text + (names.size() > kNamed ? ", ..." : "");
}

}  // namespace

PreparedRecord prepare_record(ImageInput&& input, PreparerPool& pool, const Encoding& encoding) {
  PreparedRecord record;
  try {
    // Names in archives can have any length.
    if (input.name.size() > kMaxRecordNameBytes) throw Error(input.place, "the name is too long");
    Image image = pool.prepare(input);
    if (!input.no_class.empty()) throw Error(input.place, input.no_class);
    record.width = image.width;
    record.height = image.height;
    record.channels = image.channels;
    record.payload =
        encoding.codec == Codec::jpeg ? encode_jpeg(image, encoding.quality) : std::move(image.pixels);
  } catch (const Error& error) {
    set_failure(input, error);
  }
  input.bytes = {};
  input.pixels.reset();
  input.memory.encoded.keep(0);
  input.memory.decoded.keep(record.payload.size());
  record.input = std::move(input);
  return record;
}

ShardSink::ShardSink(OutputFile& out, DatasetInfo info, Rejects& rejects)
    : out_(out), info_(std::move(info)), rejects_(rejects), use_(info_.classes.size()) {}

// Why the image does not match those before it; empty if it does.
std::string ShardSink::misfit(const PreparedRecord& record) const {
  if (!writer_ || (record.width == info_.width && record.height == info_.height)) return {};
  return std::to_string(record.width) + "x" + std::to_string(record.height) +
         " pixels, where the images before have " + std::to_string(info_.width) + "x" +
         std::to_string(info_.height) + " (--size=none needs equal sizes)";
}

void ShardSink::add(PreparedRecord&& record) {
  any_of_table_ = any_of_table_ || record.input.label != kNoLabel;
  if (const std::string& refused = record.input.refused_class; !refused.empty()) {
    ++refused_;
    if (refused_classes_.size() <= kNamed &&
        std::ranges::find(refused_classes_, refused) == refused_classes_.end()) {
      refused_classes_.push_back(refused);
    }
  }
  if (record.input.shared_failure) {
    rejects_.add_shared(record.input.place, record.input.failure);
    return;
  }
  std::string& failure = record.input.failure;
  if (failure.empty()) failure = misfit(record);
  if (!failure.empty()) {
    rejects_.add(record.input.place, failure, record.input.loss);
    return;
  }
  if (!writer_) begin(record.width, record.height, record.channels);
  writer_->add(record.input.label, record.input.name, record.payload);
  if (record.input.label != kNoLabel) ++labelled_;
  use_.add(record.input.label);
}

void ShardSink::begin(int width, int height, int channels) {
  info_.width = width;
  info_.height = height;
  info_.channels = channels;
  writer_.emplace(out_, info_);
}

void ShardSink::begin_part(int width, int height, bool labelled) {
  any_of_table_ = labelled;
  begin(width, height, info_.preprocessing.gray ? 1 : 3);
}

// A table that fits no image is probably one of another data set.
void ShardSink::check_table(const std::string& table) {
  if (table.empty() || refused_ == 0 || any_of_table_) return;
  rejects_.forget_shared();
  rejects_.commit();
  const std::uint64_t images = refused_ + records();
  throw Error((images == 1 ? "the image has no class"
                           : "none of the " + std::to_string(images) + " images has a class") +
              " of " + table + ": their classes are " +
              first_of(refused_classes_, [](const std::string& id) { return id; }) + "; the table has " +
              first_of(info_.classes, [](const ClassInfo& one) { return one.id; }));
}

void ShardSink::finish(const std::string& beside, const std::string& table) {
  check_table(table);
  rejects_.conclude(records(), "image");
  if (!writer_) throw Error("no images" + beside);
  writer_->finish();
}

std::string ShardSink::summary() const {
  const std::uint64_t unlabelled = records() - labelled_;
  return rejects_.beside(count_of(records(), "image") + ", " + count_of(info_.classes.size(), "class") +
                         (unlabelled > 0 ? ", " + std::to_string(unlabelled) + " unlabelled" : ""));
}

}  // namespace convoy
