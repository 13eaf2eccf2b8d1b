#include "lib/prep/image_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/prep/feeds.h"
#include "lib/prep/list_text.h"

namespace convoy {
namespace {

// Compressed bytes that unpack to at least one tar header. bzip2 needs a whole block of up to 900 kB.
constexpr std::size_t kCompressedPeek = std::size_t{1} << 20;

// What compressed data hold: tar for any archive, else the kind of the file inside; unknown if they are
// damaged at the start.
ContentKind unpacked_content(ByteSource& source, const std::string& place) {
  // Unpacking takes bytes from its source, and a pipe has them only once: unpack a copy.
  const auto head = source.peek(kCompressedPeek);
  const std::vector<std::uint8_t> copy(head.begin(), head.end());
  MemorySource memory(copy);
  try {
    ArchiveReader reader(memory, place);
    if (!reader.is_plain()) return ContentKind::tar;
    if (!reader.next()) return ContentKind::empty;
    return detect_content(reader.content().peek(kImageSignatureBytes));
  } catch (const Error&) {
    return ContentKind::unknown;
  }
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return path != kStdStreamName && std::filesystem::is_directory(path, ignored);
}

}  // namespace

ImageSource::~ImageSource() = default;

ImageSource::ImageSource(InputOptions options)
    : options_(std::move(options)), own_(options_.outputs), labeller_(options_.labels) {
  for (const std::string& path : options_.operands)
    operands_.push_back({path, Kind::unknown, kNoLabel, false});
  if (options_.idx) {
    read_idx_operands();
    return;
  }
  if (!options_.files_from.empty()) read_list();
  if (options_.labelled && labeller_.gathers()) gather_classes();
  for (const Operand& operand : operands_) {
    if (operand.kind == Kind::unknown && !operand.labelled) total_known_ = false;
    if (operand.kind == Kind::file || operand.kind == Kind::missing || operand.labelled) ++total_;
    if (operand.kind == Kind::stream) total_known_ = false;
  }
}

void ImageSource::read_list() {
  const std::string place = display_name(options_.files_from);
  const std::string text = read_text_file(options_.files_from, kMaxListBytes, Expected::list);
  const std::vector<ListEntry> entries = options_.nul ? parse_nul_list(text, place) : parse_list(text, place);
  if (options_.labelled && labeller_.gathers()) {
    labeller_.note_numbers(count_numbered_classes(entries, place), place);
  }
  const LabelTable numbers(labeller_.gathers() && options_.labelled
                               ? numbered_classes(count_numbered_classes(entries, place))
                               : labeller_.classes());
  for (const ListEntry& entry : entries) {
    Operand operand{entry.path, Kind::unknown, kNoLabel, !entry.label.empty()};
    if (operand.labelled) operand.kind = Kind::file;
    if (options_.labelled) operand.label = numbers.resolve(entry, place);
    operands_.push_back(std::move(operand));
  }
}

void ImageSource::gather_classes() {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].kind == Kind::unknown) classify(i);
    const bool read_twice = operands_[i].kind == Kind::archive && options_.labels.labels_file.empty();
    if (read_twice && opened_.count(i) > 0) spool(i);  // a failure ends the run: the rest would not be missed
    try {
      scan(i);
    } catch (const Error&) {
      // Damage is found again, and reported, when the images are read.
      total_known_ = false;
    }
  }
  labeller_.finish();
}

void ImageSource::classify(std::size_t index) {
  Operand& operand = operands_[index];
  if (is_folder(operand.path)) {
    operand.kind = Kind::folder;
    return;
  }
  try {
    auto opened = std::make_unique<Opened>(operand.path);
    operand.kind = kind_of(*opened, operand.path);
    const bool standard = operand.path == kStdStreamName;
    if (standard && opened->file.is_regular() && opened->from_start) {
      reopened_[index] = "/dev/fd/0";
    } else if (standard || !opened->file.is_regular()) {
      opened_[index] = std::move(opened);
    }
  } catch (const Error& error) {
    operand.kind = Kind::missing;
    operand.failure = error.reason();
  }
}

ImageSource::Kind ImageSource::kind_of(Opened& opened, const std::string& path) const {
  const Kind images = opened.file.is_regular() && path != kStdStreamName ? Kind::file : Kind::stream;
  // A coprocess may send an image of a few bytes and wait: read on only if these begin no image.
  ContentKind content = detect_content(opened.source.peek(kImageSignatureBytes));
  if (content == ContentKind::unknown) content = detect_content(opened.source.peek(kDetectBytes));
  ContentKind inside = content;
  if (content == ContentKind::compressed) inside = unpacked_content(opened.source, path);
  if (inside == ContentKind::tar) return Kind::archive;
  if (inside == ContentKind::idx) return Kind::idx;
  if (!options_.shards_and_lists) return images;
  if (content == ContentKind::shard) return Kind::shard;
  if (content != ContentKind::unknown) return images;
  const auto head = opened.source.peek(kListPeek);
  if (is_list(head)) return Kind::list;
  return images == Kind::file && is_text(head) ? Kind::text : images;
}

