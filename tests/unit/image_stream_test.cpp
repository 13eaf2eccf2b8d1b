// formats/image_stream, formats/byte_source: images one after another, with anything between them and any
// size of reads.
#include "formats/image_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "formats/png.h"
#include "tests/support/images.h"

namespace convoy {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Gives bytes in small pieces and counts them.
class SlowSource : public ByteSource {
 public:
  SlowSource(Bytes bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}
  [[nodiscard]] std::size_t given() const { return at_; }

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t got = std::min({step_, into.size(), bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), got,
                reinterpret_cast<std::uint8_t*>(into.data()));
    at_ += got;
    return got;
  }

 private:
  Bytes bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
};

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

std::vector<ImageSplitter::Piece> split(const Bytes& bytes, std::size_t step = 7) {
  SlowSource source(bytes, step);
  ImageSplitter splitter(source);
  std::vector<ImageSplitter::Piece> pieces;
  while (auto piece = splitter.next()) pieces.push_back(std::move(*piece));
  return pieces;
}

std::vector<Bytes> images() {
  const Image image = test::smooth_image(31, 22, 3);
  return {
      test::make_jpeg(image, {}),
      encode_png(image),
      test::make_jpeg(image, {.progressive = true, .restart = 1}),
      // A thumbnail in a segment does not end the image.
      [&] {
        Bytes outer = test::make_jpeg(image, {.arithmetic = true});
        const Bytes inner = test::make_jpeg(test::smooth_image(8, 8, 3), {});
        Bytes segment = {0xFF, 0xE1, static_cast<std::uint8_t>((inner.size() + 2) >> 8),
                         static_cast<std::uint8_t>(inner.size() + 2)};
        segment.insert(segment.end(), inner.begin(), inner.end());
        outer.insert(outer.begin() + 2, segment.begin(), segment.end());
        return outer;
      }(),
      encode_png(test::smooth_image(5, 5, 1)),
  };
}

TEST(ImageStream, SplitsAtAnyReadSize) {
  const auto parts = images();
  for (const std::size_t step : {1U, 2U, 13U, 1000U, 100000U}) {
    const auto pieces = split(joined(parts), step);
    ASSERT_EQ(pieces.size(), parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(pieces[i].failure, "");
      EXPECT_EQ(pieces[i].bytes, parts[i]) << "image " << i << ", step " << step;
    }
  }
}

// A coprocess sends an image and waits for the answer before it sends the next one.
TEST(ImageStream, WaitsForNothingBehindAnImage) {
  for (const Bytes& image : images()) {
    SlowSource source(joined({image, image}), 1);
    ImageSplitter splitter(source);
    ASSERT_TRUE(splitter.next());
    EXPECT_EQ(source.given(), image.size());
  }
}

TEST(ImageStream, PassesOverPadding) {
  const auto parts = images();
  const auto pieces = split(joined({text("\n"), parts[0], {0, 0, 0}, parts[1], text(" \r\n")}));
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[1].bytes, parts[1]);
}

TEST(ImageStream, NamesGarbageAtTheStartAndKnownKindsAnywhere) {
  const auto parts = images();
  const auto pieces =
      split(joined({text("garbage"), parts[1], text("GIF89a\x01"), parts[0], text("GIF87a\x02")}));
  ASSERT_EQ(pieces.size(), 5U);
  EXPECT_EQ(pieces[0].failure, "7 bytes that are neither JPEG nor PNG");
  EXPECT_EQ(pieces[1].bytes, parts[1]);
  EXPECT_EQ(pieces[2].failure, "a GIF image: convert it to PNG");
  EXPECT_EQ(pieces[3].bytes, parts[0]);
  EXPECT_EQ(pieces[4].failure, pieces[2].failure);
}

// Words in front of an image are no text if the image follows at once.
TEST(ImageStream, NamesAKnownKindThatIsCutShort) {
  const auto parts = images();
  const auto pieces = split(joined({parts[1], text("GIF89a"), parts[0]}), 100000);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].failure, "a GIF image: convert it to PNG");
  EXPECT_EQ(pieces[2].bytes, parts[0]);
}

TEST(ImageStream, PassesOverLongPadding) {
  const auto image = images()[1];
  SlowSource source(joined({image, Bytes(1 << 20, 0), image, text(" \n\n"), image}), 5000);
  ImageSplitter splitter(source);
  for (int i = 0; i < 3; ++i) {
    const auto piece = splitter.next();
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->bytes, image);
  }
  EXPECT_FALSE(splitter.next());
}

