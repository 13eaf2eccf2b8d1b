#include "lib/prep/archive_walk.h"

#include <utility>

#include "formats/image.h"
#include "formats/image_stream.h"
#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/prep/temporary_source.h"
#include "lib/prep/walk.h"

namespace convoy {
namespace {

std::shared_ptr<ByteSource> borrowed(ByteSource& source) { return {std::shared_ptr<void>(), &source}; }

}  // namespace

LinkedArchive::LinkedArchive(std::shared_ptr<ByteSource> source, Reopen reopen, std::string place,
                             std::uint64_t skip)
    : place_(std::move(place)), reopen_(std::move(reopen)), source_(std::move(source)) {
  reader_.emplace(*source_, place_);
  for (; entries_ < skip; ++entries_) {
    const auto entry = reader_->next_entry();
    if (!entry) return;
    if (entry->type == ArchiveEntry::Type::folder) root_.add_folder(clean_path(entry->path));
  }
}

// Reads on behind the first `entries` entries.
void LinkedArchive::open_at(std::uint64_t entries) {
  auto source = reopen_();
  reader_.reset();
  source_ = std::move(source);
  reader_.emplace(*source_, place_);
  for (std::uint64_t i = 0; i < entries; ++i) static_cast<void>(reader_->next_entry());
}

std::optional<LinkedArchive::File> LinkedArchive::next() {
  linked_.reset();
  linked_extent_.reset();
  while (true) {
    if (!pending_.empty()) return linked_file();
    auto entry = reader_->next_entry();
    if (!entry) return std::nullopt;
    ++entries_;
    std::string path = reader_->is_plain() ? entry->path : clean_path(entry->path);
    if (entry->type == ArchiveEntry::Type::folder) root_.add_folder(path);
    if (entry->type == ArchiveEntry::Type::folder || path.empty() || root_.hides(path)) continue;
    switch (entry->type) {
      case ArchiveEntry::Type::file:
        return File{.path = std::move(path), .content = &reader_->content()};
      case ArchiveEntry::Type::other:
        return File{.path = std::move(path), .failure = std::string(kNotRegular)};
      case ArchiveEntry::Type::folder:
        break;
      case ArchiveEntry::Type::hard_link:
      case ArchiveEntry::Type::symbolic_link:
        if (!reopen_) throw CannotReopen();
        if (!tree_ && no_links_.empty()) follow_links();
        if (!no_links_.empty()) return File{.path = std::move(path), .failure = no_links_};
        std::uint64_t steps = 0;
        for (auto& linked : tree_->follow(path, steps)) pending_.push_back(std::move(linked));
    }
  }
}

std::optional<LinkedArchive::File> LinkedArchive::linked_file() {
  ArchiveTree::Linked linked = std::move(pending_.front());
  pending_.pop_front();
  File file{.path = std::move(linked.path), .failure = std::move(linked.failure)};
  const auto extent = extents_.find(linked.ordinal);
  if (file.failure.empty() && extent == extents_.end()) file.failure = "a link to data that are damaged";
  if (!file.failure.empty()) return file;
  linked_extent_ = extent->second;
  file.content = &again();
  return file;
}

ByteSource& LinkedArchive::again() {
  if (linked_extent_) {
    linked_ = std::make_unique<TemporarySource>(*kept_, linked_extent_->offset, linked_extent_->size);
    return *linked_;
  }
  open_at(entries_ - 1);
  if (!reader_->next_entry()) throw Error(place_, "is not what it was when it was read before");
  return reader_->content();
}

// Reads the names, then the data that links lead to.
void LinkedArchive::follow_links() {
  try {
    auto source = reopen_();
    ArchiveTree& tree = tree_.emplace();
    std::vector<std::string> links;
    try {
      ArchiveReader names(*source, place_);
      ClassRoot root;
      for (std::uint64_t ordinal = 0; const auto entry = names.next_entry(); ++ordinal) {
        tree.add(*entry, ordinal);
        std::string path = clean_path(entry->path);
        if (entry->type == ArchiveEntry::Type::folder) root.add_folder(path);
        const bool link =
            entry->type == ArchiveEntry::Type::hard_link || entry->type == ArchiveEntry::Type::symbolic_link;
        if (link && !path.empty() && !root.hides(path)) links.push_back(std::move(path));
      }
    } catch (const Error& error) {
      if (error.place() != place_) throw;
      // Damage is met again where it is.
    }
    std::unordered_map<std::uint64_t, std::uint64_t> needed;  // how often, by entry
    std::uint64_t steps = 0;
    for (const std::string& link : links) {
      for (const ArchiveTree::Linked& linked : tree.follow(link, steps)) {
        if (linked.failure.empty()) ++needed[linked.ordinal];
      }
    }
    keep_targets(needed);
    open_at(entries_);
  } catch (const Error& error) {
    tree_.reset();
    no_links_ = "a link, which cannot be followed: " + std::string(error.reason());
  }
}

// needed: how many links stand for each entry. Throws Error if what they stand for is too much.
void LinkedArchive::keep_targets(const std::unordered_map<std::uint64_t, std::uint64_t>& needed) {
  if (needed.empty()) return;
  kept_.emplace("copy of what the links in " + place_ + " lead to");
  std::uint64_t offset = 0;
  std::uint64_t linked = 0;
  const auto source = reopen_();
  std::optional<ArchiveReader> reader;
  try {
    reader.emplace(*source, place_);
    for (std::uint64_t ordinal = 0; const auto entry = reader->next_entry(); ++ordinal) {
      if (!needed.contains(ordinal) || entry->type != ArchiveEntry::Type::file) continue;
      ByteSource& content = reader->content();
      const ContentKind kind = detect_content(content.peek(kDetectBytes));
      // Of what is neither an image nor an archive, the beginning says what it is.
      const bool image = kind == ContentKind::jpeg || kind == ContentKind::png;
      const std::uint64_t limit = kind == ContentKind::unknown ? kContentBytes
                                  : image                      ? kMaxImageFileBytes + 1
                                                               : UINT64_MAX;
      const std::uint64_t size = append_all(content, *kept_, limit);
      extents_[ordinal] = {offset, size};
      offset += size;
      linked = saturating_add(linked, saturating_mul(size, needed.at(ordinal)));
    }
  } catch (const Error& error) {
    if (error.place() != place_) throw;
  }
  const std::uint64_t most = kLinkedBytesAlways + kLinkedBytesPerByte * (reader ? reader->bytes() : 0);
  if (linked > most) {
    throw Error(place_, "links that stand for files of " + format_bytes(linked) + " together, more than " +
                            format_bytes(most));
  }
}

ArchiveWalker::ArchiveWalker(std::shared_ptr<ByteSource> source, Reopen reopen, std::string place)
    : place_(std::move(place)), outer_(std::move(source), std::move(reopen), place_) {}

std::optional<ArchiveWalker::Member> ArchiveWalker::next() {
  try {
    return step();
  } catch (const Error& error) {
    if (error.place() != inner_place()) throw;
    throw Error(place_, inner_path_ + ": " + error.reason());
  }
}

std::optional<ArchiveWalker::Member> ArchiveWalker::step() {
  while (!ended_) {
    if (inner_) {
      if (auto member = next_inner()) return member;
      inner_.reset();
    }
    std::optional<LinkedArchive::File> file;
    try {
      file = outer_.next();
    } catch (...) {
      ended_ = true;
      throw;
    }
    if (!file) break;
    if (!file->failure.empty())
      return Member{.path = std::move(file->path), .failure = std::move(file->failure)};
    const std::size_t packed = root().packed_part(file->path);
    if (auto member = enter(*file)) {
      member->packed = packed;
      return member;
    }
  }
  ended_ = true;
  return std::nullopt;
}

std::optional<ArchiveWalker::Member> ArchiveWalker::next_inner() {
  while (true) {
    try {
      auto file = inner_->next();
      if (!file) return std::nullopt;
      std::string name(last_component(stem_));
      std::string path = name + "/" + file->path;
      return Member{.path = std::move(path),
                    .inner = std::move(name),
                    .inner_path = inner_path_,
                    .content = file->content,
                    .failure = std::move(file->failure)};
    } catch (const LinkedArchive::CannotReopen&) {
      // The part that has been read of the inner archive is gone: begin with it again.
      const std::uint64_t skip = inner_->entries_before();
      inner_.reset();
      copies_inner_ = true;
      open_inner(outer_.again(), skip);
    } catch (...) {
      inner_.reset();
      throw;
    }
  }
}

void ArchiveWalker::open_inner(ByteSource& content, std::uint64_t skip) {
  inner_.reset();
  if (!copies_inner_) {
    inner_.emplace(borrowed(content), Reopen(), inner_place(), skip);
    return;
  }
  TemporaryFile& copy = copy_.emplace("temporary copy of " + inner_place());
  const std::uint64_t size = append_all(content, copy);
  const auto open = [&copy, size] { return std::make_shared<TemporarySource>(copy, 0, size); };
  inner_.emplace(open(), open, inner_place(), skip);
}

// The member that the file is, or nothing if it is an archive, whose files come next.
std::optional<ArchiveWalker::Member> ArchiveWalker::enter(LinkedArchive::File& file) {
  ByteSource& content = *file.content;
  const ContentKind kind = detect_content(content.peek(kDetectBytes));
  const bool archive = kind == ContentKind::tar && !has_image_suffix(file.path);
  if (!archive && kind != ContentKind::compressed) {
    return Member{.path = std::move(file.path), .content = &content};
  }
  inner_path_ = file.path;
  stem_ = without_archive_extension(file.path);
  open_inner(content, 0);
  if (!inner_->is_plain()) return std::nullopt;
  // The reader is kept while its content is in use.
  auto plain = inner_->next();
  return Member{.path = std::move(file.path), .content = plain ? plain->content : &content};
}

}  // namespace convoy
