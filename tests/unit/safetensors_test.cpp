// formats/safetensors: every rule of the format, damage at every byte, and the hex dump of the manual.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <regex>

#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using Bytes = std::vector<std::byte>;

class Safetensors : public ::testing::Test {
 protected:
  // A file with this header and data, as another program may have written it.
  std::string file_of(std::string_view header, std::string_view data) {
    return file_of(as_bytes_of(length_field(header.size()) + std::string(header) + std::string(data)));
  }
  std::string file_of(std::span<const std::byte> bytes) {
    std::string path = folder_ / "a.safetensors";
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  static std::string length_field(std::uint64_t length) {
    return std::string(as_text(std::as_bytes(std::span(&length, 1))));
  }
  // The error of opening the file; empty if there is none.
  std::string error_of(std::string_view header, std::string_view data = {}) {
    return test::error_of([&] { const SafetensorsFile file(file_of(header, data), Expected::weights); });
  }
  std::string write(std::span<const TensorView> tensors, const Metadata& metadata) {
    std::string path = folder_ / "b.safetensors";
    OutputFile out(path, OutputFile::Content::binary);
    write_safetensors(out, tensors, metadata);
    out.commit();
    return path;
  }
  void expect_refused(std::string_view header, std::string_view data, const std::string& reason) {
    const std::string error = error_of(header, data);
    EXPECT_NE(error.find(reason), std::string::npos) << header << "\ngot: " << error;
    EXPECT_TRUE(std::regex_search(error, std::regex("a\\.safetensors: offset [0-9]+: "))) << error;
  }

  test::TemporaryFolder folder_;
};

constexpr std::string_view kFour = "abcd";
constexpr const char* kOne = R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

TEST_F(Safetensors, WhatIsWrittenIsReadBack) {
  const std::array<float, 6> weights = {0.0F, -1.5F, 2.0F, 3.0F, 4.0F, 1e-30F};
  const std::array<std::uint64_t, 1> count = {1'281'167};
  const std::array<std::uint8_t, 3> bytes = {1, 2, 3};
  const std::array<TensorView, 4> tensors = {
      TensorView{"conv1.weight", DType::f32, {2, 3}, std::as_bytes(std::span(weights))},
      TensorView{"pixels", DType::u8, {3, 1}, std::as_bytes(std::span(bytes))},
      TensorView{"count", DType::u64, {}, std::as_bytes(std::span(count))},
      TensorView{"empty", DType::f64, {4, 0}, {}}};
  const Metadata metadata = {{"format", "pt"}, {"text", "zwei\nZeilen \"\\ \xC3\xBC"}};
  const SafetensorsFile file(write(tensors, metadata), Expected::weights);
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), 4U);
  const std::span<const float> values = file.get("conv1.weight").f32("x");
  EXPECT_TRUE(std::ranges::equal(values, weights));
  EXPECT_EQ(file.get("conv1.weight").shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(file.get("conv1.weight").elements(), 6U);
  EXPECT_EQ(file.get("count").u64("x").front(), 1'281'167U);
  EXPECT_EQ(file.get("count").elements(), 1U);
  EXPECT_EQ(file.get("empty").elements(), 0U);
  EXPECT_TRUE(file.get("empty").data.empty());
  EXPECT_EQ(file.get("pixels").data[2], std::byte{3});
  EXPECT_EQ(file.find("conv2.weight"), nullptr);
  EXPECT_EQ(test::error_of([&] { static_cast<void>(file.get("conv2.weight")); }),
            file.name() + ": no tensor 'conv2.weight'");
  EXPECT_EQ(test::error_of([&] { static_cast<void>(file.get("count").f32("x")); }),
            "x: tensor 'count' is U64, expected F32");
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % dtype_bytes(tensor.type), 0U)
        << tensor.name;
  }
}

