// What a JPEG file says of data behind its image: the splitter of a stream gives the image whole, whatever
// its segments say, and says the same of it in pieces.
#include "formats/jpeg_index.h"

#include "formats/image_stream.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/pieces.h"

namespace convoy::fuzz {
namespace {

void fuzz(Input input) {
  constexpr std::size_t kLongestSegment = 65533;
  if (input.empty() || input.size() > kLongestSegment) return;
  const std::uint8_t marker = input[0] % 2 == 0 ? 0xE1 : 0xE2;
  const Bytes content = bytes_of(input.subspan(1));
  static const std::vector<Bytes> jpegs = small_jpegs();
  const Bytes image = with_segment(jpegs[1], marker, content);
  const JpegIndex index = read_jpeg_index(image);
  require(index.pictures.size() <= kMaxAnnouncedPictures, "too many pictures");
  const JpegIndex again = read_jpeg_index(image);
  require(again.pictures == index.pictures && again.video == index.video, "the second time differs");
  static_cast<void>(read_jpeg_index(input));

  Bytes stream = image;
  for (const Bytes& next : {jpegs[0], jpegs[2]}) stream.insert(stream.end(), next.begin(), next.end());
  MemorySource source(stream);
  ImageSplitter splitter(source);
  const auto first = splitter.next();
  require(first && first->failure.empty() && first->bytes == image, "an image is not returned as it is");
  std::size_t images = 1;
  while (const auto more = splitter.next()) {
    require(more->failure.empty() && (more->bytes == jpegs[0] || more->bytes == jpegs[2]),
            "another image differs");
    ++images;
  }
  require(images == 3 || !index.pictures.empty() || index.video, "an image that was not announced is lost");
}

std::vector<Bytes> seeds() {
  // The Multi-Picture Format: an index of two pictures, in big-endian order.
  Bytes mpf = bytes_of(std::string_view("\x01MPF\0MM\0*\0\0\0\x08\0\x03\0", 16));
  const auto entry = [&](std::string_view bytes) { mpf.insert(mpf.end(), bytes.begin(), bytes.end()); };
  entry(
      {"\xb0\0\0\x07\0\0\0\x04"
       "0100",
       12});
  entry({"\xb0\x01\0\x04\0\0\0\x01\0\0\0\x02", 12});
  entry({"\xb0\x02\0\x07\0\0\0\x20\0\0\0\x32\0\0\0\0", 16});
  entry({"\0\x03\0\0\0\0\x01\0\0\0\0\0\0\0\0\0", 16});
  entry({"\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\0\0", 16});
  const Bytes xmp =
      bytes_of(std::string("\0http://ns.adobe.com/xap/1.0/\0", 30) +
               "<x:xmpmeta><rdf:Description GCamera:MotionPhoto=\"1\" Container:Directory=\"x\">"
               "<Container:Item Item:Mime=\"image/jpeg\" Item:Semantic=\"GainMap\" Item:Length=\"300\"/>"
               "</x:xmpmeta>");
  return {mpf, xmp};
}

const AddReader kReader({.name = "jpeg_index", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
