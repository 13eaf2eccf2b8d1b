// lib/prep/requests: one input for each request, whatever it holds and however it arrives.
#include "lib/prep/requests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {
namespace {

using namespace std::string_view_literals;

// Gives bytes in small pieces, and counts them.
class SlowSource : public ByteSource {
 public:
  SlowSource(std::string_view bytes, std::size_t step) : bytes_(bytes), step_(step) {}
  [[nodiscard]] std::size_t given() const { return at_; }

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t got = std::min({step_, into.size(), bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), got, reinterpret_cast<char*>(into.data()));
    at_ += got;
    return got;
  }

 private:
  std::string_view bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
};

struct Read {
  std::vector<ImageInput> inputs;
  bool broken = false;
};

Read frames(std::string_view bytes, std::size_t step) {
  SlowSource source(bytes, step);
  FramedRequests requests(source, "p");
  Read read;
  while (auto input = requests.next()) read.inputs.push_back(std::move(*input));
  read.broken = requests.broken();
  return read;
}

TEST(FramedRequests, GiveEachFrame) {
  for (const std::size_t step : {1U, 3U, 100U}) {
    const Read read = frames("3\nabc0\n005\n1\n2\n3", step);
    ASSERT_EQ(read.inputs.size(), 3U);
    EXPECT_EQ(read.inputs[0].bytes, (std::vector<std::uint8_t>{'a', 'b', 'c'}));
    EXPECT_EQ(read.inputs[0].name, "p:1");
    EXPECT_EQ(read.inputs[0].failure, "");
    EXPECT_EQ(read.inputs[1].failure, "empty frame");
    EXPECT_EQ(read.inputs[2].bytes.size(), 5U);
    EXPECT_FALSE(read.broken);
  }
}

TEST(FramedRequests, WaitForNothingBehindAFrame) {
  SlowSource source("3\nabc3\n", 1);
  FramedRequests requests(source, "p");
  ASSERT_TRUE(requests.next());
  EXPECT_EQ(source.given(), 5U);
}

TEST(FramedRequests, EndAtALengthThatIsNone) {
  for (const std::string_view length :
       {"x\n"sv, "\n"sv, "3\r\nabc"sv, "-1\na"sv, "+1\na"sv, " 1\na"sv, "1 \na"sv, "0x3\nabc"sv, "3abc"sv,
        "1.0\na"sv, "\0\n"sv, "18446744073709551616\n"sv, "99999999999999999999\n"sv,
        "100000000000000000000000\n"sv, "000000000000000000001\na"sv, "GIF89a"sv}) {
    for (const std::size_t step : {1U, 100U}) {
      const std::string bytes = "1\na" + std::string(length) + "1\nb";
      const Read read = frames(bytes, step);
      ASSERT_EQ(read.inputs.size(), 2U) << length;
      EXPECT_NE(read.inputs[1].failure, "") << length;
      EXPECT_TRUE(read.broken) << length;
    }
  }
}

TEST(FramedRequests, NameACutFrame) {
  for (const std::string_view cut : {"5"sv, "5\n"sv, "5\nabcd"sv, "18446744073709551615\nabc"sv}) {
    const Read read = frames(cut, 2);
    ASSERT_EQ(read.inputs.size(), 1U) << cut;
    EXPECT_EQ(read.inputs[0].failure.substr(0, 14), "the input ends") << cut;
    EXPECT_FALSE(read.broken);
  }
}

TEST(FramedRequests, PassOverWhatIsTooLarge) {
  const std::uint64_t size = kMaxImageFileBytes + 1;
  const Read read = frames(std::to_string(size) + "\n" + std::string(size, 'x') + "1\na", 1 << 20);
  ASSERT_EQ(read.inputs.size(), 2U);
  EXPECT_NE(read.inputs[0].failure.find("limit"), std::string::npos);
  EXPECT_TRUE(read.inputs[0].bytes.empty());
  EXPECT_EQ(read.inputs[1].failure, "");
}

std::vector<ImageInput> names(std::string_view bytes, bool nul, std::size_t step) {
  SlowSource source(bytes, step);
  NameRequests requests(source, "p", nul);
  std::vector<ImageInput> inputs;
  while (auto input = requests.next()) inputs.push_back(std::move(*input));
  return inputs;
}

TEST(NameRequests, GiveOneInputForEachLine) {
  const std::string text = "/dev/null\n\n.\n x\nx\r\nnothing here\n" +
                           std::string(kMaxRequestBytes + 1, 'y') + "\n/proc/self/exe\t3\n\xff";
  for (const std::size_t step : {1U, 7U, 100000U}) {
    const auto inputs = names(text, false, step);
    ASSERT_EQ(inputs.size(), 9U);
    EXPECT_EQ(inputs[0].failure, "not a regular file");
    EXPECT_EQ(inputs[1].failure, "empty line");
    EXPECT_EQ(inputs[1].place, "p:2");
    EXPECT_EQ(inputs[2].failure, "a folder: each line names one image");
    EXPECT_EQ(inputs[3].failure, "blank at the beginning of the line");
    EXPECT_EQ(inputs[3].name, " x");
    EXPECT_NE(inputs[4].failure.find("carriage return"), std::string::npos);
    EXPECT_EQ(inputs[5].failure, "No such file or directory");
    EXPECT_EQ(inputs[6].failure, "longer than 8192 bytes");
    EXPECT_LT(inputs[6].name.size(), 200U);
    EXPECT_EQ(inputs[7].failure, "");
    EXPECT_EQ(inputs[7].path, "/proc/self/exe");
    EXPECT_EQ(inputs[8].name, "\xff");
  }
}

TEST(NameRequests, EndInNulBytes) {
  const auto inputs = names("a\nb\0\0/proc/self/exe"sv, true, 1);
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_EQ(inputs[0].path, "a\nb");
  EXPECT_EQ(inputs[1].failure, "empty path");
  EXPECT_EQ(inputs[2].failure, "");
}

TEST(NameRequests, AreBelowTheRoot) {
  SlowSource source("self/exe\n", 3);
  NameRequests requests(source, "p", false, "/proc");
  EXPECT_EQ(requests.next()->failure, "");
}

TEST(NameRequests, WaitForNothingBehindALine) {
  SlowSource source("a\nb\n", 1);
  NameRequests requests(source, "p", false);
  ASSERT_TRUE(requests.next());
  EXPECT_EQ(source.given(), 2U);
}

}  // namespace
}  // namespace convoy