void ImageSource::spool(std::size_t index) {
  Opened& opened = *opened_.at(index);
  TemporaryFile copy("temporary copy of " + display_name(operands_[index].path));
  while (true) {
    const auto bytes = opened.source.peek(1);
    if (bytes.empty()) break;
    copy.append(std::as_bytes(bytes));
    opened.source.take(bytes.size());
  }
  opened_.erase(index);
  reopened_[index] = "/dev/fd/" + std::to_string(copy.fd());
  spools_.push_back(std::move(copy));
  spooled_.push_back(display_name(operands_[index].path));
}

void ImageSource::scan(std::size_t index) {
  Operand& operand = operands_[index];
  switch (operand.kind) {
    case Kind::file:
      if (!operand.labelled) labeller_.note(operand.path, {});
      break;
    case Kind::folder:
      for (const FolderEntry& entry : list_folder(operand.path, options_.outputs)) {
        if (entry.failure.empty()) labeller_.note(entry.path, first_folder(entry.path));
        ++total_;
      }
      break;
    case Kind::archive:
      // A list of labels by name suffices: the names need not be known in advance.
      if (!options_.labels.labels_file.empty()) {
        total_known_ = false;
        break;
      }
      total_ += scan_archive(index);
      break;
    case Kind::unknown:
    case Kind::stream:
    case Kind::shard:
    case Kind::idx:
    case Kind::list:
    case Kind::text:
    case Kind::missing:
      break;
  }
}

// Goes through the names in an archive; returns the number of images in it.
std::uint64_t ImageSource::scan_archive(std::size_t index) {
  const auto opened = open(index);
  ArchiveWalker walker(opened->source, operands_[index].path, labeller_.has_pattern());
  CommonFolder common;
  std::vector<std::string> folders;  // of the outer archive that hold images
  std::uint64_t count = 0;
  const auto finish = [&] {
    common_[index] = common.get();
    for (const std::string& folder : folders) {
      labeller_.note({}, first_folder(std::string_view(folder).substr(common.get().size())));
    }
  };
  try {
    while (auto member = walker.next()) {
      ++count;
      if (member->archive) total_known_ = false;
      if (labeller_.has_pattern() || !member->inner.empty()) {
        labeller_.note(member->path, member->inner);
        continue;
      }
      common.add(member->path);
      std::string folder = member->path.substr(0, member->path.rfind('/') + 1);
      if (folders.empty() || folders.back() != folder) folders.push_back(std::move(folder));
    }
  } catch (const Error&) {
    finish();
    throw;
  }
  finish();
  return count;
}

std::unique_ptr<ImageSource::Opened> ImageSource::open(std::size_t index) {
  if (const auto found = opened_.find(index); found != opened_.end()) {
    auto opened = std::move(found->second);
    opened_.erase(found);
    return opened;
  }
  const auto reopened = reopened_.find(index);
  return std::make_unique<Opened>(reopened == reopened_.end() ? operands_[index].path : reopened->second);
}

bool ImageSource::expects_classes() const {
  if (options_.labels.classes) return true;
  return std::any_of(operands_.begin(), operands_.end(), [](const Operand& operand) {
    return operand.kind == Kind::folder || operand.kind == Kind::archive;
  });
}

void ImageSource::set_label(ImageInput& input, std::string_view folder) const {
  if (!options_.labelled) return;
  try {
    input.label = labeller_.label(input.name, folder, input.place);
  } catch (const Error& error) {
    set_failure(input, error);
  }
}

std::string ImageSource::member_class(const ArchiveWalker::Member& member, std::size_t index) const {
  if (!member.inner.empty()) return member.inner;
  std::string_view path = member.path;
  if (const auto common = common_.find(index); common != common_.end()) {
    if (path.starts_with(common->second)) path.remove_prefix(common->second.size());
    return std::string(first_folder(path));
  }
  // The other names are not known: the class is the first folder that is in the table.
  const std::string_view outermost = first_folder(path);
  for (std::string_view folder = outermost; !folder.empty(); folder = first_folder(path)) {
    if (labeller_.knows(folder)) return std::string(folder);
    path.remove_prefix(folder.size() + 1);
  }
  return std::string(outermost);
}

std::optional<ImageInput> ImageSource::next() {
  while (at_ < operands_.size()) {
    const Operand& operand = operands_[at_];
    try {
      if (!feed_) own_.refuse(operand.path);
      if (!feed_ && operand.kind != Kind::file) feed_ = make_feed(at_);
      if (!feed_) {
        ImageInput input;
        input.name = input.path = input.place = operand.path;
        input.label = operand.label;
        if (!operand.labelled) set_label(input, {});
        ++at_;
        return input;
      }
      if (auto input = feed_->next()) return input;
      feed_.reset();
      ++at_;
    } catch (const OutputError&) {
      throw;
    } catch (const Error& error) {
      if (options_.idx) throw;
      ImageInput input;
      input.name = input.place = display_name(operand.path);
      set_failure(input, error);
      // If the operand cannot be opened, go on with the next; if it is open, go on after the damage, which
      // may have cost any number of images.
      if (feed_) input.loss = {.records = 0, .more = true};
      if (!feed_) ++at_;
      return input;
    }
  }
  return std::nullopt;
}

}  // namespace convoy
