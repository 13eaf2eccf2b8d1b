#include "lib/prep/feeds.h"

#include <algorithm>
#include <functional>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "formats/list.h"
#include "lib/base/checked.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/prep/list_text.h"
#include "lib/prep/shard_images.h"
#include "lib/prep/walk.h"

namespace convoy {

class ImageSource::ArchiveFeed : public Feed {
 public:
  // class_of: gives the class of a member.
  // above: what the names of its images begin with, and below which folder they are for --include.
  ArchiveFeed(const ImageSource& inputs, ArchiveWalker&& walker, std::string name,
              std::function<std::string(const ArchiveWalker::Member&)> class_of, std::string above = {})
      : inputs_(inputs),
        name_(std::move(name)),
        class_of_(std::move(class_of)),
        above_(std::move(above)),
        walker_(std::move(walker)) {}

  std::optional<ImageInput> next(Reading reading) override {
    while (auto member = walker_.next()) {
      ImageInput input;
      input.place = name_ + ": " + member->path;
      member->path = above_ + member->path;
      if (!inputs_.is_input(*member, input.place)) continue;
      input.name = member->path;
      input.failure = std::move(member->failure);
      if (!input.failure.empty()) return input;
      if (!inputs_.set_label(input, class_of_(*member))) continue;
      if (!input.failure.empty() || reading == Reading::names) return input;
      try {
        input.bytes = read_image(*member->content, input.place);
        if (input.bytes.empty()) input.failure = "empty file";
      } catch (const Error& error) {
        set_failure(input, error);
      }
      return input;
    }
    return std::nullopt;
  }

 private:
  const ImageSource& inputs_;
  std::string name_;
  std::function<std::string(const ArchiveWalker::Member&)> class_of_;
  std::string above_;
  ArchiveWalker walker_;
};

class ImageSource::FolderFeed : public Feed {
 public:
  FolderFeed(const ImageSource& inputs, std::string folder)
      : inputs_(inputs),
        folder_(std::move(folder)),
        entries_(list_folder(folder_, inputs_.options_.outputs)) {
    if (!folder_.ends_with('/')) folder_ += '/';
  }
  std::optional<ImageInput> next(Reading reading) override {
    while (true) {
      if (archive_) {
        if (auto input = archive_->next(reading)) {
          if (inputs_.options_.whole_paths) input->name = folder_ + input->name;
          return input;
        }
        archive_.reset();
      }
      if (at_ == entries_.size()) return std::nullopt;
      FolderEntry& entry = entries_[at_++];
      if (is_excluded(entry.path, inputs_.options_.names)) continue;
      if (inputs_.is_outside(entry.path)) {
        ++inputs_.options_.left_out->outside;
        continue;
      }
      const std::string path = folder_ + entry.path;
      if (entry.failure.empty()) {
        const Use use = inputs_.use_of(path, entry.path);
        if (use == Use::archive) open_archive(path, entry.path);
        if (use == Use::none && is_selected(entry.path, inputs_.options_.names)) inputs_.pass_over(path);
        if (use != Use::image) continue;
      }
      if (!is_selected(entry.path, inputs_.options_.names)) continue;
      ImageInput input;
      input.path = input.place = path;
      const std::string folder(inputs_.folder_class(entry.path));
      input.name = inputs_.options_.whole_paths ? path : entry.path;
      input.failure = std::move(entry.failure);
      if (input.failure.empty() && !inputs_.set_label(input, folder)) continue;
      return input;
    }
  }

 private:
  // Its images are named and labelled as those of an archive in an archive.
  void open_archive(const std::string& path, const std::string& entry) {
    const std::string stem(last_component(without_archive_extension(entry)));
    const auto class_of = [stem](const ArchiveWalker::Member& member) {
      return member.inner.empty() ? stem : member.inner;
    };
    archive_.emplace(inputs_, walk_file(path), path, class_of, stem + "/");
  }

  const ImageSource& inputs_;
  std::string folder_;
  std::vector<FolderEntry> entries_;
  std::size_t at_ = 0;
  std::optional<ArchiveFeed> archive_;
};

// Images one after another, perhaps compressed as one stream.
class ImageSource::StreamFeed : public Feed {
 public:
  StreamFeed(const ImageSource& inputs, std::string name, std::unique_ptr<Opened> opened)
      : inputs_(inputs), name_(std::move(name)), opened_(std::move(opened)) {
    ByteSource* source = &opened_->source;
    // Waits for no more bytes than the smallest image has.
    if (detect_content(source->peek(kDetectCompressed)) == ContentKind::compressed) {
      unpacked_.emplace(*source, name_);
      if (unpacked_->next()) source = &unpacked_->content();
    }
    splitter_.emplace(*source);
  }

  // The end of an image is found in its content.
  std::optional<ImageInput> next(Reading reading) override {
    if (ended_) return std::nullopt;
    ended_ = true;  // unless there is a whole piece: after a read error there is nothing more
    auto piece = splitter_->next();
    if (splitter_->trailer() > 0) pass_over_trailer();
    if (!piece) {
      if (count_ == 0) throw Error(name_, "empty input");
      return std::nullopt;
    }
    ended_ = false;
    ImageInput input;
    input.name = input.place = name_ + ":" + std::to_string(++count_);
    input.failure = std::move(piece->failure);
    if (!input.failure.empty()) {
      if (count_ == 1) input.failure += hint(piece->bytes);
      return input;
    }
    if (reading == Reading::images) input.bytes = std::move(piece->bytes);
    static_cast<void>(inputs_.set_label(input, {}));
    return input;
  }

