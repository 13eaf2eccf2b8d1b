// A stream of images: the same images whether it comes at once or in pieces, and the images are all that was
// put in.
#include "formats/image_stream.h"

#include "lib/base/marks.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/pieces.h"
#include "tests/fuzz/common/png_repair.h"

namespace convoy::fuzz {
namespace {

// Images, and what is none with its reason.
struct Found {
  Bytes bytes;
  std::string failure;
  std::uint64_t trailer = 0;
  bool operator==(const Found&) const = default;
};

std::vector<Found> split(ByteSource& source) {
  std::vector<Found> all;
  ImageSplitter splitter(source);
  while (auto piece = splitter.next()) {
    all.push_back({std::move(piece->bytes), std::move(piece->failure), splitter.trailer()});
  }
  all.push_back({{}, {}, splitter.trailer()});
  return all;
}

std::vector<Bytes> images_of(const std::vector<Found>& all) {
  std::vector<Bytes> images;
  for (const Found& one : all) {
    if (one.failure.empty() && !one.bytes.empty()) images.push_back(one.bytes);
  }
  return images;
}

void fuzz(Input input) {
  MemorySource whole(input);
  const std::vector<Found> found = split(whole);
  Pieces pieces(input);
  require(split(pieces) == found, "in pieces it differs");
  for (const std::size_t length : {1U, 7U}) {
    EqualPieces equal(input, length);
    require(split(equal) == found, "in equal pieces it differs");
  }
  const std::vector<Bytes> first = images_of(found);
  std::size_t bytes = 0;
  for (const Bytes& image : first) {
    bytes += image.size();
    // A JPEG that the next one follows within its mark is as much of it as there was.
    const bool cut = text_of(image) == kJpegMark.substr(0, image.size());
    const ContentKind kind = detect_content(image);
    require(cut || kind == ContentKind::jpeg || kind == ContentKind::png, "an image is none");
  }
  require(bytes <= input.size(), "images have more bytes than there were");
  // What was found once is found again if nothing else is there, unless it is too little to be recognised.
  if (first.empty() || first[0].size() < kJpegMark.size()) return;
  MemorySource alone(first[0]);
  require(images_of(split(alone)).at(0) == first[0], "an image alone is another");
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  Bytes stream;
  for (const std::vector<Bytes>& images : {small_pngs(), small_jpegs()}) {
    for (const Bytes& image : images) {
      stream.insert(stream.end(), image.begin(), image.end());
      if (stream.size() < 6000) all.push_back(stream);
      if (stream.size() > 3000) stream = bytes_of("\n  trailer");
    }
  }
  return all;
}

const AddReader kReader(
    {.name = "image_stream", .fuzz = fuzz, .seeds = seeds, .repair = repair_png, .longest = 8192});

}  // namespace
}  // namespace convoy::fuzz
