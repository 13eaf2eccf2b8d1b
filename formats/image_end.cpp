#include "formats/image_end.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

#include "formats/image.h"
#include "formats/leading_bytes.h"
#include "lib/base/marks.h"

namespace convoy {
namespace {

constexpr std::size_t kPngChunkHeader = 8;   // length, type
constexpr std::size_t kPngChunkTrailer = 4;  // CRC
constexpr std::size_t kWindow = 64;          // bytes that are gone through before a look at what is known
constexpr std::size_t kSearchStep = 4096;
constexpr std::uint8_t kMarker = 0xFF;
constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kEndOfImage = 0xD9;
constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::uint8_t kTemporary = 0x01;
constexpr std::size_t kMaxScanHeader = 6 + 2 * 4;  // with four components

// Markers without a length, that may stand in a scan: restarts, and zero, which says that 0xFF is data.
bool stands_alone(std::uint8_t marker) {
  return marker == 0 || marker == kTemporary || (marker >= 0xD0 && marker <= 0xD7);
}

}  // namespace

std::size_t find_image_signature(std::span<const std::uint8_t> bytes, std::size_t from) {
  // In steps, so that a signature nearby is found without a search of all bytes for the first one of the
  // other kind.
  for (std::size_t begin = from; begin < bytes.size(); begin += kSearchStep) {
    const std::size_t end = std::min(bytes.size(), begin + kSearchStep);
    const auto next = [&](std::string_view mark, std::size_t at) {
      for (; at < end; ++at) {
        const void* const found =
            std::memchr(bytes.data() + at, static_cast<unsigned char>(mark[0]), end - at);
        if (found == nullptr) return bytes.size();
        at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
        if (starts_with(bytes.subspan(at), mark)) return at;
      }
      return bytes.size();
    };
    const std::size_t found = std::min(next(kJpegMark, begin), next(kPngMark, begin));
    if (found < bytes.size()) return found;
  }
  return bytes.size();
}

void OffsetSet::add(std::uint64_t from, std::uint64_t to) {
  from = std::max(from, base_);
  if (from >= to) return;
  if (to - base_ > bits_.size()) bits_.resize(static_cast<std::size_t>(to - base_));
  std::fill(bits_.begin() + static_cast<std::ptrdiff_t>(from - base_),
            bits_.begin() + static_cast<std::ptrdiff_t>(to - base_), true);
}

std::uint64_t OffsetSet::first(std::uint64_t from, std::uint64_t to) const {
  const std::uint64_t last = std::min<std::uint64_t>(to, base_ + bits_.size());
  for (std::uint64_t offset = std::max(from, base_); offset < last; ++offset) {
    if (bits_[static_cast<std::size_t>(offset - base_)]) return offset;
  }
  return to;
}

// Bits are moved only if at least as many are dropped.
void OffsetSet::forget_before(std::uint64_t offset) {
  if (!reaches(offset)) {
    bits_.clear();
    base_ = offset;
  } else if (offset - base_ > bits_.size() / 2) {
    bits_.erase(bits_.begin(), bits_.begin() + static_cast<std::ptrdiff_t>(offset - base_));
    base_ = offset;
  }
}

bool ImageEnds::has(std::size_t bytes) {
  if (bytes > kMaxImageFileBytes) return false;
  if (there_.size() < bytes) there_ = source_.peek(bytes);
  return there_.size() >= bytes;
}

std::optional<std::size_t> ImageEnds::jpeg() {
  there_ = {};
  barren_.forget_before(source_.taken());
  astray_.forget_before(source_.taken());
  Way way;
  follow(way);
  if (way.end == Way::End::marker) return way.at;
  remember(way);
  if (way.scan == 0) return std::nullopt;
  // Thumbnails lie before the first scan, so a signature behind it is the next image's. The third byte of one
  // at the end may not be there yet.
  if (way.end == Way::End::broken && !way.next_begun && there_[way.at - 1] == kStartOfImage &&
      there_[way.at - 2] == kMarker && has(way.at + 1)) {
    ++way.at;
  }
  if (search_signature(way, way.at)) return way.searched;
  if (way.at >= kMaxImageFileBytes) return std::nullopt;
  return way.at;
}

// ITU-T T.81, annex B: markers, segments with their length, and entropy-coded data after each scan header.
// Any bytes may stand before a marker, as for libjpeg, and any number of 0xFF bytes.
void ImageEnds::follow(Way& way) {
  while (way.runs.size() < kMaxImageParts) {
    ++steps_;
    if (way.runs.empty() || way.runs.back().to != way.at) way.runs.push_back({way.at, way.at});
    if (!find_marker(way)) return;
    const std::uint8_t marker = there_[way.at - 1];
    if (marker == kEndOfImage) way.end = Way::End::marker;
    if (marker == kEndOfImage || marker == kStartOfImage) return;
    if (stands_alone(marker)) {
      way.runs.back().to = way.at;
      continue;
    }
    // Before its header is there: in a file that is cut within it, the header reaches into the next image,
    // and how far that is there must make no difference.
    if (marker == kStartOfScan) {
      way.last_scan = way.at;
      if (way.scan == 0) way.scan = way.searched = way.last_scan;
    }
    if (!has(way.at + 2)) return cut(way);
    const std::size_t length = std::size_t{there_[way.at]} << 8 | there_[way.at + 1];
    way.at += 2;
    if (length < 2) return;
    if (marker == kStartOfScan && next_begins(way.at, length)) {
      const std::size_t behind = way.at + kMaxScanHeader + kPngMark.size();
      way.at = has(behind) ? behind : there_.size();
      return;
    }
    if (!has(way.at + length - 2)) return cut(way);
    way.at += length - 2;
  }
}

// Whether the next image begins in a scan header, whose `length` was read in front of `at`: no header that is
// whole has the first two bytes of a signature (ITU-T T.81, table B.3). Waits for no byte behind the image.
bool ImageEnds::next_begins(std::size_t at, std::size_t length) {
  if (length > kMaxScanHeader) return true;
  const std::size_t behind = at + length - 2;
  const auto header = there_.first(has(behind + 1) ? behind + 1 : there_.size()).subspan(at);
  const auto begins = [&](std::string_view mark) {
    return std::search(header.begin(), header.end(), mark.begin(), mark.begin() + 2,
                       [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }) !=
           header.end();
  };
  return begins(kJpegMark) || begins(kPngMark);
}

void ImageEnds::cut(Way& way) const { way.at = std::min<std::size_t>(there_.size(), kMaxImageFileBytes); }

// Looks for the next marker, and stops behind it. Returns whether there is one on a way that is not known.
bool ImageEnds::find_marker(Way& way) {
  std::size_t at = way.at;
  while (has(at + 1)) {
    const std::uint64_t offset = source_.taken();
    const OffsetSet& known = way.scan == 0 ? barren_ : astray_;
    const bool check = known.reaches(offset + at);
    const std::size_t to = check ? std::min(there_.size(), at + kWindow) : there_.size();
    const void* const hit = std::memchr(there_.data() + at, kMarker, to - at);
    const std::size_t found =
        hit == nullptr ? to : static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - there_.data());
    steps_ += found - at + 1;
    // With a scan a known way is still followed up to the next signature, where the image may end.
    if (check && (way.scan == 0 || search_signature(way, at))) {
      const std::uint64_t end = offset + std::min(found + 1, to);
      const std::uint64_t joined = known.first(offset + at, end);
      if (joined < end) {
        way.at = way.runs.back().to = static_cast<std::size_t>(joined - offset);
        way.end = Way::End::joined;
        return false;
      }
    }
    at = way.runs.back().to = found;
    if (found == to) continue;
    while (has(at + 1) && there_[at] == kMarker) ++at;
    way.runs.back().to = at;
    if (there_.size() <= at) break;
    way.at = at + 1;
    return true;
  }
  cut(way);
  return false;
}

