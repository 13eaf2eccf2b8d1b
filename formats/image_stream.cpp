#include "formats/image_stream.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "formats/idx.h"
#include "formats/image.h"
#include "formats/leading_bytes.h"
#include "formats/tar_blocks.h"
#include "lib/base/content.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/marks.h"

namespace convoy {
namespace {

constexpr std::string_view kPngSignature = kPngMark;
constexpr std::string_view kJpegSignature = kJpegMark;
constexpr std::array kCompressed = {kGzipMark, kZstdMark, kBzip2Mark, kXzMark};
constexpr std::size_t kPassedOverKept = 8192;
constexpr std::size_t kBoxHeader = 8;  // size, type

// After how many bytes something else can be named. What has come so far does not decide, or the name would
// depend on how a pipe is cut into pieces.
struct NamingStep {
  std::size_t bytes;
  bool (*is_enough)(const Content& content);
};
constexpr std::array kNamingSteps = {
    NamingStep{kPictureMarkBytes, [](const Content& content) { return content.picture; }},
    NamingStep{kDetectBytes, [](const Content& content) { return content.markup; }},
    NamingStep{kPassedOverKept, [](const Content&) { return true; }},
};
constexpr auto kVideoBoxes = std::to_array<std::string_view>(
    {"ftyp", "moov", "mdat", "free", "skip", "wide", "uuid", "meta", "moof", "mfra", "sidx", "styp", "pdin"});

// Whether a tar header's checksum is right: the sum of its bytes, with blanks for the checksum's own field,
// in octal. Tars older than POSIX have no other mark.
bool has_tar_checksum(std::span<const std::uint8_t> header) {
  if (header.size() < kTarHeaderBytes || header[0] == 0) return false;
  std::int64_t written = 0;
  bool digits = false;
  for (const std::uint8_t byte : header.subspan(kTarChecksumAt, kTarChecksumBytes)) {
    if (byte >= '0' && byte <= '7') {
      written = written * 8 + (byte - '0');
      digits = true;
    } else if (digits || byte != ' ') {
      break;
    }
  }
  return digits && tar_sums(header).of_unsigned == written;
}

bool is_padding(std::uint8_t byte) { return byte == 0 || std::isspace(byte) != 0; }

// What bytes between images are, if they are something that was taken for images; empty for a few words or
// unknown bytes.
std::string what_is_there(std::span<const std::uint8_t> bytes) {
  const auto content = content_of(bytes);
  const bool words = content && !content->markup && is_text(as_text(std::as_bytes(bytes)));
  return words ? std::string() : wrong_content(bytes, Expected::image);
}

}  // namespace

ContentKind detect_content(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return ContentKind::empty;
  if (starts_with(bytes, kJpegSignature)) return ContentKind::jpeg;
  if (starts_with(bytes, kPngSignature)) return ContentKind::png;
  if (starts_with(bytes, kShardMark)) return ContentKind::shard;
  if (is_idx(bytes)) return ContentKind::idx;
  if (std::any_of(kCompressed.begin(), kCompressed.end(),
                  [&](std::string_view lead) { return starts_with(bytes, lead); })) {
    return ContentKind::compressed;
  }
  return has_tar_checksum(bytes) ? ContentKind::tar : ContentKind::unknown;
}

std::optional<ImageSplitter::Piece> ImageSplitter::next() {
  trailer_ = 0;
  while (true) {
    const auto there = source_.peek(1);
    if (there.empty()) return std::nullopt;
    if (is_padding(there[0])) {
      if (there[0] == 0 && skip_video()) continue;
      // A video may begin at any zero.
      const auto end =
          index_.video ? there.begin() + 1 : std::find_if_not(there.begin(), there.end(), is_padding);
      source_.take(static_cast<std::size_t>(end - there.begin()));
      continue;
    }
    const bool jpeg = starts_with(source_.peek(kJpegSignature.size()), kJpegSignature);
    // The first byte decides between the two, so we never wait for bytes beyond the image.
    const bool png = !jpeg && source_.peek(1)[0] == static_cast<std::uint8_t>(kPngSignature[0]) &&
                     starts_with(source_.peek(kPngSignature.size()), kPngSignature);
    if (!jpeg && !png) {
      if (auto other = pass_over()) return other;
      continue;
    }
    const auto bytes = jpeg ? ends_.jpeg() : ends_.png();
    Piece piece = take_image(bytes);
    if (jpeg && bytes && is_announced(*bytes)) continue;
    after_image_ = true;
    passing_ = false;
    index_ = jpeg ? read_jpeg_index(piece.bytes) : JpegIndex();
    return piece;
  }
}

// If the structure is broken, so that the number of bytes is not known, the image is everything before the
// next signature.
ImageSplitter::Piece ImageSplitter::take_image(std::optional<std::size_t> bytes) {
  Piece piece;
  if (bytes) {
    const auto there = source_.peek(*bytes).first(*bytes);
    piece.bytes.assign(there.begin(), there.end());
    source_.take(*bytes);
  } else {
    take_to_signature(1, piece.bytes, kMaxImageFileBytes);
  }
  return piece;
}

// The sizes must be equal: to look whether zeros fill up a larger one would be to wait for them, and an index
// may be wrong.
bool ImageSplitter::is_announced(std::size_t bytes) {
  const auto size = std::find(index_.pictures.begin(), index_.pictures.end(), bytes);
  if (size == index_.pictures.end()) return false;
  index_.pictures.erase(size);
  return true;
}

// ISO/IEC 14496-12, section 4.2: a file is a row of boxes, each with its size and its type. That of a video
// begins with "ftyp".
bool ImageSplitter::skip_video() {
  if (!index_.video) return false;
  for (bool first = true;; first = false) {
    const auto head = source_.peek(kBoxHeader);
    if (head.size() < kBoxHeader) return !first;
    const auto type = head.subspan(4, 4);
    const bool is_box = first ? starts_with(type, "ftyp")
                              : std::any_of(kVideoBoxes.begin(), kVideoBoxes.end(),
                                            [&](std::string_view box) { return starts_with(type, box); });
    if (!is_box) return !first;
    index_.video = false;
    std::uint64_t size = big_endian_32(head);
    if (size == 1) {  // 64 bits follow the type
      const auto large = source_.peek(2 * kBoxHeader);
      if (large.size() < 2 * kBoxHeader) return true;
      size = std::uint64_t{big_endian_32(large.subspan(8))} << 32 | big_endian_32(large.subspan(12));
    }
    if (size < kBoxHeader) return true;
    source_.skip(size);
  }
}

std::optional<ImageSplitter::Piece> ImageSplitter::pass_over() {
  if (skip_video()) return std::nullopt;
  Piece other;
  if (passing_) {
    take_to_signature(0, other.bytes, 0);
    return std::nullopt;
  }
  // Nobody knows where something else ends. It is named as soon as enough of it is there, since its sender
  // may wait for that, and what follows it up to the next image is part of it.
  for (const NamingStep& step : kNamingSteps) {
    const auto head = beginning(step.bytes);
    const auto content = content_of(head);
    const bool enough = content && step.is_enough(*content);
    if (other.failure = enough ? what_is_there(head) : ""; other.failure.empty()) continue;
    other.bytes.assign(head.begin(), head.end());
    passing_ = true;
    return other;
  }
  const std::uint64_t passed = take_to_signature(0, other.bytes, kPassedOverKept);
  if (after_image_) {
    trailer_ += passed;
    return std::nullopt;
  }
  other.failure = what_is_there(other.bytes);
  if (other.failure.empty()) {
    other.failure = std::to_string(passed) + " bytes that are neither JPEG nor PNG";
  }
  return other;
}

// The next bytes: so many, or fewer if the stream ends, or an image begins, whose signature is the last of
// them. How many have arrived makes no difference.
std::span<const std::uint8_t> ImageSplitter::beginning(std::size_t bytes) {
  std::size_t searched = 0;  // in which no signature begins
  auto there = source_.peek(kImageSignatureBytes);
  while (true) {
    const auto window = there.first(std::min(there.size(), bytes));
    const std::size_t found = find_image_signature(window, searched);
    if (found < window.size()) {
      there = source_.peek(std::min(bytes, found + kImageSignatureBytes));
      return there.first(std::min({there.size(), bytes, found + kImageSignatureBytes}));
    }
    if (there.size() >= bytes) return window;
    searched = window.size() - std::min(window.size(), kImageSignatureBytes);
    const std::size_t before = there.size();
    there = source_.peek(before + 1);
    if (there.size() == before) return there;
  }
}

std::uint64_t ImageSplitter::take_to_signature(std::size_t from, std::vector<std::uint8_t>& bytes,
                                               std::size_t limit) {
  std::uint64_t taken = 0;
  while (true) {
    const auto there = source_.peek(kPngSignature.size() + from);
    if (there.empty()) return taken;
    const std::size_t found = find_image_signature(there, from);
    // A signature may begin in the last bytes available.
    const bool at_end = there.size() < kPngSignature.size() + from;
    const std::size_t step = found < there.size() || at_end ? found : there.size() - kPngSignature.size() + 1;
    const std::size_t kept = std::min(step, limit - bytes.size());
    bytes.insert(bytes.end(), there.begin(), there.begin() + static_cast<std::ptrdiff_t>(kept));
    source_.take(step);
    taken += step;
    from = 0;
    if (found < there.size()) return taken;
  }
}

}  // namespace convoy
