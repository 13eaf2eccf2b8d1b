// lib/prep/image_input: how much is read of what may be an image.
#include "lib/prep/image_input.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "lib/base/content.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

// A beginning, and zeros for ever.
class Endless : public ByteSource {
 public:
  explicit Endless(std::string_view head) : head_(head) {}
  [[nodiscard]] std::uint64_t given() const { return given_; }

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    for (std::byte& byte : into) {
      byte = given_ < head_.size() ? std::byte(head_[static_cast<std::size_t>(given_)]) : std::byte(0);
      ++given_;
    }
    return into.size();
  }

 private:
  std::string_view head_;
  std::uint64_t given_ = 0;
};

constexpr std::string_view kHeads[] = {"", "GIF89a", "BM", "some text",
                                       std::string_view("\0\0\x08\x03\0\1", 6)};

TEST(ReadImage, ReadsNoMoreThanTheBeginningOfWhatIsNoImage) {
  for (const std::string_view head : kHeads) {
    Endless content(head);
    EXPECT_EQ(read_image(content, "m").size(), kContentBytes);
    EXPECT_LE(content.given(), 2 * kContentBytes);
  }
}

TEST(ReadImage, ReadsImagesUpToTheLimit) {
  Endless content("\xff\xd8\xff");
  EXPECT_EQ(test::error_of([&] { static_cast<void>(read_image(content, "m")); }),
            "m: larger than the limit of 268435456 bytes");
  EXPECT_LE(content.given(), 2 * kMaxImageFileBytes + kContentBytes);
}

TEST(ReadImage, FilesAreReadAsMembersAre) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  for (const std::string_view head : kHeads) {
    std::ofstream(path) << head;
    if (!head.empty()) {
      EXPECT_EQ(read_image_file(path).size(), head.size());
    }
    std::filesystem::resize_file(path, std::uintmax_t{1} << 40);
    EXPECT_EQ(read_image_file(path).size(), kContentBytes);
  }
  std::ofstream(path) << "\x89PNG\r\n\x1a\n";
  std::filesystem::resize_file(path, 100'000);
  EXPECT_EQ(read_image_file(path).size(), 100'000U);
  std::filesystem::resize_file(path, kMaxImageFileBytes + 1);
  EXPECT_EQ(test::error_of([&] { static_cast<void>(read_image_file(path)); }),
            path + ": larger than the limit of 268435456 bytes");
}

}  // namespace
}  // namespace convoy