// The sender of something else waits for the answer, too.
TEST(ImageStream, NamesAKnownKindWithoutWaitingForMore) {
  const Bytes gif = text("GIF89a\x01\x01\x01\x01\x01\x01\x01\x02\x02;");
  const Bytes image = images()[0];
  SlowSource source(joined({image, gif, text("more of it"), image}), 1);
  ImageSplitter splitter(source);
  EXPECT_EQ(splitter.next()->bytes, image);
  EXPECT_EQ(splitter.next()->failure, "a GIF image: convert it to PNG");
  EXPECT_LE(source.given(), image.size() + gif.size());
  EXPECT_EQ(splitter.next()->bytes, image);
  EXPECT_EQ(splitter.trailer(), 0U);
  EXPECT_FALSE(splitter.next());
}

// A pipe may be cut into pieces anywhere.
TEST(ImageStream, NamesTheSameHoweverTheBytesArrive) {
  const auto parts = images();
  Bytes page = text("<?xml version=\"1.0\"?>\n<!-- " + std::string(300, '-') + " -->\n<svg>");
  page.resize(3000, ' ');
  Bytes checkpoint = text("\x10\x27" + std::string(6, '\0') + "{\"a\":" + std::string(6000, ' '));
  const Bytes key = text("\"convoy.state\"");
  checkpoint.insert(checkpoint.end(), key.begin(), key.end());
  Bytes archive = text("PK\x03\x04" + std::string(22, '\1') + std::string("\5\0\0\0", 4) + "a.npy");
  archive.resize(700, 1);
  for (const Bytes& other : {text("RIFF\x24\x01\x01\x01WEBPVP8 \x01\x01\x01"), text("II*"), text("BM"), page,
                             checkpoint, archive, text("GIF"), text("a few words\n"), Bytes(20000, 'x'),
                             Bytes(9000, 200), text("<html>"), text("P5\n")}) {
    for (const Bytes& all : {other, joined({other, parts[1], other}), joined({parts[0], other, parts[0]}),
                             joined({parts[1], other, other, Bytes(9000, 7), parts[0]})}) {
      const auto whole = split(all, 1 << 20);
      for (const std::size_t step : {1U, 7U, 16U, 511U, 8191U}) {
        const auto pieces = split(all, step);
        ASSERT_EQ(pieces.size(), whole.size());
        for (std::size_t i = 0; i < whole.size(); ++i) {
          EXPECT_EQ(pieces[i].failure, whole[i].failure);
          EXPECT_EQ(pieces[i].bytes, whole[i].bytes);
        }
      }
    }
  }
}

// What a camera appends to its files belongs to the image before it.
TEST(ImageStream, PassesOverTrailersAndCountsTheirBytes) {
  const auto parts = images();
  const Bytes all = joined({parts[0], text("SEFT trailer"), parts[1], text("xy")});
  SlowSource source(all, 1000);
  ImageSplitter splitter(source);
  EXPECT_EQ(splitter.next()->bytes, parts[0]);
  EXPECT_EQ(splitter.trailer(), 0U);
  EXPECT_EQ(splitter.next()->bytes, parts[1]);
  EXPECT_EQ(splitter.trailer(), 12U);
  EXPECT_FALSE(splitter.next());
  EXPECT_EQ(splitter.trailer(), 2U);
}

// An image without its end marker ends where the next one begins.
TEST(ImageStream, AMissingEndMarkerCostsNoImage) {
  const auto parts = images();
  for (const Bytes& whole : {parts[0], parts.at(parts.size() - 2)}) {
    ASSERT_EQ(whole.back(), 0xD9);
    const Bytes open(whole.begin(), whole.end() - 2);
    for (const Bytes& next : {parts[0], parts[1]}) {
      for (const std::size_t step : {1U, 1000U}) {
        const auto pieces = split(joined({open, next, open}), step);
        ASSERT_EQ(pieces.size(), 3U);
        EXPECT_EQ(pieces[0].bytes, open);
        EXPECT_EQ(pieces[1].bytes, next);
        EXPECT_EQ(pieces[2].bytes, open);
      }
    }
  }
}

// A number as TIFF stores it.
Bytes number(std::uint64_t value, std::size_t size, bool little) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[little ? i : size - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return bytes;
}

Bytes segment(std::uint8_t marker, const Bytes& payload) {
  return joined({{0xFF, marker}, number(payload.size() + 2, 2, false), payload});
}

// The image with a segment behind its first marker.
Bytes with_segment(const Bytes& image, const Bytes& added) {
  return joined({{image[0], image[1]}, added, Bytes(image.begin() + 2, image.end())});
}

