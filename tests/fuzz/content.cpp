// What a file holds, from its first bytes: no more of them are looked at than is said, and the kinds agree.
#include "lib/base/content.h"

#include "formats/idx.h"
#include "formats/image_stream.h"
#include "lib/base/marks.h"
#include "lib/prep/list_text.h"
#include "lib/prep/names.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

constexpr auto kAllExpected = {Expected::image,   Expected::shard, Expected::weights, Expected::checkpoint,
                               Expected::mean,    Expected::net,   Expected::list,    Expected::labels,
                               Expected::classes, Expected::idx,   Expected::options};

// The bytes alone in memory, so that a sanitizer sees each read behind them.
Bytes cut(Input input, std::size_t bytes) { return bytes_of(input.first(std::min(input.size(), bytes))); }

void fuzz(Input input) {
  const ContentKind kind = detect_content(cut(input, kDetectBytes));
  require(kind == detect_content(input), "more bytes change the kind of content");
  const ContentKind early = detect_content(cut(input, kImageSignatureBytes));
  const bool known = kind == ContentKind::jpeg || kind == ContentKind::png ||
                     kind == ContentKind::compressed || kind == ContentKind::shard ||
                     kind == ContentKind::idx;
  require(!known || early == kind, "a kind that its first bytes tell is not recognised from them");
  require((kind == ContentKind::empty) == input.empty(), "only nothing is empty");
  require((kind == ContentKind::idx) <= is_idx(cut(input, kIdxMagicBytes)), "IDX is not IDX");
  require(is_idx(input) == is_idx(cut(input, kIdxMagicBytes)), "more bytes change whether it is IDX");

  const auto content = content_of(cut(input, kContentBytes));
  const auto all = content_of(input);
  require(content.has_value() == all.has_value() && (!content || content->name == all->name),
          "more bytes change the content's name");
  for (const Expected expected : kAllExpected) {
    const std::string wrong = wrong_content(input, expected);
    require(wrong == wrong_content(cut(input, kContentBytes), expected), "more bytes change what is wrong");
    require(content || wrong.empty(), "unknown content is named");
    require(!content || content->is != expected || wrong.empty(), "right content is called wrong");
  }
  if (kind == ContentKind::jpeg || kind == ContentKind::png) {
    require(has_image_content(cut(input, kDetectBytes)), "an image is not recognised as one");
  }
  const Bytes head = cut(input, kListPeek);
  require(!is_text(head) || (!head.empty() && kind != ContentKind::png), "a PNG is a text");
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all = {bytes_of("<!DOCTYPE html><html>"), bytes_of("input 3x3x1\nfc f 2\nsoftmax\n"),
                            bytes_of("a.jpg\tcat\n"),
                            bytes_of(std::string_view("\0\0\x08\x03\0\0\0\x01", 8))};
  for (const ContentMark& mark : content_marks()) {
    Bytes bytes(std::max(mark.offset + mark.bytes.size(), mark.second_offset + mark.second_bytes.size()));
    std::ranges::copy(mark.second_bytes, bytes.begin() + static_cast<std::ptrdiff_t>(mark.second_offset));
    std::ranges::copy(mark.bytes, bytes.begin() + static_cast<std::ptrdiff_t>(mark.offset));
    all.push_back(std::move(bytes));
  }
  return all;
}

const AddReader kReader({.name = "content", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
