// lib/prep/part_of_images: the parts of any input are together what one run returns, also if it is damaged.
#include "lib/prep/part_of_images.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "formats/png.h"
#include "lib/base/error.h"
#include "tests/support/archives.h"
#include "tests/support/images.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::make_tar;
using test::Packing;
using Bytes = std::vector<std::uint8_t>;
using Strings = std::vector<std::string>;

Bytes png(unsigned seed) { return encode_png(test::smooth_image(9, 7, 3, seed)); }

InputOptions options_for(const std::string& path, bool again) {
  InputOptions options;
  options.operands = {path};
  options.labels.classes = {{"a", ""}, {"b", ""}};
  options.again = again;
  return options;
}

std::string text_of(const ImageInput& input) {
  std::string text = input.name + " " + std::to_string(input.label) + " " + input.failure + " ";
  text.append(input.bytes.begin(), input.bytes.end());
  return text;
}

// All that the source returns in one run.
Strings read_whole(const std::string& path) {
  ImageSource source(options_for(path, false));
  PartOfImages images(source, std::nullopt);
  Strings texts;
  while (const auto input = images.next()) texts.push_back(text_of(*input));
  return texts;
}

// The same in `count` parts, with what each leaves out added up.
Strings read_parts(const std::string& path, std::uint64_t count, std::uint64_t& passed_over) {
  Strings texts;
  passed_over = 0;
  for (std::uint64_t number = 1; number <= count; ++number) {
    ImageSource source(options_for(path, true));
    PartOfImages images(source, Part{.number = number, .count = count});
    std::uint64_t there = 0;
    while (const auto input = images.next()) {
      texts.push_back(text_of(*input));
      there += input->loss.records;
    }
    EXPECT_EQ(there, images.size());
    passed_over += source.left_out().passed_over;
  }
  return texts;
}

class PartsOfImages : public ::testing::Test {
 protected:
  std::string write(const Bytes& bytes) {
    const std::string path = folder_ / "input";
    test::write_file(path, bytes);
    return path;
  }
  void expect_alike(const std::string& path, const std::string& what) {
    const Strings whole = read_whole(path);
    for (const std::uint64_t count : {1U, 2U, 3U, 5U, 9U}) {
      try {
        std::uint64_t passed_over = 0;
        EXPECT_EQ(read_parts(path, count, passed_over), whole) << what << " in " << count << " parts";
      } catch (const Error& error) {
        // Only if there is no image: what the whole run says first, or that there is none.
        EXPECT_TRUE(whole.empty() || (whole[0].find(error.reason()) != std::string::npos))
            << what << ": " << error.what() << "; " << ::testing::PrintToString(whole);
      }
    }
  }

  test::TemporaryFolder folder_;
  std::vector<std::pair<std::string, Bytes>> files_ = {{"a/1.png", png(1)},
                                                       {"a/notes.txt", {'n'}},
                                                       {"b/empty.png", {}},
                                                       {"b/2.png", png(2)},
                                                       {"b/3.png.gz", test::pack(png(3), Packing::gzip)},
                                                       {"c/4.png", png(4)},
                                                       {"b/5.png", png(5)},
                                                       {"z.txt", {'z'}}};
};

TEST_F(PartsOfImages, AreTheWholeOfAnArchiveCutAnywhere) {
  for (const Packing packing : {Packing::plain, Packing::gzip, Packing::bzip2}) {
    const Bytes all = make_tar(files_, packing);
    const std::size_t step = packing == Packing::plain ? 97 : 13;
    for (std::size_t cut = 300; cut < all.size(); cut += step) {
      const std::string path = write({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)});
      expect_alike(path,
                   "packing " + std::to_string(static_cast<int>(packing)) + " cut at " + std::to_string(cut));
    }
  }
}

TEST_F(PartsOfImages, AreTheWholeOfAnArchiveOfDamagedArchives) {
  Bytes a = make_tar(files_, Packing::gzip);
  Bytes b = make_tar(files_);
  for (std::size_t at = 20; at < a.size(); at += 41) {
    Bytes damaged = a;
    damaged[at] ^= 0x55;
    Bytes cut = b;
    cut.resize(b.size() * at / a.size());
    expect_alike(write(make_tar({{"a.tar", damaged}, {"b.tar", cut}, {"a.tar.gz", a}})), std::to_string(at));
  }
}

TEST_F(PartsOfImages, AreTheWholeOfAStreamWithAnythingBetween) {
  Bytes all;
  for (const auto& [name, bytes] : files_) all.insert(all.end(), bytes.begin(), bytes.end());
  for (std::size_t cut = 10; cut < all.size(); cut += 23) {
    expect_alike(write({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)}), std::to_string(cut));
  }
}

TEST_F(PartsOfImages, LeaveFilesOutOnce) {
  const std::string path = write(make_tar(files_));
  for (const std::uint64_t count : {1U, 2U, 4U, 6U, 20U}) {
    std::uint64_t passed_over = 0;
    static_cast<void>(read_parts(path, count, passed_over));
    EXPECT_EQ(passed_over, 2U) << count;
  }
}

TEST_F(PartsOfImages, SayWhichTheyAre) {
  const std::string path = write(make_tar(files_));
  ImageSource source(options_for(path, true));
  const PartOfImages second(source, Part{.number = 2, .count = 4});
  EXPECT_EQ(second.whole(), 6U);
  EXPECT_EQ(second.size(), 2U);
  EXPECT_TRUE(second.any_labelled());
  EXPECT_EQ(second.appended(), ", part 2 of 4 (images 3 to 4 of 6)");
  const PartOfImages none(source, Part{.number = 9, .count = 9});
  EXPECT_EQ(none.appended(), ", part 9 of 9 (none of 6)");
  EXPECT_EQ(PartOfImages(source, std::nullopt).appended(), "");
}

}  // namespace
}  // namespace convoy
