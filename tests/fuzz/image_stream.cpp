// A stream of images: the same images whether it comes at once or in pieces, and the images are all that was
// put in.
#include "formats/image_stream.h"

#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/pieces.h"
#include "tests/fuzz/common/png_repair.h"

namespace convoy::fuzz {
namespace {

struct Split {
  std::vector<std::pair<Bytes, std::string>> images;
  std::vector<std::uint64_t> trailers;
  bool operator==(const Split&) const = default;
};

Split split(ByteSource& source) {
  Split result;
  ImageSplitter splitter(source);
  while (auto piece = splitter.next()) {
    result.trailers.push_back(splitter.trailer());
    result.images.emplace_back(std::move(piece->bytes), std::move(piece->failure));
  }
  result.trailers.push_back(splitter.trailer());
  return result;
}

void fuzz(Input input) {
  MemorySource whole(input);
  const Split first = split(whole);
  Pieces pieces(input);
  require(split(pieces) == first, "in pieces it differs");
  std::size_t bytes = 0;
  for (const auto& [image, failure] : first.images) bytes += failure.empty() ? image.size() : 0;
  require(bytes <= input.size(), "images have more bytes than there were");
  // What was found once is found again if nothing else is there.
  if (first.images.empty() || !first.images[0].second.empty()) return;
  const ContentKind kind = detect_content(first.images[0].first);
  require(kind == ContentKind::jpeg || kind == ContentKind::png, "an image is none");
  MemorySource alone(first.images[0].first);
  require(split(alone).images.at(0) == first.images[0], "an image alone is another");
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
