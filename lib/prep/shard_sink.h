// Turns input images into the records of a shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/shard.h"
#include "lib/base/file.h"
#include "lib/prep/class_use.h"
#include "lib/prep/image_source.h"
#include "lib/prep/pool.h"
#include "lib/shards/encoding.h"
#include "lib/shards/rejects.h"

namespace convoy {

// An image on its way to the shard.
struct PreparedRecord {
  ImageInput input;  // without its bytes; if it has a failure, there is no payload
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> payload;
};

// Prepares and encodes one image. What is wrong with it becomes input.failure. Thread-safe.
[[nodiscard]] PreparedRecord prepare_record(ImageInput&& input, PreparerPool& pool, const Encoding& encoding);

// Takes prepared images in order: good ones go to a shard, the others to the rejects. The first good image
// starts the shard and sets the size that all must have. Use from one thread.
class ShardSink {
 public:
  // info: without width, height and channels. `out` and `rejects` must outlive the sink.
  ShardSink(OutputFile& out, DatasetInfo info, Rejects& rejects);
  // Throws what ShardWriter::add() and Rejects::add() throw.
  void add(PreparedRecord&& record);
  // Begins the shard before the first image, whose size is given, for a part of the images: it may have none
  // that can be used. labelled: whether an image of any part has a class.
  void begin_part(int width, int height, bool labelled);
  // Completes the list of the rejects and the shard; the caller commits `out`. Throws what
  // Rejects::conclude() throws, and Error if there was no image and this is no part.
  // beside: what there was besides images, for that message. table: the file of the class table, if one was
  // given: throws Error if there are images with classes, but none with one of the table.
  void finish(const std::string& beside = {}, const std::string& table = {});
  // The number of images with a label that were written.
  [[nodiscard]] std::uint64_t labelled() const { return labelled_; }
  // See ClassUse::note().
  [[nodiscard]] std::string class_note(bool numbered) const { return use_.note(info_.classes, numbered); }
  // "500 images, 500 classes, 2 rejected", after finish().
  [[nodiscard]] std::string summary() const;

 private:
  [[nodiscard]] std::uint64_t records() const { return writer_ ? writer_->records() : 0; }
  [[nodiscard]] std::string misfit(const PreparedRecord& record) const;

  void check_table(const std::string& table);
  void begin(int width, int height, int channels);

  OutputFile& out_;
  DatasetInfo info_;
  Rejects& rejects_;
  std::optional<ShardWriter> writer_;
  ClassUse use_;
  std::uint64_t labelled_ = 0;
  bool any_of_table_ = false;                   // whether an image has a label, even if it cannot be used
  std::uint64_t refused_ = 0;                   // images of classes that are not in the table
  std::vector<std::string> refused_classes_{};  // the first of those
};

}  // namespace convoy