// The library of safetensors parses the header as JSON too, which may end in white space.
TEST_F(Safetensors, OnlyWhiteSpaceFollowsTheHeader) {
  for (const char* blank : {"", " ", "\t", "\n", "\r", " \r\n\t "})
    EXPECT_EQ(error_of(std::string(kOne) + blank, kFour), "");
  for (const std::string& more : {std::string("\v"), std::string("\f"), std::string(1, '\0'),
                                  std::string("x"), std::string(" {}"), std::string("\xC2\xA0")}) {
    EXPECT_NE(error_of(std::string(kOne) + more, kFour), "") << more;
  }
}

TEST_F(Safetensors, DataBeginOnAMultipleOfEight) {
  const float value = 1.0F;
  for (std::size_t length = 1; length <= 9; ++length) {
    const TensorView tensor{std::string(length, 'n'), DType::f32, {1}, std::as_bytes(std::span(&value, 1))};
    const auto bytes = read_file(write(std::span(&tensor, 1), {}), 1 << 20);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    EXPECT_EQ(header % 8, 0U);
    EXPECT_EQ(bytes.size(), 8 + header + 4);
  }
}

TEST_F(Safetensors, WriterRefusesWhatReadersWould) {
  const float value = 1.0F;
  const auto data = std::as_bytes(std::span(&value, 1));
  const auto error_of_write = [&](std::span<const TensorView> tensors, const Metadata& metadata) {
    return test::error_of([&] { write(tensors, metadata); });
  };
  const std::array<TensorView, 2> twice = {TensorView{"a", DType::f32, {1}, data},
                                           TensorView{"a", DType::f32, {1}, data}};
  EXPECT_NE(error_of_write(twice, {}).find("two tensors named 'a'"), std::string::npos);
  const TensorView short_one{"a", DType::f32, {2}, data};
  EXPECT_NE(error_of_write(std::span(&short_one, 1), {}).find("do not fit its shape [2]"), std::string::npos);
  const TensorView overflowing{"a", DType::f32, {std::uint64_t{1} << 62, 4}, data};
  EXPECT_NE(error_of_write(std::span(&overflowing, 1), {}).find("do not fit"), std::string::npos);
  const TensorView reserved{"__metadata__", DType::f32, {1}, data};
  EXPECT_NE(error_of_write(std::span(&reserved, 1), {}), "");
  EXPECT_NE(error_of_write({}, {{"k", "\xFF"}}).find("not UTF-8"), std::string::npos);
}

TEST_F(Safetensors, AcceptsAllTheFormatAllows) {
  EXPECT_EQ(error_of("{}"), "");
  EXPECT_EQ(error_of("{}      "), "");
  EXPECT_EQ(error_of(kOne, kFour), "");
  EXPECT_EQ(error_of("{ \"__metadata__\" : {} }"), "");
  // The header may list tensors in any order; empty tensors may be anywhere.
  EXPECT_EQ(error_of(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]},)"
                     R"("e":{"dtype":"F32","shape":[0,5],"data_offsets":[2,2]},)"
                     R"("a":{"dtype":"I8","shape":[1,2],"data_offsets":[0,2]}})",
                     kFour),
            "");
  const std::array<std::pair<const char*, int>, 17> types = {{{"F64", 8},
                                                              {"F32", 4},
                                                              {"F16", 2},
                                                              {"BF16", 2},
                                                              {"I64", 8},
                                                              {"I32", 4},
                                                              {"I16", 2},
                                                              {"I8", 1},
                                                              {"U64", 8},
                                                              {"U32", 4},
                                                              {"U16", 2},
                                                              {"U8", 1},
                                                              {"BOOL", 1},
                                                              {"C64", 8},
                                                              {"F8_E4M3", 1},
                                                              {"F8_E5M2", 1},
                                                              {"F8_E8M0", 1}}};
  for (const auto& [name, size] : types) {
    const std::string end = std::to_string(size);
    EXPECT_EQ(error_of("{\"t\":{\"dtype\":\"" + std::string(name) + "\",\"shape\":[],\"data_offsets\":[0," +
                           end + "]}}",
                       std::string(static_cast<std::size_t>(size), 'x')),
              "")
        << name;
  }
}

