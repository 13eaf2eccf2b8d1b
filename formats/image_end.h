// Where an image ends that others may follow, found from its structure: nothing is decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "formats/byte_source.h"
#include "formats/range_crc.h"

namespace convoy {

// The most chunks of a PNG or segments of a JPEG that are followed.
inline constexpr std::size_t kMaxImageParts = std::size_t{1} << 20;

// A set of offsets of a stream, from an offset on that only grows.
class OffsetSet {
 public:
  void add(std::uint64_t from, std::uint64_t to);
  [[nodiscard]] bool has(std::uint64_t offset) const {
    return offset >= base_ && offset - base_ < bits_.size() &&
           bits_[static_cast<std::size_t>(offset - base_)];
  }
  // The first one in [from, to), else `to`.
  [[nodiscard]] std::uint64_t first(std::uint64_t from, std::uint64_t to) const;
  // Whether there may be one at `from` or later.
  [[nodiscard]] bool reaches(std::uint64_t from) const { return from < base_ + bits_.size(); }
  void forget_before(std::uint64_t offset);

 private:
  std::uint64_t base_ = 0;
  std::vector<bool> bits_;
};

// Offset of the first signature of an image at `from` or later; bytes.size() if there is none.
[[nodiscard]] std::size_t find_image_signature(std::span<const std::uint8_t> bytes, std::size_t from);

// Looks from the source's position, and takes nothing. A signature that is none leads a look astray, perhaps
// to the end of the input, and the next one may lie close behind it. So the ways that led nowhere are
// remembered, and all looks together go through a part of the input a bounded number of times.
class ImageEnds {
 public:
  // The source must outlive it.
  explicit ImageEnds(ByteSource& source) : source_(source) {}

  // The number of bytes of the JPEG that begins here; nothing if its structure is broken before its first
  // scan, or if it has more than kMaxImageFileBytes bytes. A file whose end marker is missing ends where the
  // next image begins, else with the input or where its structure is broken.
  std::optional<std::size_t> jpeg();
  // The number of bytes of the PNG that begins here; nothing if its structure is broken. Checksums are
  // verified too, so that a chunk that was cut short does not swallow the next image.
  std::optional<std::size_t> png();
  // The number of bytes and parts that the looks have gone through so far, for tests.
  [[nodiscard]] std::uint64_t steps() const { return steps_ + sums_.summed(); }

 private:
  // Bytes [from, to), in which a marker was looked for.
  struct Run {
    std::size_t from = 0;
    std::size_t to = 0;
  };
  // A way from marker to marker. Offsets count from the source's position.
  struct Way {
    enum class End { marker, broken, joined };
    std::size_t at = 2;         // how far it led
    std::size_t scan = 0;       // the first scan's header; 0: none yet
    std::size_t last_scan = 0;  // that of the last scan
    std::size_t searched = 0;   // no signature begins between the first scan and here
    bool next_begun = false;    // whether a signature begins at `searched`
    End end = End::broken;
    std::vector<Run> runs = {};
  };

  // Whether the input has so many bytes from the source's position on, and an image may. Makes them there_.
  bool has(std::size_t bytes);
  void follow(Way& way);
  bool find_marker(Way& way);
  bool next_begins(std::size_t at, std::size_t length);
  void cut(Way& way) const;
  bool search_signature(Way& way, std::size_t to);
  void remember(const Way& way);
  bool follow_chunks(std::vector<std::size_t>& chunks, std::size_t& at);
  bool has_checksum(std::size_t chunk, std::size_t end);

  ByteSource& source_;
  std::span<const std::uint8_t> there_;
  // Offsets of the stream. From barren_ markers lead neither to an end of image nor to a scan, from astray_
  // to no end; in broken_ are the chunks that lead to no end.
  OffsetSet barren_;
  OffsetSet astray_;
  OffsetSet broken_;
  RangeCrc sums_;
  std::uint64_t summed_to_ = 0;  // how far checksums were computed for nothing
  std::uint64_t steps_ = 0;
};

}  // namespace convoy
