#include "lib/shards/extract.h"

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

#include "formats/png.h"
#include "formats/shard.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/output_batch.h"
#include "lib/base/output_folder.h"
#include "lib/base/parallel.h"
#include "lib/base/signals.h"
#include "lib/base/stop_wait.h"
#include "lib/shards/extract_names.h"

namespace convoy {
namespace {

struct Item {
  std::string path;
  Codec codec = Codec::raw;
  Image image;  // of raw pixels
  std::vector<std::uint8_t> bytes;
  std::vector<Damage> damage;  // found before it
};

// The records of all inputs as items. Used by one thread at a time.
class Feed {
 public:
  Feed(const std::vector<std::string>& inputs, const std::string& folder, const MemoryLimit& memory,
       OutputFolder& made)
      : inputs_(inputs), folder_(folder), memory_(memory), made_(made) {
    open_next();
  }
  // Whether there are records that have not been given. Those of this input, and of the ones that follow
  // until one has larger images, take image_need() for each thread.
  [[nodiscard]] bool more() const { return reader_.has_value(); }
  [[nodiscard]] std::uint64_t image_need() const { return image_need_; }
  [[nodiscard]] const std::string& name() const { return file_->name(); }  // of the input that is open

  // Begins with the input that is open.
  void begin() { image_need_ = transcoding_bytes(reader_->info()); }
  // The next record; nothing at the end, or if begin() is to be called for the next input.
  std::optional<Item> next() {
    while (reader_ && transcoding_bytes(reader_->info()) <= image_need_) {
      if (auto record = reader_->next()) return item_of(std::move(*record));
      reader_.reset();
      open_next();
    }
    return std::nullopt;
  }
  std::vector<Damage> take_damage() { return std::exchange(damage_, {}); }

 private:
  void open_next() {
    if (opened_ == inputs_.size()) return;
    file_.emplace(inputs_[opened_++]);
    reader_.emplace(
        *file_, [this](const Damage& damage) { damage_.push_back(damage); }, memory_);
    made_.add_folder(folder_);
    make_class_folders(reader_->info().classes);
  }

  // Classes without records get one too, so that the sorted folders are the class table.
  void make_class_folders(const std::vector<ClassInfo>& classes) {
    std::unordered_set<std::string> folders;
    for (const ClassInfo& one : classes) {
      const std::string name = safe_file_name(one.id);
      if (!folders.insert(name).second)
        throw Error(file_->name(), "class id '" + one.id + "' has the same folder as another");
      names_.reserve(name);
      made_.add_folder(folder_ + "/" + name);
      count_name(name);
    }
  }

  // Names are kept to the end, so that each is given once, and a run that fails leaves nothing.
  void count_name(const std::string& name) {
    constexpr std::uint64_t kCopies = 4;
    constexpr std::uint64_t kBytesAName = 4 * sizeof(std::string) + 64;  // with the nodes that hold it
    names_bytes_ += kBytesAName + kCopies * (name.size() + folder_.size());
    require_counted_memory(names_bytes_, memory_, file_->name(), "the names of the files so far");
  }

  Item item_of(ShardRecord&& record) {
    const DatasetInfo& info = reader_->info();
    const std::string id = record.label < 0 ? "" : info.classes[static_cast<std::size_t>(record.label)].id;
    Item item;
    item.codec = info.codec;
    item.path = folder_ + "/" + names_.path(record.name, id, info.codec);
    count_name(item.path);
    item.damage = take_damage();
    if (info.codec == Codec::raw) {
      item.image = {info.width, info.height, info.channels, std::move(record.payload)};
    } else {
      item.bytes = std::move(record.payload);
    }
    return item;
  }

  const std::vector<std::string>& inputs_;
  const std::string& folder_;
  const MemoryLimit& memory_;
  OutputFolder& made_;
  ExtractNames names_;
  std::uint64_t names_bytes_ = 0;
  std::uint64_t image_need_ = 0;
  std::size_t opened_ = 0;
  std::optional<InputFile> file_;
  std::optional<ShardReader> reader_;
  std::vector<Damage> damage_;
};

}  // namespace

PackResult extract_shards(const std::vector<std::string>& inputs, const std::string& folder, int threads,
                          const MemoryLimit& memory, Rejects& rejects, Console& console) {
  const SignalWatch signals;
  OutputFolder made(
      folder);  // checked before the inputs are opened, but created only after the first one was
  Feed feed(inputs, folder, memory, made);
  OutputBatch files;
  Progress progress(console, 0, "images");
  std::uint64_t done = 0;
  while (feed.more()) {
    feed.begin();
    ordered_parallel_map(
        threads_that_fit(threads, 0, feed.image_need(), memory, feed.name(), "records that are extracted"),
        [&]() -> std::optional<Item> {
          if (const int signal = SignalWatch::stop_signal(); signal != 0) throw Stopped(signal);
          return feed.next();
        },
        [](Item&& item) {
          if (item.codec == Codec::raw) item.bytes = encode_png(item.image);
          return std::move(item);
        },
        [&](Item&& item) {
          for (const Damage& damage : item.damage) rejects.add(damage);
          made.add_file(item.path);
          files.add(item.path, std::as_bytes(std::span(item.bytes)));
          progress.update(++done, rejects.summary());
        });
  }
  progress.finish();
  for (const Damage& damage : feed.take_damage()) rejects.add(damage);
  rejects.conclude(done, "record");
  for (const std::string& one : made.folders()) files.add_folder(one);
  files.commit();
  made.keep();
  return {done, done};
}

}  // namespace convoy