TEST_F(Safetensors, MisalignedTensorsOfStrangersAreReadAll) {
  // A header whose length is 7 modulo 8 puts the float at an odd address.
  std::string header = kOne;
  header.resize((header.size() / 8 + 2) * 8 - 1, ' ');
  const float value = 1.5F;
  std::string data(sizeof value, '\0');
  std::memcpy(data.data(), &value, sizeof value);
  const SafetensorsFile file(file_of(header, data), Expected::weights);
  EXPECT_EQ(file.get("t").f32("x").front(), 1.5F);
}

TEST_F(Safetensors, HasSoManyTensors) {
  const auto header = [](std::size_t tensors) {
    std::string text = "{";
    for (std::size_t i = 0; i < tensors; ++i) {
      text +=
          (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
    }
    return text + "}";
  };
  EXPECT_EQ(error_of(header(kMaxTensors)), "");
  expect_refused(header(kMaxTensors + 1), "", "more than 65536 tensors");
}

TEST_F(Safetensors, RefusesWhatTheFormatForbids) {
  expect_refused("[]", "", "does not begin with '{'");
  expect_refused(" {}", "", "does not begin with '{'");
  expect_refused("", "a", "does not begin with '{'");
  expect_refused("{", "", "invalid JSON");
  expect_refused("{}x", "", "invalid JSON");
  expect_refused(std::string_view("{}\0", 3), "", "invalid JSON");
  expect_refused("{\"\xFF\":1}", "", "invalid JSON");
  expect_refused(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],)"
                 R"("data_offsets":[1,2]}})",
                 "ab", "duplicate JSON key 't'");
  expect_refused(R"({"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "a",
                 "duplicate JSON key");
  expect_refused(R"({"__metadata__":{"a":"1","a":"2"}})", "", "duplicate JSON key");
  expect_refused(R"({"__metadata__":[]})", "", "__metadata__ is not an object");
  expect_refused(R"({"__metadata__":{"a":1}})", "", "the value of 'a' is not a text");
  expect_refused(R"({"t":[]})", "", "tensor 't': expected an object of dtype, shape and data_offsets");
  expect_refused(R"({"t":{"dtype":"U8","shape":[1]}})", "a", "expected an object of dtype");
  expect_refused(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"order":"F"}})", "a",
                 "expected an object");
  expect_refused(R"({"t":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", kFour, "unknown dtype 'f32'");
  expect_refused(R"({"t":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})", kFour, "unknown dtype 1");
  expect_refused(R"({"t":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", kFour, "whole numbers");
  expect_refused(R"({"t":{"dtype":"U8","shape":[1e999],"data_offsets":[0,4]}})", kFour,
                 "a JSON number is out of range");
  expect_refused(R"({"t":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", kFour, "whole numbers");
  expect_refused(R"({"t":{"dtype":"U8","shape":4,"data_offsets":[0,4]}})", kFour, "shape is not an array");
  expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}})", kFour, "are not two numbers");
  expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551616]}})", kFour,
                 "whole numbers");
  expect_refused(R"({"t":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", "a",
                 "more than 8 dim");
}

