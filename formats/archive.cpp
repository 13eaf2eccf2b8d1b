#include "formats/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr std::size_t kPeekForArchive = 1;

struct CloseArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

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

// Whether an error of libarchive means that memory is short. Its filters for zstd and bzip2 have that only in
// words. But xz data that need more than libarchive's own limit are to blame themselves, and come with the
// same number.
bool is_out_of_memory(int code, const char* reason) {
  const std::string_view text = reason != nullptr ? reason : "";
  if (text == "Lzma library error: Out of memory") return false;
  return code == ENOMEM || text.find("Allocation error") != std::string_view::npos ||
         text.find("out of memory") != std::string_view::npos;
}

}  // namespace

// State of the callbacks through which libarchive reads. No exception may leave a callback: it is kept, and
// rethrown when libarchive has returned.
struct ArchiveReader::State {
  class Content : public ByteSource {
   public:
    explicit Content(State& state) : state_(state) {}

   protected:
    std::size_t fill(std::span<std::byte> into) override;

   private:
    State& state_;
  };

  ByteSource& source;
  std::string place;
  std::unique_ptr<archive, CloseArchive> handle;
  std::unique_ptr<archive_entry, FreeEntry> entry;
  std::exception_ptr failure;
  std::size_t given = 0;  // bytes of the source that libarchive holds
  std::optional<Content> content;
  archive_entry* first = nullptr;  // read in the constructor to learn the format
  bool ended = false;

  State(ByteSource& bytes, std::string name) : source(bytes), place(std::move(name)) {}

  static la_ssize_t read(archive* handle, void* self, const void** block) noexcept {
    auto& state = *static_cast<State*>(self);
    try {
      state.source.take(std::exchange(state.given, 0));
      const auto there = state.source.peek(kPeekForArchive);
      *block = there.data();
      state.given = there.size();
      return static_cast<la_ssize_t>(there.size());
    } catch (...) {
      state.failure = std::current_exception();
      archive_set_error(handle, EIO, "read failed");
      return ARCHIVE_FATAL;
    }
  }

  static la_int64_t skip(archive* handle, void* self, la_int64_t bytes) noexcept {
    auto& state = *static_cast<State*>(self);
    try {
      state.source.take(std::exchange(state.given, 0));
      return static_cast<la_int64_t>(state.source.skip(static_cast<std::uint64_t>(bytes)));
    } catch (...) {
      state.failure = std::current_exception();
      archive_set_error(handle, EIO, "read failed");
      return ARCHIVE_FATAL;
    }
  }

  // Throws if a status of libarchive is an error, else returns it. Warnings (an odd time stamp, a name in
  // another character set) cost no data.
  int check(int status) {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (status < ARCHIVE_WARN || status == ARCHIVE_RETRY) {
      const char* reason = archive_error_string(handle.get());
      if (is_out_of_memory(archive_errno(handle.get()), reason)) throw SystemError(place, "out of memory");
      throw Error(place, reason != nullptr ? reason : "not an archive");
    }
    return status;
  }

  archive_entry* read_header() {
    content.reset();
    // libarchive's own entry, which archive_read_next_header() gives, may be none if memory is short.
    if (!entry) entry.reset(archive_entry_new2(handle.get()));
    if (!entry) throw std::bad_alloc();
    if (check(archive_read_next_header2(handle.get(), entry.get())) != ARCHIVE_EOF) return entry.get();
    ended = true;
    return nullptr;
  }
};

std::size_t ArchiveReader::State::Content::fill(std::span<std::byte> into) {
  const la_ssize_t got = archive_read_data(state_.handle.get(), into.data(), into.size());
  // Also after a success: libarchive may take a failure of the source for its end.
  state_.check(static_cast<int>(std::clamp<la_ssize_t>(got, ARCHIVE_FATAL, ARCHIVE_OK)));
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

ArchiveReader::ArchiveReader(ByteSource& source, std::string place)
    : state_(std::make_unique<State>(source, std::move(place))) {
  State& state = *state_;
  state.handle.reset(archive_read_new());
  archive* handle = state.handle.get();
  if (handle == nullptr) throw std::bad_alloc();
  // Not support_filter_all(), which runs external programs for formats that libarchive was built without.
  for (const auto support :
       {archive_read_support_filter_gzip, archive_read_support_filter_zstd, archive_read_support_filter_bzip2,
        archive_read_support_filter_xz, archive_read_support_format_tar, archive_read_support_format_raw,
        archive_read_support_format_empty}) {
    state.check(support(handle));
  }
  // `cat a.tar b.tar` holds the members of both.
  state.check(archive_read_set_options(handle, "tar:read_concatenated_archives"));
  archive_read_set_read_callback(handle, State::read);
  archive_read_set_skip_callback(handle, State::skip);
  archive_read_set_callback_data(handle, &state);
  state.check(archive_read_open1(handle));
  state.first = state.read_header();
}

ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

bool ArchiveReader::is_plain() const { return archive_format(state_->handle.get()) == ARCHIVE_FORMAT_RAW; }

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
  if (path == nullptr) throw Error(state.place, "a member without a name");
  ArchiveEntry found{.path = path, .type = type_of(entry), .target = {}};
  const char* target = nullptr;
  if (found.type == ArchiveEntry::Type::hard_link) {
    target = text(archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry));
  } else if (found.type == ArchiveEntry::Type::symbolic_link) {
    target = text(archive_entry_symlink(entry), archive_entry_symlink_utf8(entry));
  }
  if (target != nullptr) found.target = target;
  if (found.type == ArchiveEntry::Type::file) state.content.emplace(state);
  return found;
}

ByteSource& ArchiveReader::content() { return *state_->content; }

std::vector<std::uint8_t> read_all(ByteSource& source, std::string_view place, std::uint64_t limit) {
  std::vector<std::uint8_t> bytes;
  while (true) {
    const auto there = source.peek(1);
    if (there.empty()) return bytes;
    if (there.size() > limit - bytes.size()) {
      throw Error(place, "larger than the limit of " + std::to_string(limit) + " bytes");
    }
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
