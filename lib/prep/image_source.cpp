#include "lib/prep/image_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/prep/feeds.h"
#include "lib/prep/list_text.h"
#include "lib/prep/temporary_source.h"

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
  if (path == kStdStreamName) return false;
  std::error_code failure;
  const bool folder = std::filesystem::is_directory(path, failure);
  throw_system_failure(path, failure);
  return folder;
}

// Whether the first bytes are those of an image of a kind that is not read, however many have arrived.
bool is_other_picture(ByteSource& source) {
  const auto there = source.peek(kPictureMarkBytes);
  const auto head = there.first(std::min(there.size(), kPictureMarkBytes));
  const auto content = content_of(head);
  return content && content->picture && !is_text(head);
}

// The path as the beginning of the paths below it; "" is the top.
std::string as_folder(std::string_view path) {
  std::string folder = clean_path(path);
  if (!folder.empty()) folder += '/';
  return folder;
}

}  // namespace

ImageSource::~ImageSource() = default;

ImageSource::ImageSource(InputOptions options)
    : options_(std::move(options)), own_(options_.outputs), labeller_(options_.labels) {
  if (!options_.left_out) options_.left_out = std::make_shared<LeftOut>();
  if (options_.root) options_.root = as_folder(*options_.root);
  for (const std::string& path : options_.operands)
    operands_.push_back({path, Kind::unknown, kNoLabel, false});
  if (options_.idx) {
    read_idx_operands();
    return;
  }
  if (!options_.files_from.empty()) read_list();
  if (options_.labelled && labeller_.gathers()) gather_classes();
  if (options_.again) keep_pipes();
  left_out_before_ = *options_.left_out;
  for (const Operand& operand : operands_) {
    if (operand.kind == Kind::unknown && !operand.labelled) total_known_ = false;
    if (operand.kind == Kind::file || operand.kind == Kind::missing || operand.labelled) ++total_;
    if (operand.kind == Kind::stream) total_known_ = false;
  }
}

// Copies what cannot be opened twice.
void ImageSource::keep_pipes() {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].kind == Kind::unknown) classify(i);
    if (opened_.count(i) > 0) spool(i);
  }
}

void ImageSource::begin_again() {
  feed_.reset();
  at_ = 0;
  *options_.left_out = left_out_before_;
}

void ImageSource::say_detail(const std::string& text) const {
  if (options_.detail && details_) options_.detail(text);
}