 private:
  // Unknown bytes behind an image may be what its camera put there, or an image that is damaged.
  void pass_over_trailer() const {
    ++inputs_.options_.left_out->trailers;
    inputs_.say_detail(name_ + ":" + std::to_string(count_) + ": " + std::to_string(splitter_->trailer()) +
                       " bytes behind the image passed over");
  }
  // What the user may have meant by bytes that are no image.
  [[nodiscard]] std::string hint(std::span<const std::uint8_t> head) const {
    const auto content = content_of(head);
    if (!is_text(head) || (content && content->markup)) return {};
    if (!is_list(head)) return inputs_.options_.shards_and_lists ? ": " + names_no_file(head) : "";
    return " (names of files? --files-from=" + (name_ == "stdin" ? "-" : name_) + ")";
  }

  static constexpr std::size_t kDetectCompressed = 3;
  const ImageSource& inputs_;
  std::string name_;
  std::unique_ptr<Opened> opened_;
  std::optional<ArchiveReader> unpacked_;
  std::optional<ImageSplitter> splitter_;
  std::uint64_t count_ = 0;
  bool ended_ = false;
};

class ImageSource::ShardFeed : public Feed {
 public:
  ShardFeed(const InputOptions& options, const std::string& path, const std::string& name)
      : images_(path, name, options.memory_limit) {
    if (options.check_shard) options.check_shard(images_.info(), name);
  }
  // It knows the sizes of its images without reading them.
  std::optional<ImageInput> next(Reading /*reading*/) override { return images_.next(); }

 private:
  ShardImages images_;
};

// The images of the operands in a list.
class ImageSource::ListFeed : public Feed {
 public:
  ListFeed(const InputOptions& options, Opened& list, const std::string& name)
      : inputs_(entries_of(options, list, name)) {}
  std::optional<ImageInput> next(Reading reading) override {
    return reading == Reading::images ? inputs_.next() : inputs_.pass();
  }

 private:
  static InputOptions entries_of(const InputOptions& options, Opened& opened, const std::string& name) {
    constexpr std::uint64_t kTexts = 3;  // as bytes, in entries, and as operands
    const MemoryLimit& limit = options.memory_limit;
    constexpr std::uint64_t kBytesALine = sizeof(ListEntry) + sizeof(std::string) + sizeof(Operand);
    std::uint64_t read = 0;
    std::uint64_t need = 0;
    const std::vector<std::uint8_t> bytes =
        read_all(opened.source, name, kMaxListBytes, [&](const auto& piece) {
          read += piece.size();
          need = saturating_add(need, kTexts * piece.size());
          need =
              saturating_add(need, kBytesALine * static_cast<std::uint64_t>(std::ranges::count(piece, '\n')));
          if (need > limit.bytes) refuse_lines_so_far(read, need, limit, name, !opened.file.is_regular());
        });
    InputOptions list;
    list.limits = options.limits;
    list.labelled = false;
    list.whole_paths = options.whole_paths;
    list.check_shard = options.check_shard;
    list.outputs = options.outputs;
    list.names = options.names;
    list.detail = options.detail;
    list.memory_limit = options.memory_limit;
    list.left_out = options.left_out;
    for (ListEntry& entry : parse_list(as_text(std::as_bytes(std::span(bytes))), name)) {
      list.operands.push_back(std::move(entry.path));
    }
    return list;
  }
  ImageSource inputs_;
};

namespace {

Error not_a_list(std::span<const std::uint8_t> head, const std::string& name) {
  const auto content = content_of(head);
  return {name, content && content->markup ? wrong_content(head, Expected::image)
                                           : "neither image nor list: " + names_no_file(head)};
}

}  // namespace

std::unique_ptr<ImageSource::Feed> ImageSource::make_feed(std::size_t index) {
  const Operand& operand = operands_[index];
  const std::string name = display_name(operand.path);
  if (options_.idx) return make_idx_feed(index);
  if (operand.kind == Kind::unknown) classify(index);
  switch (operand.kind) {
    case Kind::folder:
      return std::make_unique<FolderFeed>(*this, operand.path);
    case Kind::archive:
      return std::make_unique<ArchiveFeed>(
          *this, walk(index), name,
          [this, index](const ArchiveWalker::Member& member) { return member_class(member, index); });
    case Kind::stream:
      return std::make_unique<StreamFeed>(*this, name, open(index));
    case Kind::shard: {
      // A shard is mapped. A pipe that has been looked into cannot be, so it is copied first.
      if (opened_.count(index) > 0) spool(index);
      const auto reopened = reopened_.find(index);
      return std::make_unique<ShardFeed>(options_,
                                         reopened == reopened_.end() ? operand.path : reopened->second, name);
    }
    case Kind::idx:
      return make_idx_feed(index);
    case Kind::list:
      return std::make_unique<ListFeed>(options_, *open(index), name);
    case Kind::text:
      throw not_a_list(list_head(open(index)->source), name);
    case Kind::missing:
      throw Error(name, operand.failure);
    case Kind::unknown:
    case Kind::file:
      return nullptr;
  }
  return nullptr;
}

}  // namespace convoy
