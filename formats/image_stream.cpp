#include "formats/image_stream.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

#include "formats/idx.h"
#include "formats/image.h"
#include "lib/base/content.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/marks.h"

namespace convoy {
namespace {

constexpr std::string_view kPngSignature = kPngMark;
constexpr std::string_view kJpegSignature = kJpegMark;
constexpr std::array kCompressed = {kGzipMark, kZstdMark, kBzip2Mark, kXzMark};
constexpr std::size_t kPngChunkHeader = 8;   // length, type
constexpr std::size_t kPngChunkTrailer = 4;  // CRC
constexpr std::size_t kPassedOverKept = 8192;
constexpr std::size_t kBoxHeader = 8;  // size, type
constexpr auto kVideoBoxes = std::to_array<std::string_view>(
    {"ftyp", "moov", "mdat", "free", "skip", "wide", "uuid", "meta", "moof", "mfra", "sidx", "styp", "pdin"});
constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kEndOfImage = 0xD9;
constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::uint8_t kTemporary = 0x01;

bool starts_with(std::span<const std::uint8_t> bytes, std::string_view lead) {
  return bytes.size() >= lead.size() && std::memcmp(bytes.data(), lead.data(), lead.size()) == 0;
}

std::uint32_t big_endian_32(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[i];
  return value;
}

bool is_restart(std::uint8_t marker) { return marker >= 0xD0 && marker <= 0xD7; }

// Whether a tar header's checksum is right: the sum of its bytes, with blanks for the checksum's own field,
// in octal. Tars older than POSIX have no other mark.
bool has_tar_checksum(std::span<const std::uint8_t> header) {
  constexpr std::size_t kField = 148;
  constexpr std::size_t kFieldBytes = 8;
  if (header.size() < kDetectBytes || header[0] == 0) return false;
  std::uint64_t written = 0;
  bool digits = false;
  for (std::size_t i = kField; i < kField + kFieldBytes; ++i) {
    if (header[i] >= '0' && header[i] <= '7') {
      written = written * 8 + (header[i] - '0');
      digits = true;
    } else if (digits || header[i] != ' ') {
      break;
    }
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kDetectBytes; ++i) {
    sum += i >= kField && i < kField + kFieldBytes ? std::uint8_t{' '} : header[i];
  }
  return digits && sum == written;
}

// What bytes between images are, if they are something that was taken for images; empty for a few words or
// unknown bytes.
std::string what_is_there(std::span<const std::uint8_t> bytes) {
  const auto content = content_of(bytes);
  const bool words = content && !content->markup && is_text(as_text(std::as_bytes(bytes)));
  return words ? std::string() : wrong_content(bytes, Expected::image);
}

// Offset of the first signature of an image at `from` or later; bytes.size() if there is none.
std::size_t find_signature(std::span<const std::uint8_t> bytes, std::size_t from) {
  for (std::size_t i = from; i < bytes.size(); ++i) {
    const auto rest = bytes.subspan(i);
    if (starts_with(rest, kJpegSignature) || starts_with(rest, kPngSignature)) return i;
  }
  return bytes.size();
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
    const std::uint8_t byte = there[0];
    if (byte == 0 || std::isspace(byte) != 0) {
      if (byte == 0 && skip_video()) continue;
      source_.take(1);
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
    Piece piece;
    JpegIndex index;
    if (jpeg ? append_jpeg(piece.bytes, index) : append_png(piece.bytes)) {
      if (jpeg && is_announced(piece.bytes.size())) continue;
    } else {
      // The structure is broken, and bytes taken as part of this image may be those of the next ones. The
      // image is then everything before the next signature.
      source_.unread(piece.bytes);
      piece.bytes.clear();
      take_to_signature(1, piece.bytes, kMaxImageFileBytes);
    }
    after_image_ = true;
    passing_ = false;
    index_ = std::move(index);
    return piece;
  }
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
  // Nobody knows where something else ends. It is named at once, since its sender may wait for that, and what
  // follows it up to the next image is part of it.
  const auto there = source_.peek(kImageSignatureBytes);
  const auto head = there.first(std::min(there.size(), kPassedOverKept));
  if (other.failure = what_is_there(head); !other.failure.empty()) {
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

bool ImageSplitter::append(std::vector<std::uint8_t>& image, std::size_t bytes) {
  while (bytes > 0) {
    const auto there = source_.peek(1);
    if (there.empty() || image.size() >= kMaxImageFileBytes) return false;
    const std::size_t step = std::min(bytes, there.size());
    image.insert(image.end(), there.begin(), there.begin() + static_cast<std::ptrdiff_t>(step));
    source_.take(step);
    bytes -= step;
  }
  return true;
}

// ITU-T T.81, annex B: markers, segments with their length, and entropy-coded data after each scan header.
bool ImageSplitter::append_jpeg(std::vector<std::uint8_t>& image, JpegIndex& index) {
  if (!append(image, 2)) return false;
  std::size_t scan = 0;  // the offset of the first scan's header; 0: none yet
  while (true) {
    // Like libjpeg, skips bytes before a marker; any number of 0xFF bytes may precede it.
    do {
      if (!append(image, 1)) return end_without_marker(image, scan);
    } while (image.back() != 0xFF);
    do {
      if (!append(image, 1)) return end_without_marker(image, scan);
    } while (image.back() == 0xFF);
    const std::uint8_t marker = image.back();
    if (marker == kEndOfImage) return true;
    if (marker == kStartOfImage) return end_without_marker(image, scan);
    if (marker == 0 || marker == kTemporary || is_restart(marker)) continue;
    if (!append(image, 2)) return end_without_marker(image, scan);
    const std::size_t length = std::size_t{image[image.size() - 2]} << 8 | image.back();
    if (length < 2 || !append(image, length - 2)) return end_without_marker(image, scan);
    if (scan == 0) add_jpeg_segment(marker, std::span(image).last(length - 2), index);
    if (marker != kStartOfScan) continue;
    if (scan == 0) scan = image.size() - length;
    if (!append_entropy_coded(image)) return end_without_marker(image, scan);
  }
}

// An image whose end marker is missing ends where the next one begins, or with the input. Thumbnails lie
// before the first scan, so a signature behind it is the next image's; it goes back to the source.
bool ImageSplitter::end_without_marker(std::vector<std::uint8_t>& image, std::size_t scan) {
  if (scan == 0 || image.size() >= kMaxImageFileBytes) return false;
  while (true) {
    const std::size_t end = find_signature(image, scan);
    // The third byte of a signature at the end of what has been taken may not be there yet.
    const bool begun = end == image.size() && image.back() == kStartOfImage && image[end - 2] == 0xFF;
    if (begun && append(image, 1)) continue;
    source_.unread(std::span(image).subspan(end));
    image.resize(end);
    return true;
  }
}

// Appends data up to the next marker, which stays in the source.
bool ImageSplitter::append_entropy_coded(std::vector<std::uint8_t>& image) {
  while (true) {
    const auto there = source_.peek(1);
    if (there.empty()) return false;
    const auto marker = std::find(there.begin(), there.end(), std::uint8_t{0xFF});
    if (!append(image, static_cast<std::size_t>(marker - there.begin()))) return false;
    if (marker == there.end()) continue;
    const auto pair = source_.peek(2);
    if (pair.size() < 2) return append(image, 1) && false;
    if (pair[1] == 0 || is_restart(pair[1])) {
      if (!append(image, 2)) return false;
    } else if (pair[1] == 0xFF) {
      if (!append(image, 1)) return false;
    } else {
      return true;
    }
  }
}

// PNG (third edition), section 5: signature and chunks. Checksums are verified too, so that a chunk that was
// cut short does not swallow the next image.
bool ImageSplitter::append_png(std::vector<std::uint8_t>& image) {
  if (!append(image, kPngSignature.size())) return false;
  while (true) {
    const std::size_t chunk = image.size();
    if (!append(image, kPngChunkHeader)) return false;
    const std::size_t length = big_endian_32(std::span(image).subspan(chunk));
    const auto type = std::span(image).subspan(chunk + 4, 4);
    const bool letters =
        std::all_of(type.begin(), type.end(), [](std::uint8_t c) { return std::isalpha(c) != 0; });
    const bool last = starts_with(type, "IEND");
    if (!letters || !append(image, length + kPngChunkTrailer)) return false;
    const auto covered = std::span(image).subspan(chunk + 4, 4 + length);
    const auto written = big_endian_32(std::span(image).last(kPngChunkTrailer));
    if (::crc32_z(0, covered.data(), covered.size()) != written) return false;
    if (last) return true;
  }
}

std::uint64_t ImageSplitter::take_to_signature(std::size_t from, std::vector<std::uint8_t>& bytes,
                                               std::size_t limit) {
  std::uint64_t taken = 0;
  while (true) {
    const auto there = source_.peek(kPngSignature.size() + from);
    if (there.empty()) return taken;
    const std::size_t found = find_signature(there, from);
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