// An APP2 segment of CIPA DC-007 that lists a first picture and others of these sizes.
Bytes multi_picture(const std::vector<std::uint64_t>& sizes, bool little) {
  const auto n = [&](std::uint64_t value, std::size_t size) { return number(value, size, little); };
  const std::size_t count = sizes.size() + 1;
  Bytes list = joined({n(0x20030000, 4), n(1000, 4), n(0, 4), n(0, 4)});
  for (const std::uint64_t size : sizes) list = joined({list, n(0, 4), n(size, 4), n(5000, 4), n(0, 4)});
  return segment(0xE2, joined({text("MPF"),
                               {0},
                               little ? text("II") : text("MM"),
                               n(42, 2),
                               n(8, 4),
                               n(2, 2),
                               n(0xB001, 2),
                               n(4, 2),
                               n(1, 4),
                               n(count, 4),
                               n(0xB002, 2),
                               n(7, 2),
                               n(16 * count, 4),
                               n(38, 4),
                               n(0, 4),
                               list}));
}

Bytes xmp(const std::string& content) {
  return segment(0xE1, joined({text("http://ns.adobe.com/xap/1.0/"), {0}, text(content)}));
}

TEST(ImageStream, FurtherPicturesOfAPhotographAreNoImagesOfTheirOwn) {
  const Bytes image = test::make_jpeg(test::smooth_image(20, 16, 3), {});
  const Bytes second = test::make_jpeg(test::smooth_image(10, 10, 3), {});
  const Bytes third = test::make_jpeg(test::smooth_image(12, 10, 1), {.colors = 1, .h = 1, .v = 1});
  const Bytes next = test::make_jpeg(test::smooth_image(8, 8, 3), {});
  const std::vector<Bytes> firsts = {
      with_segment(image, multi_picture({second.size(), third.size()}, true)),
      with_segment(image, multi_picture({second.size(), third.size()}, false)),
      with_segment(image, xmp("<c:Length>" + std::to_string(second.size()) + "</c:Length><c:Length = '" +
                              std::to_string(third.size()) + "'/>")),
      with_segment(image, xmp("<Item:Semantic=\"GainMap\" Item:Length=\"" + std::to_string(second.size()) +
                              "\" Item:Length=\"" + std::to_string(third.size()) + "\"/>")),
  };
  for (const Bytes& first : firsts) {
    for (const std::size_t step : {1U, 1000U}) {
      const auto pieces =
          split(joined({first, second, Bytes(6, 0), third, text("trailer"), next, first}), step);
      ASSERT_EQ(pieces.size(), 3U);
      EXPECT_EQ(pieces[0].bytes, first);
      EXPECT_EQ(pieces[1].bytes, next);
      EXPECT_EQ(pieces[2].bytes, first);
    }
    // The answer does not wait for them.
    SlowSource source(joined({first, second}), 1);
    ASSERT_TRUE(ImageSplitter(source).next());
    EXPECT_EQ(source.given(), first.size());
  }
}

// Programs that strip a photograph often leave its index. Then the next image is one.
TEST(ImageStream, AnIndexThatIsWrongCostsNoImage) {
  const Bytes image = test::make_jpeg(test::smooth_image(20, 16, 3), {});
  const Bytes next = test::make_jpeg(test::smooth_image(8, 8, 3), {});
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, next.size() - 1, next.size() + 1, std::uint64_t{0xFFFFFFFF}}) {
    const Bytes first = with_segment(image, multi_picture({size}, true));
    const auto pieces = split(joined({first, next, image}), 1000);
    ASSERT_EQ(pieces.size(), 3U) << size;
    EXPECT_EQ(pieces[1].bytes, next);
  }
  // A list that claims to have more than there is, at every cut.
  const Bytes whole = multi_picture({next.size()}, true);
  for (std::size_t length = 4; length < whole.size(); ++length) {
    const Bytes payload(whole.begin() + 4, whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto pieces = split(joined({with_segment(image, segment(0xE2, payload)), image}), 1000);
    EXPECT_EQ(pieces.size(), 2U) << length;
  }
}

// Whatever an index announces, an image is returned with its last byte.
TEST(ImageStream, NoIndexMakesAnImageWait) {
  const Bytes image = test::make_jpeg(test::smooth_image(20, 16, 3), {});
  const Bytes next = test::make_jpeg(test::smooth_image(8, 8, 3), {});
  for (const std::size_t more : {std::size_t{1}, std::size_t{6}, std::size_t{60000}}) {
    const Bytes first = with_segment(image, multi_picture({next.size() + more}, true));
    SlowSource source(joined({first, next, Bytes(70000, 0)}), 1);
    ImageSplitter splitter(source);
    ASSERT_EQ(splitter.next()->bytes, first);
    EXPECT_EQ(source.given(), first.size());
    ASSERT_EQ(splitter.next()->bytes, next);
    EXPECT_EQ(source.given(), first.size() + next.size());
  }
}

