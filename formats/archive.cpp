#include "formats/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "formats/archive_handle.h"
#include "formats/image.h"
#include "formats/image_stream.h"
#include "formats/unpacked.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

// A hole takes a few bytes of an archive, however large it is: with so many bytes
// it is too large for an image.
constexpr std::uint64_t kMostOfHole = kMaxImageFileBytes + 1;

std::string without_dot(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  return std::string(path);
}

ArchiveEntry::Type type_of(archive_entry* entry) {
  // A hard link has the data of another member, unless it comes with its own.
  const bool linked =
      archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr;
  if (linked && archive_entry_size(entry) == 0) return ArchiveEntry::Type::hard_link;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return ArchiveEntry::Type::file;
    case AE_IFDIR:
      return ArchiveEntry::Type::folder;
    case AE_IFLNK:
      return ArchiveEntry::Type::symbolic_link;
    default:
      return linked ? ArchiveEntry::Type::file : ArchiveEntry::Type::other;
  }
}

}  // namespace

struct ArchiveReader::State {
  class Content : public ByteSource {
   public:
    // size: what the file has, with its holes.
    Content(ArchiveHandle& handle, std::uint64_t size)
        : handle_(handle), rest_(std::min(size, kMostOfHole)) {}

   protected:
    std::size_t fill(std::span<std::byte> into) override;

   private:
    std::size_t fill_hole(std::span<std::byte> into);
    ArchiveHandle& handle_;
    std::uint64_t rest_;
    bool in_last_hole_ = false;
  };

  std::optional<Unpacked> unpacked;  // if the source is compressed
  std::optional<ArchiveHandle> handle;
  std::optional<Content> content;
  archive_entry* first = nullptr;  // read in the constructor to learn the format
  bool ended = false;

  archive_entry* read_header() {
    content.reset();
    archive_entry* const entry = handle->read_header();
    ended = entry == nullptr;
    return entry;
  }
};

std::size_t ArchiveReader::State::Content::fill(std::span<std::byte> into) {
  if (in_last_hole_) return fill_hole(into);
  const la_ssize_t got = archive_read_data(handle_.get(), into.data(), into.size());
  // Also after a success: libarchive may take a failure of the source for its end.
  handle_.check(static_cast<int>(std::clamp<la_ssize_t>(got, ARCHIVE_FATAL, ARCHIVE_OK)));
  const std::size_t bytes = got < 0 ? 0 : static_cast<std::size_t>(got);
  rest_ -= std::min<std::uint64_t>(bytes, rest_);
  in_last_hole_ = bytes == 0;
  return in_last_hole_ ? fill_hole(into) : bytes;
}

// libarchive gives the zeros of the holes between data, but not those behind them.
std::size_t ArchiveReader::State::Content::fill_hole(std::span<std::byte> into) {
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), rest_));
  std::ranges::fill(into.first(bytes), std::byte{0});
  rest_ -= bytes;
  return bytes;
}

// What is compressed is unpacked first: libarchive would not let us look at what its filters give to its
// reader of tar.
ArchiveReader::ArchiveReader(ByteSource& source, std::string place) : state_(std::make_unique<State>()) {
  State& state = *state_;
  ByteSource* from = &source;
  if (detect_content(source.peek(kImageSignatureBytes)) == ContentKind::compressed) {
    from = &state.unpacked.emplace(source, place);
  }
  ArchiveHandle& handle =
      state.handle.emplace(*from, std::move(place),
                           std::initializer_list<ArchiveHandle::Support>{archive_read_support_format_tar,
                                                                         archive_read_support_format_raw,
                                                                         archive_read_support_format_empty});
  // `cat a.tar b.tar` holds the members of both.
  handle.check(archive_read_set_options(handle.get(), "tar:read_concatenated_archives"));
  handle.check(archive_read_open1(handle.get()));
  state.first = state.read_header();
  if (is_plain()) handle.blocks().leave_as_they_are();
}

ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

bool ArchiveReader::is_plain() const { return archive_format(state_->handle->get()) == ARCHIVE_FORMAT_RAW; }

std::optional<ArchiveMember> ArchiveReader::next() {
  while (auto entry = next_entry()) {
    if (entry->type == ArchiveEntry::Type::file) return ArchiveMember{without_dot(entry->path)};
  }
  return std::nullopt;
}

std::optional<ArchiveEntry> ArchiveReader::next_entry() {
  State& state = *state_;
  if (state.ended) return std::nullopt;
  archive_entry* entry = state.first != nullptr ? std::exchange(state.first, nullptr) : state.read_header();
  if (entry == nullptr) return std::nullopt;
  const auto text = [](const char* bytes, const char* utf8) { return bytes != nullptr ? bytes : utf8; };
  const char* path = text(archive_entry_pathname(entry), archive_entry_pathname_utf8(entry));
  if (path == nullptr) throw Error(state.handle->place(), "a member without a name");
  ArchiveEntry found{.path = path, .type = type_of(entry), .target = {}};
  const char* target = nullptr;
  if (found.type == ArchiveEntry::Type::hard_link) {
    target = text(archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry));
  } else if (found.type == ArchiveEntry::Type::symbolic_link) {
    target = text(archive_entry_symlink(entry), archive_entry_symlink_utf8(entry));
  }
  if (target != nullptr) found.target = target;
  if (found.type == ArchiveEntry::Type::file) {
    const la_int64_t size = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : 0;
    state.content.emplace(*state.handle, static_cast<std::uint64_t>(std::max<la_int64_t>(size, 0)));
  }
  return found;
}

ByteSource& ArchiveReader::content() { return *state_->content; }

std::uint64_t ArchiveReader::bytes() const { return state_->handle->blocks().given(); }

std::vector<std::uint8_t> read_all(ByteSource& source, std::string_view place, std::uint64_t limit,
                                   const OnPiece& on_piece) {
  std::vector<std::uint8_t> bytes;
  while (true) {
    const auto there = source.peek(1);
    if (there.empty()) return bytes;
    if (there.size() > limit - bytes.size()) {
      throw Error(place, "larger than the limit of " + std::to_string(limit) + " bytes");
    }
    if (on_piece) on_piece(there);
    bytes.insert(bytes.end(), there.begin(), there.end());
    source.take(there.size());
  }
}

std::vector<std::uint8_t> decompress(std::span<const std::uint8_t> bytes, std::string_view place,
                                     std::uint64_t limit) {
  MemorySource source(bytes);
  ArchiveReader reader(source, std::string(place));
  if (!reader.is_plain()) throw Error(place, "a compressed archive where a compressed file is expected");
  if (!reader.next()) throw Error(place, "nothing inside");
  return read_all(reader.content(), place, limit);
}

}  // namespace convoy
