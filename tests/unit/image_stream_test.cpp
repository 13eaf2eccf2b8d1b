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

TEST(ImageStream, NamesGarbageAndGoesOn) {
  const auto parts = images();
  const auto pieces = split(joined({text("garbage"), parts[1], text("more rubbish"), parts[0], text("x")}));
  ASSERT_EQ(pieces.size(), 5U);
  EXPECT_EQ(pieces[0].failure, "7 bytes that are neither JPEG nor PNG");
  EXPECT_EQ(pieces[1].bytes, parts[1]);
  EXPECT_EQ(pieces[2].failure, "12 bytes that are neither JPEG nor PNG");
  EXPECT_EQ(pieces[3].bytes, parts[0]);
  EXPECT_EQ(pieces[4].failure, "1 bytes that are neither JPEG nor PNG");
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

TEST(ByteSource, SkipsPeeksAndTakesBack) {
  Bytes bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  SlowSource source(bytes, 10);
  EXPECT_GE(source.peek(25).size(), 25U);
  EXPECT_EQ(source.skip(100), 100U);
  EXPECT_EQ(source.peek(1)[0], 100);
  source.take(1);
  source.unread(Bytes{1, 2});
  EXPECT_EQ(source.peek(3)[0], 1);
  EXPECT_EQ(source.peek(3)[2], 101);
  source.take(2);
  EXPECT_EQ(source.skip(10000), 899U);
  EXPECT_TRUE(source.peek(1).empty());
}

}  // namespace
}  // namespace convoy
