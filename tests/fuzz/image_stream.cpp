// A stream of images: the same images whether it comes at once or in pieces, and the images are all that was
// put in.
#include "formats/image_stream.h"

#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/pieces.h"
#include "tests/fuzz/common/png_repair.h"

namespace convoy::fuzz {
namespace {

// The images. What is none is named as soon as it is recognised, from as much as has arrived: how is not
// compared.
std::vector<Bytes> split(ByteSource& source) {
  std::vector<Bytes> images;
  ImageSplitter splitter(source);
  while (auto piece = splitter.next()) {
    if (piece->failure.empty()) images.push_back(std::move(piece->bytes));
  }
  return images;
}

void fuzz(Input input) {
  MemorySource whole(input);
  const std::vector<Bytes> first = split(whole);
  Pieces pieces(input);
  require(split(pieces) == first, "in pieces it differs");
  std::size_t bytes = 0;
  for (const Bytes& image : first) {
    bytes += image.size();
    const ContentKind kind = detect_content(image);
    require(kind == ContentKind::jpeg || kind == ContentKind::png, "an image is none");
  }
  require(bytes <= input.size(), "images have more bytes than there were");
  // What was found once is found again if nothing else is there.
  if (first.empty()) return;
  MemorySource alone(first[0]);
  require(split(alone).at(0) == first[0], "an image alone is another");
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
