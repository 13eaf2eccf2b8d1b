#include "lib/shards/extract.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

#include "formats/png.h"
#include "formats/shard.h"
#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/parallel.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kMaxNameBytes = 200;  // file systems allow 255; a number and an extension are added
constexpr mode_t kFileMode = 0666;

struct Item {
  std::string path;
  Codec codec = Codec::raw;
  Image image;  // of raw pixels
  std::vector<std::uint8_t> bytes;
  std::vector<Damage> damage;  // found before it
};

bool ends_in(std::string_view name, std::string_view ending) {
  if (name.size() <= ending.size()) return false;
  const std::string_view tail = name.substr(name.size() - ending.size());
  return std::equal(tail.begin(), tail.end(), ending.begin(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

// The record's name as a file in its class's folder. imgprep names images in folders "CLASS/FILE": the class
// is left out. Slashes that remain become '_'.
std::string base_name(std::string_view name, std::string_view class_id) {
  if (!class_id.empty() && name.size() > class_id.size() + 1 && name.starts_with(class_id) &&
      name[class_id.size()] == '/') {
    name.remove_prefix(class_id.size() + 1);
  }
  name.remove_prefix(std::min(name.find_first_not_of('/'), name.size()));
  std::string flat(name);
  std::replace(flat.begin(), flat.end(), '/', '_');
  return safe_file_name(flat);
}

// Gives out paths that are all different.
class Names {
 public:
  explicit Names(std::string folder) : folder_(std::move(folder)) {}

  void reserve(const std::string& name) { used_.insert(name); }
  std::string path(const std::string& class_folder, std::string name, Codec codec) {
    const bool has_ending =
        codec == Codec::raw ? ends_in(name, ".png") : ends_in(name, ".jpg") || ends_in(name, ".jpeg");
    if (!has_ending) name += codec == Codec::raw ? ".png" : ".jpg";
    const std::string prefix = class_folder.empty() ? "" : class_folder + "/";
    const std::size_t dot = name.rfind('.');
    std::string path = prefix + name;
    for (std::uint64_t number = 2; !used_.insert(path).second; ++number) {
      path = prefix + name.substr(0, dot) + "~" + std::to_string(number) + name.substr(dot);
    }
    return folder_ + "/" + path;
  }

 private:
  std::string folder_;
  std::unordered_set<std::string> used_;
};

// The folders and files that an extraction has made, for any number of threads. Unless keep() is called, the
// destructor removes them.
class Made {
 public:
  Made() = default;
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  Made(Made&&) = delete;
  Made& operator=(Made&&) = delete;
  ~Made() {
    std::error_code ignored;
    std::ranges::reverse(paths_);  // what is in a folder before the folder
    for (const std::string& path : paths_) std::filesystem::remove(path, ignored);
  }
  void add_folder(const std::string& path) {
    std::error_code failure;
    const bool made = std::filesystem::create_directories(path, failure);
    if (failure) throw Error(path, failure.message());
    if (made) add(path);
  }
  void add(const std::string& path) {
    const std::lock_guard lock(mutex_);
    paths_.push_back(path);
  }
  void keep() { paths_.clear(); }

 private:
  std::mutex mutex_;
  std::vector<std::string> paths_;
};

void write_new_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file.valid()) throw_errno(path, errno);
  try {
    write_all(file.get(), std::as_bytes(bytes), path);
    if (::close(file.release()) != 0) throw_errno(path, errno);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

// The records of all inputs as items. Used by one thread at a time.
class Feed {
 public:
  Feed(const std::vector<std::string>& inputs, const std::string& folder, const MemoryLimit& memory,
       Made& made)
      : inputs_(inputs), folder_(folder), memory_(memory), made_(made), names_(folder) {
    open_next();
  }
  [[nodiscard]] const DatasetInfo& info() const { return reader_->info(); }  // of the input that is open

  std::optional<Item> next() {
    while (true) {
      if (!reader_ && !open_next()) return std::nullopt;
      if (auto record = reader_->next()) return item_of(std::move(*record));
      reader_.reset();
    }
  }
  std::vector<Damage> take_damage() { return std::exchange(damage_, {}); }

 private:
  bool open_next() {
    if (opened_ == inputs_.size()) return false;
    file_.emplace(inputs_[opened_++]);
    reader_.emplace(
        *file_, [this](const Damage& damage) { damage_.push_back(damage); }, memory_);
    made_.add_folder(folder_);
    make_class_folders(reader_->info().classes);
    return true;
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
    }
  }

  Item item_of(ShardRecord&& record) {
    const DatasetInfo& info = reader_->info();
    const std::string id = record.label < 0 ? "" : info.classes[static_cast<std::size_t>(record.label)].id;
    Item item;
    item.codec = info.codec;
    item.path = names_.path(id.empty() ? "" : safe_file_name(id), base_name(record.name, id), info.codec);
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
  Made& made_;
  Names names_;
  std::size_t opened_ = 0;
  std::optional<InputFile> file_;
  std::optional<ShardReader> reader_;
  std::vector<Damage> damage_;
};

}  // namespace

std::string safe_file_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size() && name.size() < kMaxNameBytes; ++i) {
    const char c = text[i];
    const bool leading = i == 0 && (c == '.' || c == '-');
    if (is_control(c) || c == '/' || c == '%' || leading) {
      name += format("%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      name += c;
    }
  }
  return name.empty() ? "_" : name;
}

PackResult extract_shards(const std::vector<std::string>& inputs, const std::string& folder, int threads,
                          const MemoryLimit& memory, Rejects& rejects, Console& console) {
  std::error_code failure;
  std::string path = std::filesystem::weakly_canonical(folder, failure).string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const OutputLock lock(Destination{.name = folder, .path = path});
  // Checked before the inputs are opened, but created only after the first one was.
  const bool there = std::filesystem::exists(folder, failure);
  if (there && !std::filesystem::is_empty(folder, failure)) {
    throw Error(folder, failure ? failure.message() : "is not empty");
  }
  const SignalWatch signals;
  Made made;
  Feed feed(inputs, folder, memory, made);
  Progress progress(console, 0, "images");
  std::uint64_t done = 0;
  ordered_parallel_map(
      threads_that_fit(threads, 0, transcoding_bytes(feed.info()), memory, inputs.front(),
                       "records that are extracted"),
      [&]() -> std::optional<Item> {
        if (SignalWatch::stop_signal() != 0) return std::nullopt;
        return feed.next();
      },
      [](Item&& item) {
        if (item.codec == Codec::raw) item.bytes = encode_png(item.image);
        return std::move(item);
      },
      [&](Item&& item) {
        for (const Damage& damage : item.damage) rejects.add(damage);
        write_new_file(item.path, item.bytes);
        made.add(item.path);
        progress.update(++done, rejects.summary());
      });
  progress.finish();
  for (const Damage& damage : feed.take_damage()) rejects.add(damage);
  const int signal = SignalWatch::stop_signal();
  if (signal == 0) rejects.conclude(done, "record");
  made.keep();
  return {done, done, signal};
}

}  // namespace convoy