TEST(ImageStream, TheVideoOfAMotionPhotographIsPassedOver) {
  const Bytes image = test::make_jpeg(test::smooth_image(20, 16, 3), {});
  const auto box = [&](const std::string& type, const Bytes& payload) {
    return joined({number(payload.size() + 8, 4, false), text(type), payload});
  };
  // Signatures of images in a video are its own.
  const Bytes video = joined({box("ftyp", text("mp42")),
                              box("mdat", joined({image, text("\xFF\xD8\xFF")})),
                              {0, 0, 0, 1},
                              text("moov"),
                              number(20, 8, false),
                              text("abcd")});
  const Bytes photograph = with_segment(image, xmp("GCamera:MotionPhoto=\"1\""));
  for (const std::size_t step : {1U, 1000U}) {
    const auto pieces = split(joined({photograph, video, image}), step);
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(pieces[0].bytes, photograph);
    EXPECT_EQ(pieces[1].bytes, image);
    // The same bytes are not passed over unless they are announced, or begin a video.
    EXPECT_GT(split(joined({image, video, image}), step).size(), 2U);
    EXPECT_EQ(split(joined({photograph, image, image}), step).size(), 3U);
  }
}

// An image that is cut short anywhere does not cost another.
TEST(ImageStream, AfterACutComesTheNext) {
  const Bytes next = encode_png(test::smooth_image(3, 3, 1));
  for (const Bytes& whole : {images()[0], images()[1]}) {
    for (std::size_t length = 1; length < whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      const auto pieces = split(joined({cut, next}), 1000);
      ASSERT_GE(pieces.size(), 2U) << length;
      EXPECT_EQ(pieces.back().bytes, next) << length;
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i) EXPECT_NE(pieces[i].bytes, whole);
    }
  }
}

// Its thumbnail is not taken for the next image, even if the header's length reaches into what follows.
TEST(ImageStream, AnImageThatIsCutInItsScanHeaderIsTheSameAlone) {
  Bytes photograph = images()[3];
  const std::array<std::uint8_t, 2> scan{0xFF, 0xDA};
  const auto header = std::find_end(photograph.begin(), photograph.end(), scan.begin(), scan.end());
  ASSERT_NE(header, photograph.end());
  const auto behind = static_cast<std::size_t>(header - photograph.begin()) + 2;
  for (std::size_t length = behind; length < behind + 8; ++length) {
    const Bytes cut(photograph.begin(), photograph.begin() + static_cast<std::ptrdiff_t>(length));
    for (const Bytes& next : {Bytes(), images()[0], images()[1]}) {
      const auto pieces = split(joined({cut, next}));
      ASSERT_EQ(pieces.size(), next.empty() ? 1U : 2U) << length;
      EXPECT_EQ(pieces[0].bytes, cut) << length;
      EXPECT_EQ(pieces.back().bytes, next.empty() ? cut : next) << length;
    }
  }
}

TEST(ImageStream, EmptyHasNone) { EXPECT_TRUE(split({}).empty()); }

TEST(Content, IsToldFromTheFirstBytes) {
  EXPECT_EQ(detect_content({}), ContentKind::empty);
  EXPECT_EQ(detect_content(images()[0]), ContentKind::jpeg);
  EXPECT_EQ(detect_content(images()[1]), ContentKind::png);
  EXPECT_EQ(detect_content(text("\x1f\x8b")), ContentKind::compressed);
  EXPECT_EQ(detect_content(text("\x28\xb5\x2f\xfd")), ContentKind::compressed);
  EXPECT_EQ(detect_content(text("BZh9")), ContentKind::compressed);
  EXPECT_EQ(detect_content(text("\x89"
                                "CVY\r\n\x1a\n")),
            ContentKind::shard);
  EXPECT_EQ(detect_content(text("\x89"
                                "CVY\n")),
            ContentKind::unknown);
  EXPECT_EQ(detect_content(Bytes{0, 0, 8, 3, 0, 0, 0, 1}), ContentKind::idx);
  EXPECT_EQ(detect_content(text("hello")), ContentKind::unknown);
  EXPECT_EQ(detect_content(Bytes(512, 0)), ContentKind::unknown);
}

TEST(ByteSource, SkipsPeeksAndTakes) {
  Bytes bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  SlowSource source(bytes, 10);
  EXPECT_GE(source.peek(25).size(), 25U);
  EXPECT_EQ(source.skip(100), 100U);
  EXPECT_EQ(source.peek(1)[0], 100);
  source.take(1);
  EXPECT_EQ(source.taken(), 101U);
  EXPECT_EQ(source.peek(3)[2], 103);
  EXPECT_EQ(source.skip(10000), 899U);
  EXPECT_EQ(source.taken(), 1000U);
  EXPECT_TRUE(source.peek(1).empty());
}

}  // namespace
}  // namespace convoy
