#include "formats/jpeg_index.h"

#include <charconv>
#include <cstring>
#include <string_view>

namespace convoy {
namespace {

constexpr std::uint8_t kApp1 = 0xE1;
constexpr std::uint8_t kApp2 = 0xE2;
constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::string_view kMpf("MPF\0", 4);
constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);

// TIFF structures, in either order of bytes. What lies outside reads as 0.
class Tiff {
 public:
  explicit Tiff(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), little_(bytes.size() >= 2 && bytes[0] == 'I' && bytes[1] == 'I') {}
  [[nodiscard]] std::uint32_t u16(std::uint64_t at) const { return number(at, 2); }
  [[nodiscard]] std::uint32_t u32(std::uint64_t at) const { return number(at, 4); }

 private:
  [[nodiscard]] std::uint32_t number(std::uint64_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | bytes_[static_cast<std::size_t>(at) + (little_ ? size - 1 - i : i)];
    }
    return value;
  }
  std::span<const std::uint8_t> bytes_;
  bool little_;
};

// Markers that are no segment: 0, 1, restarts, the start and the end of an image.
bool has_no_length(std::uint8_t marker) { return marker <= 1 || (marker >= 0xD0 && marker <= 0xD9); }

void announce(std::uint64_t bytes, JpegIndex& index) {
  if (bytes > 0 && index.pictures.size() < kMaxAnnouncedPictures) index.pictures.push_back(bytes);
}

// CIPA DC-007, section 5: a TIFF header, and a directory whose entry B002 lists the pictures, 16 bytes each:
// attributes, size, offset, two numbers of others. The first picture is this one.
void add_multi_picture(std::span<const std::uint8_t> payload, JpegIndex& index) {
  constexpr std::uint32_t kListOfPictures = 0xB002;
  constexpr std::uint64_t kEntryBytes = 16;
  const Tiff tiff(payload);
  const std::uint64_t directory = tiff.u32(4);
  const std::uint32_t entries = tiff.u16(directory);
  for (std::uint64_t entry = directory + 2, end = entry + 12 * std::uint64_t{entries};
       entry < end && entry < payload.size(); entry += 12) {
    if (tiff.u16(entry) != kListOfPictures) continue;
    const std::uint64_t pictures = tiff.u32(entry + 4) / kEntryBytes;
    const std::uint64_t list = tiff.u32(entry + 8);
    for (std::uint64_t i = 1; i < pictures && list + kEntryBytes * i < payload.size(); ++i) {
      announce(tiff.u32(list + kEntryBytes * i + 4), index);
    }
    return;
  }
}

void add_xmp(std::string_view text, JpegIndex& index) {
  // An attribute in either kind of quotes, or an element, under any prefix.
  constexpr std::string_view kLength = "Length";
  for (std::size_t at = text.find(kLength); at != std::string_view::npos; at = text.find(kLength, at)) {
    at += kLength.size();
    const std::size_t digits = text.find_first_not_of(" \t\r\n=>\"'", at);
    if (digits == at || digits == std::string_view::npos) continue;
    std::uint64_t bytes = 0;
    if (std::from_chars(text.data() + digits, text.data() + text.size(), bytes).ec == std::errc()) {
      announce(bytes, index);
    }
  }
  for (const std::string_view mark : {"MotionPhoto", "MicroVideo"}) {
    if (text.find(mark) != std::string_view::npos) index.video = true;
  }
}

void add_segment(std::uint8_t marker, std::span<const std::uint8_t> payload, JpegIndex& index) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (marker == kApp2 && text.starts_with(kMpf)) add_multi_picture(payload.subspan(kMpf.size()), index);
  if (marker == kApp1 && text.starts_with(kXmp)) add_xmp(text.substr(kXmp.size()), index);
}

// The next marker at `at` or later, and the payload of its segment; the marker is 0 if there is none.
struct Segment {
  std::uint8_t marker = 0;
  std::span<const std::uint8_t> payload = {};
};

Segment next_segment(std::span<const std::uint8_t> image, std::size_t& at) {
  while (at + 1 < image.size()) {
    const std::uint8_t marker = image[at + 1];
    if (image[at] != 0xFF || marker == 0xFF || has_no_length(marker)) {
      at += image[at] == 0xFF && marker != 0xFF ? 2 : 1;
      continue;
    }
    if (image.size() - at < 4) break;
    const std::size_t length = std::size_t{image[at + 2]} << 8 | image[at + 3];
    if (length < 2 || length > image.size() - at - 2) break;
    const Segment segment{marker, image.subspan(at + 4, length - 2)};
    at += 2 + length;
    return segment;
  }
  return {};
}

}  // namespace

JpegIndex read_jpeg_index(std::span<const std::uint8_t> image) {
  JpegIndex index;
  std::size_t at = 2;
  while (true) {
    const Segment segment = next_segment(image, at);
    if (segment.marker == 0) return index;
    add_segment(segment.marker, segment.payload, index);
    if (segment.marker == kStartOfScan) return index;
  }
}

}  // namespace convoy