void ImageSource::read_list() {
  const std::string place = display_name(options_.files_from);
  const std::string text = read_list_file(options_.files_from, kMaxListBytes, Expected::list,
                                          {.limit = options_.memory_limit,
                                           .bytes_a_line = sizeof(ListEntry) + 2 * sizeof(Operand),
                                           .separator = options_.nul ? '\0' : '\n'});
  const std::vector<ListEntry> entries = options_.nul ? parse_nul_list(text, place) : parse_list(text, place);
  // Commas are legal in paths, but not if they lead nowhere.
  std::error_code ignored;
  if (!options_.nul && !entries.empty() && entries[0].path != kStdStreamName &&
      !std::filesystem::exists(below_root(options_.list_root, entries[0].path), ignored)) {
    if (const std::string complaint = labels_complaint(text); !complaint.empty()) {
      throw Error(place, complaint);
    }
  }
  if (options_.labelled && labeller_.gathers()) {
    labeller_.note_numbers(count_numbered_classes(entries, place), place);
  }
  const LabelTable numbers = labeller_.gathers() && options_.labelled
                                 ? LabelTable::numbered(count_numbered_classes(entries, place))
                                 : LabelTable(labeller_.classes());
  if (options_.labelled && !labeller_.gathers() && !options_.classes_only) {
    numbers.check_first(entries, place);
  }
  for (const ListEntry& entry : entries) {
    Operand operand{below_root(options_.list_root, entry.path), Kind::unknown, kNoLabel,
                    !entry.label.empty()};
    if (operand.labelled) operand.kind = Kind::file;
    numbered_ = numbered_ || labeller_.has_number(entry);
    try {
      if (options_.labelled) operand.label = numbers.resolve(entry, place);
    } catch (const Error&) {
      if (!options_.classes_only) throw;
      ++options_.left_out->other_classes;
      continue;
    }
    operands_.push_back(std::move(operand));
  }
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
  if (content == ContentKind::unknown && is_other_picture(opened.source)) return images;
  if (content == ContentKind::unknown) content = detect_content(opened.source.peek(kDetectBytes));
  ContentKind inside = content;
  if (content == ContentKind::compressed) inside = unpacked_content(opened.source, path);
  if (inside == ContentKind::tar) return Kind::archive;
  if (inside == ContentKind::idx) return Kind::idx;
  if (!options_.shards_and_lists) return images;
  if (content == ContentKind::shard) return Kind::shard;
  if (content != ContentKind::unknown) return images;
  const auto head = list_head(opened.source);
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

std::unique_ptr<ImageSource::Opened> ImageSource::open(std::size_t index) {
  if (const auto found = opened_.find(index); found != opened_.end()) {
    auto opened = std::move(found->second);
    opened_.erase(found);
    return opened;
  }
  const auto reopened = reopened_.find(index);
  if (reopened == reopened_.end()) return std::make_unique<Opened>(operands_[index].path);
  return std::make_unique<Opened>(reopened->second, display_name(operands_[index].path));
}

ArchiveWalker ImageSource::walk_file(const std::string& path) {
  const auto again = [path]() -> std::shared_ptr<ByteSource> {
    auto opened = std::make_shared<Opened>(path);
    ByteSource* source = &opened->source;
    return {std::move(opened), source};
  };
  return {again(), again, path};
}

ArchiveWalker ImageSource::walk(std::size_t index) {
  const std::string name = display_name(operands_[index].path);
  if (opened_.count(index) > 0) {
    std::shared_ptr<Opened> opened = open(index);
    auto pipe = std::make_shared<CopiedPipe>(opened->source, name);
    // What is read from it lives as long as the function that gives it.
    const auto again = [opened, pipe] { return pipe->from_start(); };
    return {pipe, again, name};
  }
  const auto again = [this, index]() -> std::shared_ptr<ByteSource> {
    std::shared_ptr<Opened> opened = open(index);
    ByteSource* source = &opened->source;
    return {std::move(opened), source};
  };
  return {again(), again, name};
}

bool ImageSource::expects_classes() const {
  if (options_.labels.classes || !options_.files_from.empty()) return true;
  return std::any_of(operands_.begin(), operands_.end(), [](const Operand& operand) {
    return operand.kind == Kind::folder || operand.kind == Kind::archive;
  });
}

bool ImageSource::set_label(ImageInput& input, std::string_view folder) const {
  if (!options_.labelled) return true;
  try {
    input.label = labeller_.label(input.name, folder, input.place);
  } catch (const OtherClass& error) {
    // A class that has been looked for is missing only if none of its images can be used: they tell why.
    if (labeller_.gathers() && options_.labels.labels_file.empty()) {
      input.no_class = error.reason();
      return true;
    }
    if (options_.classes_only) {
      ++options_.left_out->other_classes;
      say_detail(std::string(error.what()) + ": left out");
      return false;
    }
    set_failure(input, error);
    input.refused_class = error.id();
  } catch (const WrongTable&) {
    throw;
  } catch (const UnusableClass& error) {
    set_failure(input, error);
    input.refused_class = error.id();
  } catch (const NoClass& error) {
    set_failure(input, error);
    input.shared_failure = true;
  } catch (const Error& error) {
    set_failure(input, error);
  }
  if (!input.refused_class.empty()) input.shared_failure = true;
  return true;
}

std::string_view ImageSource::folder_class(std::string_view path) const {
  if (is_outside(path)) return {};
  if (options_.root) path.remove_prefix(options_.root->size());
  return first_folder(path);
}

bool ImageSource::is_outside(std::string_view path) const {
  return options_.root && !path.starts_with(*options_.root);
}

std::string ImageSource::file_class(const std::string& path) const {
  if (!options_.root) return {};
  const std::string clean = clean_path(path);
  // As it is written in the list, or else with the folder that the list is about.
  const std::string above = as_folder(options_.list_root);
  if (clean.starts_with(above)) {
    const std::string_view written = std::string_view(clean).substr(above.size());
    if (!is_outside(written)) return std::string(folder_class(written));
  }
  return std::string(folder_class(clean));
}

std::string ImageSource::member_class(const ArchiveWalker::Member& member, std::size_t index) const {
  if (!member.inner.empty()) return member.inner;
  if (options_.root) return std::string(folder_class(member.path));
  if (const auto found = archives_.find(index); found != archives_.end()) {
    if (!found->second.all.empty()) return found->second.all;
    return std::string(found->second.root.class_of(member.path));
  }
  return table_class(member, index);
}

// Where the other names are not known: the first folder that is in the table, or the archive's own name if
// several archives were named and it is in the table.
std::string ImageSource::table_class(const ArchiveWalker::Member& member, std::size_t index) const {
  // The folders above the one that was packed come last: they may be called like a class by chance.
  for (const std::size_t from : {member.packed, std::size_t{0}}) {
    std::string_view path = std::string_view(member.path).substr(from);
    for (std::string_view folder = first_folder(path); !folder.empty(); folder = first_folder(path)) {
      if (labeller_.knows(folder)) return std::string(folder);
      path.remove_prefix(folder.size() + 1);
    }
  }
  std::string own = without_archive_extension(last_component(operands_[index].path));
  if (operands_.size() > 1 && labeller_.knows(own)) return own;
  // None of the table.
  return std::string(first_folder(std::string_view(member.path).substr(member.packed)));
}

void ImageSource::pass_over(const std::string& place) const {
  ++options_.left_out->passed_over;
  say_detail(place + ": passed over: no image");
}

bool ImageSource::is_input(const ArchiveWalker::Member& member, const std::string& place) const {
  if (!is_selected(member.path, options_.names) || is_excluded(member.inner_path, options_.names))
    return false;
  if (member.inner.empty() && is_outside(member.path)) {
    ++options_.left_out->outside;
    return false;
  }
  if (!member.failure.empty() || has_image_suffix(member.path) || has_archive_suffix(member.path))
    return true;
  if (has_image_content(member.content->peek(kDetectBytes))) return true;
  pass_over(place);
  return false;
}

ImageSource::Use ImageSource::use_of(const std::string& path, const std::string& name) const {
  if (has_image_suffix(name)) return Use::image;
  try {
    Opened opened(path);
    const auto head = opened.source.peek(kDetectBytes);
    if (has_image_content(head)) return Use::image;
    ContentKind kind = detect_content(head);
    if (kind == ContentKind::compressed) kind = unpacked_content(opened.source, path);
    if (kind == ContentKind::tar) return Use::archive;
    const bool image = kind == ContentKind::jpeg || kind == ContentKind::png;
    return image || has_archive_suffix(name) ? Use::image : Use::none;
  } catch (const Error&) {
    return Use::image;  // which says why it cannot be read
  }
}

std::string LeftOut::appended() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += ", " + part; };
  if (other_classes > 0) add(count_of(other_classes, "image") + " of other classes left out");
  if (outside > 0) add(count_of(outside, "file") + " outside --root left out");
  if (trailers > 0) add("bytes behind " + count_of(trailers, "image") + " passed over");
  if (passed_over > 0) add(count_of(passed_over, "other file") + " passed over");
  return text;
}

std::optional<ImageInput> ImageSource::step(Reading reading) {
  while (at_ < operands_.size()) {
    const Operand& operand = operands_[at_];
    try {
      if (!feed_) own_.refuse(operand.path);
      if (!feed_ && operand.kind != Kind::file) feed_ = make_feed(at_);
      if (!feed_) {
        ImageInput input;
        input.name = input.path = input.place = operand.path;
        input.label = operand.label;
        ++at_;
        if (!operand.labelled && !set_label(input, file_class(operand.path))) continue;
        return input;
      }
      if (auto input = feed_->next(reading)) return input;
      feed_.reset();
      ++at_;
    } catch (const WrongTable&) {
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