TEST_F(Safetensors, RefusesLayoutsThatLie) {
  expect_refused(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", kFour, "F32 [2] needs 8 bytes");
  expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", kFour, "end before they begin");
  expect_refused(R"({"t":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})", kFour,
                 "begins at 1 of the data instead of 0");
  expect_refused(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                 R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                 kFour, "tensor 'b': begins at 2 of the data instead of 3");
  expect_refused(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                 R"("b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                 kFour, "must neither overlap nor leave holes");
  expect_refused(R"({"t":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", kFour,
                 "take 3 bytes, the file has 4");
  expect_refused(R"({"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", kFour, "it is cut short");
  expect_refused("{}", "a", "take 0 bytes, the file has 1");
  // Products and sums that overflow 64 bits.
  expect_refused(R"({"t":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", kFour,
                 "is too large");
  expect_refused(R"({"t":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "",
                 "is too large");
  expect_refused(
      R"({"t":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}})", kFour,
      "it is cut short");
}

TEST_F(Safetensors, RefusesLengthsThatLie) {
  const auto error_of_length = [&](std::uint64_t length, std::string_view rest) {
    const std::string text = length_field(length) + std::string(rest);
    return test::error_of([&] { const SafetensorsFile file(file_of(as_bytes_of(text)), Expected::weights); });
  };
  EXPECT_NE(error_of_length(100'000'001, "{}").find("offset 0: header length 100000001 is over the limit"),
            std::string::npos);
  EXPECT_NE(error_of_length(~0ULL, "{}").find("over the limit"), std::string::npos);
  EXPECT_NE(error_of_length(3, "{}").find("ends within its header"), std::string::npos);
  EXPECT_NE(error_of_length(8, "data").find("the header does not begin with '{': not a safetensors file"),
            std::string::npos);
  const auto error_of_file = [&](const Bytes& bytes) {
    return test::error_of([&] { const SafetensorsFile file(file_of(bytes), Expected::weights); });
  };
  EXPECT_NE(error_of_file(Bytes(7, std::byte{0x89})).find("not a safetensors file"), std::string::npos);
  EXPECT_NE(error_of_file({}).find(": an empty file where weights are expected"), std::string::npos);
  EXPECT_NE(error_of_file(Bytes(7)).find(": zero bytes where weights are expected"), std::string::npos);
}

// A small file as convoy writes it.
Bytes small_file(const std::function<std::string(std::span<const TensorView>, const Metadata&)>& write) {
  const std::array<float, 2> bias = {1.0F, -0.5F};
  const std::uint64_t count = 60'000;
  const std::array<TensorView, 2> tensors = {
      TensorView{"conv1.bias", DType::f32, {2}, std::as_bytes(std::span(bias))},
      TensorView{"count", DType::u64, {}, std::as_bytes(std::span(&count, 1))}};
  return read_file(write(tensors, {{"format", "pt"}}), 1 << 20);
}

TEST_F(Safetensors, EveryCutIsNoticed) {
  const Bytes whole =
      small_file([&](auto tensors, const auto& metadata) { return write(tensors, metadata); });
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string error = test::error_of(
        [&] { const SafetensorsFile file(file_of(std::span(whole).first(length)), Expected::weights); });
    EXPECT_NE(error, "") << length;
  }
}

TEST_F(Safetensors, NoChangedByteLeadsOutOfTheFile) {
  const Bytes whole =
      small_file([&](auto tensors, const auto& metadata) { return write(tensors, metadata); });
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x02U, 0x04U, 0x08U, 0x10U, 0x20U, 0x40U, 0x80U, 0xFFU}) {
      Bytes changed = whole;
      changed[at] ^= static_cast<std::byte>(flip);
      const std::string path = file_of(changed);
      const std::string error = test::error_of([&] {
        const SafetensorsFile file(path, Expected::weights);
        std::uint64_t bytes = 0;
        unsigned sum = 0;
        for (const TensorView& tensor : file.tensors()) {
          bytes += tensor.data.size();
          for (const std::byte value : tensor.data)
            sum += std::to_integer<unsigned>(value);  // all bytes can be read
          EXPECT_EQ(tensor.elements() * dtype_bytes(tensor.type), tensor.data.size());
        }
        EXPECT_LE(bytes, changed.size()) << sum;
      });
      EXPECT_TRUE(at >= 8 || !error.empty()) << at;  // the header's length
    }
  }
}

// The lines "00000010 61 62 ..." of a manual page.
Bytes dump_in(const std::string& page) {
  std::ifstream in(page);
  EXPECT_TRUE(in) << page << ": run from the root of the source";
  const std::regex line_form("^([0-9a-f]{8})((?: {1,2}[0-9a-f]{2}){1,16})(?:  .*)?$");
  Bytes bytes;
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, line_form)) continue;
    EXPECT_EQ(std::stoul(match[1], nullptr, 16), bytes.size()) << line;
    std::istringstream words(match[2]);
    for (std::string word; words >> word;)
      bytes.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

TEST_F(Safetensors, TheManualShowsTheseBytes) {
  const Bytes written =
      small_file([&](auto tensors, const auto& metadata) { return write(tensors, metadata); });
  EXPECT_EQ(dump_in("man/convoy-weights.5"), written);
}

}  // namespace
}  // namespace convoy