// Whether a signature begins between the first scan and `to`.
bool ImageEnds::search_signature(Way& way, std::size_t to) {
  if (way.next_begun || to <= way.searched) return way.next_begun;
  const std::size_t found = find_image_signature(there_.first(to), way.searched);
  steps_ += found - way.searched;
  way.next_begun = found < to;
  // One may begin in the last bytes.
  way.searched = way.next_begun ? found : std::max(way.searched, to - std::min(to, kPngMark.size() - 1));
  return way.next_begun;
}

void ImageEnds::remember(const Way& way) {
  const std::uint64_t offset = source_.taken();
  const bool barren = way.end != Way::End::joined || barren_.has(offset + way.at);
  for (const Run& run : way.runs) {
    if (run.from >= way.last_scan && barren) barren_.add(offset + run.from, offset + run.to);
    if (run.from >= way.scan) astray_.add(offset + run.from, offset + run.to);
  }
}

std::optional<std::size_t> ImageEnds::png() {
  there_ = {};
  broken_.forget_before(source_.taken());
  std::vector<std::size_t> chunks;
  std::size_t at = kPngMark.size();
  if (follow_chunks(chunks, at)) return at;
  for (const std::size_t chunk : chunks) broken_.add(source_.taken() + chunk, source_.taken() + chunk + 1);
  summed_to_ = std::max(summed_to_, source_.taken() + at);
  return std::nullopt;
}

// PNG (third edition), section 5: signature and chunks.
bool ImageEnds::follow_chunks(std::vector<std::size_t>& chunks, std::size_t& at) {
  while (chunks.size() < kMaxImageParts && !broken_.has(source_.taken() + at)) {
    ++steps_;
    chunks.push_back(at);
    if (!has(at + kPngChunkHeader)) return false;
    const std::size_t length = big_endian_32(there_.subspan(at));
    const auto type = there_.subspan(at + 4, 4);
    const bool letters =
        std::all_of(type.begin(), type.end(), [](std::uint8_t c) { return std::isalpha(c) != 0; });
    const bool last = starts_with(type, "IEND");
    const std::size_t chunk = at;
    const std::size_t end = at + kPngChunkHeader + length + kPngChunkTrailer;
    if (!letters || !has(end)) return false;
    at = end;
    if (!has_checksum(chunk, end)) return false;
    if (last) return true;
  }
  return false;
}

bool ImageEnds::has_checksum(std::size_t chunk, std::size_t end) {
  const std::size_t from = chunk + 4;
  const std::size_t to = end - kPngChunkTrailer;
  std::uint32_t sum = 0;
  if (source_.taken() + from < summed_to_) {
    sum = sums_.of(there_, source_.taken(), from, to);
  } else {
    sum = static_cast<std::uint32_t>(::crc32_z(0, there_.data() + from, to - from));
    steps_ += to - from;
  }
  return sum == big_endian_32(there_.subspan(to));
}

}  // namespace convoy
