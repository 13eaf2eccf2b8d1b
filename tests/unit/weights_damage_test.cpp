// Damage to weights, checkpoints and mean files: each flipped bit, each cut, bytes that are lost, doubled or
// exchanged; and checksums that are not written as they must be.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "formats/safetensors_checksum.h"
#include "formats/weights.h"
#include "lib/base/error.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/mean_image.h"
#include "lib/shards/mean.h"
#include "tests/support/error_message.h"
#include "tests/support/fake_net.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/shard_bytes.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::Bytes;

constexpr std::string_view kAdvice =
    ": the file is damaged, or another program changed it; remove convoy.checksum from its metadata to use "
    "it "
    "all the same";

// What a reader gives, and whether the file was found to be sound.
struct Content {
  std::string text;
  bool has_checksum = false;
};
using Reader = std::function<Content(const std::string& path)>;

template <typename Values>
void put(std::string& text, const Values& values) {
  text += as_text(std::as_bytes(std::span(values)));
}

Content read_weights(const std::string& path, bool checkpoint) {
  const WeightsFile file(path, checkpoint ? Expected::checkpoint : Expected::weights);
  test::FakeNet net(1);
  load_parameters(file, net, checkpoint);
  std::string text = file.model().net.text + to_json(file.model().dataset).dump();
  for (const char* key : {"format", "convoy.options", "convoy.seed", "convoy.version", "convoy.checkpoint"}) {
    text += "\n" + file.metadata(key).value_or("none");
  }
  if (checkpoint) text += to_json(read_checkpoint(file).options).dump();
  for (const auto& values : net.parameters) put(text, values);
  for (const auto& values : net.momenta) put(text, values);
  put(text, net.mean);
  return {text, file.has_checksum()};
}

// As meanimg --merge reads it.
Content read_sums(const std::string& path) {
  const MeanFile mean = read_mean_file(path);
  std::string text = to_json(mean.preprocessing).dump() + std::to_string(mean.sums.count);
  put(text, mean.sums.sum);
  put(text, mean.sums.products);
  return {text, mean.has_checksum};
}

// As train --mean reads it.
Content read_mean_of_run(const std::string& path) {
  const MeanImage mean = read_mean(path, test::FakeNet(1).net().input);
  std::string text = to_json(mean.preprocessing.value()).dump();
  put(text, mean.values);
  return {text, mean.has_checksum};
}

class Damage : public ::testing::TestWithParam<const char*> {
 protected:
  Damage() : net_(8) {
    const std::string kind = GetParam();
    if (kind == "weights" || kind == "checkpoint") {
      whole_ = make_weights(kind == "checkpoint");
      reader_ = [kind](const std::string& path) { return read_weights(path, kind == "checkpoint"); };
    } else {
      whole_ = make_mean();
      reader_ = kind == "sums" ? read_sums : read_mean_of_run;
    }
    content_ = read(whole_).text;
  }

  Bytes make_weights(bool checkpoint) {
    Model model;
    model.net = net_.net();
    model.dataset = test::small_info(5, 5, 1, 2);
    model.mean.assign(25, 0.5F);
    float value = 0.1F;
    for (auto* all : {&net_.parameters, &net_.momenta}) {
      for (auto& values : *all) {
        for (float& one : values) one = (value *= -1.01F);
      }
    }
    const TrainingState state{.step = 42, .records = 1000, .fingerprint = 1234567890123456789U};
    if (checkpoint) {
      save_checkpoint(file_, model, {}, state, net_);
    } else {
      save_weights(file_, model, {}, net_);
    }
    return test::bytes_of_file(file_);
  }
  Bytes make_mean() const {
    ImageSums sums{.width = 5, .height = 5, .channels = 1, .count = 3, .sum = {}, .products = {9000}};
    for (std::uint64_t i = 0; i < 25; ++i) sums.sum.push_back(20 * i);
    OutputFile out(file_, OutputFile::Content::binary);
    write_mean_file(out, {sums, {}});
    out.commit();
    return test::bytes_of_file(file_);
  }

  Content read(const Bytes& bytes) const {
    memory_.write(bytes);
    return reader_(memory_.path());
  }
  // The message without the name of the file; empty if the file is taken.
  [[nodiscard]] std::string error_of(const Bytes& bytes) const {
    const std::string message = test::error_of([&] { (void)read(bytes); });
    const std::string name = memory_.path() + ": ";
    return message.starts_with(name) ? message.substr(name.size()) : message;
  }
  // A changed file is refused, or says the same, but not that it is sound.
  void expect_noticed(const Bytes& bytes, const std::string& what) const {
    Content content;
    if (!test::error_of([&] { content = read(bytes); }).empty()) return;
    EXPECT_FALSE(content.has_checksum) << what;
    EXPECT_EQ(content.text, content_) << what;
  }
  test::TemporaryFolder folder_;
  std::string file_ = folder_ / "x.safetensors";
  test::MemoryFile memory_;
  test::FakeNet net_;
  Reader reader_;
  Bytes whole_;
  std::string content_;
};

TEST_P(Damage, OfAnyBitIsRefused) {
  ASSERT_TRUE(read(whole_).has_checksum);
  Bytes changed = whole_;
  for (std::size_t bit = 0; bit < 8 * whole_.size(); ++bit) {
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_NE(error_of(changed), "") << "bit " << bit;
    changed[bit / 8] = whole_[bit / 8];
  }
}

TEST_P(Damage, OfTheTensorsIsNamedWithWhatToDo) {
  for (const std::size_t from_end : {1U, 7U, 40U, 100U}) {
    Bytes changed = whole_;
    changed.at(changed.size() - from_end) ^= 0x10U;
    EXPECT_EQ(error_of(changed), "its checksum differs" + std::string(kAdvice));
    test::disable_checksum(changed);
    EXPECT_NO_THROW(EXPECT_FALSE(read(changed).has_checksum)) << "the advice helps";
  }
}

TEST_P(Damage, CutsAreRefused) {
  for (std::size_t length = 0; length < whole_.size(); ++length) {
    EXPECT_NE(error_of(Bytes(whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(length))), "")
        << length;
  }
  for (const std::size_t more : {1U, 4U, 8U, 4096U}) {
    Bytes longer = whole_;
    longer.resize(whole_.size() + more);
    EXPECT_NE(error_of(longer), "") << more;
  }
}

TEST_P(Damage, BytesLostDoubledOrExchangedAreRefused) {
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    const auto place = static_cast<std::ptrdiff_t>(at);
    Bytes changed = whole_;
    changed.erase(changed.begin() + place);
    expect_noticed(changed, "without byte " + std::to_string(at));
    changed = whole_;
    changed.insert(changed.begin() + place, whole_[at]);
    expect_noticed(changed, "byte twice " + std::to_string(at));
    if (at + 8 >= whole_.size()) continue;
    changed = whole_;
    std::swap_ranges(changed.begin() + place, changed.begin() + place + 4, changed.begin() + place + 4);
    if (changed != whole_) expect_noticed(changed, "words exchanged at " + std::to_string(at));
    changed = whole_;
    std::fill_n(changed.begin() + place, 8, std::uint8_t{0});
    if (changed != whole_) expect_noticed(changed, "zeros at " + std::to_string(at));
  }
}

TEST_P(Damage, OfSeveralBitsIsNoticed) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::size_t> any(0, 8 * whole_.size() - 1);
  for (int round = 0; round < 2000; ++round) {
    Bytes changed = whole_;
    for (int flips = 2 + round % 7; flips > 0; --flips) {
      const std::size_t bit = any(random);
      changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
    if (changed != whole_) expect_noticed(changed, "round " + std::to_string(round));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Damage, ::testing::Values("weights", "checkpoint", "sums", "mean"),
                         [](const auto& param) { return std::string(param.param); });

class Checksum : public ::testing::Test {
 protected:
  // The message about a file with these metadata, an object in JSON, and one tensor.
  [[nodiscard]] std::string error_of(const std::string& metadata, bool repaired = false) const {
    Bytes bytes = test::safetensors_of(
        R"({"__metadata__":)" + metadata + R"(,"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        "abcd");
    if (repaired) test::repair_checksum(bytes);
    memory_.write(bytes);
    const std::string message =
        test::error_of([&] { const SafetensorsFile file(memory_.path(), Expected::weights); });
    return message.empty() ? message : message.substr(memory_.path().size() + 2);
  }
  test::MemoryFile memory_;
};

TEST_F(Checksum, IsTakenWhereItIsRight) {
  EXPECT_EQ(error_of(R"({"convoy.checksum":"0000000000000000"})", true), "");
  EXPECT_EQ(error_of(R"({"a":"b","convoy.checksum":"0000000000000000","z":""})", true), "");
  // Another key or text that looks alike is not the checksum.
  EXPECT_EQ(error_of(R"({"x":"\"convoy.checksum\":\"0","convoy.checksum":"0000000000000000"})", true), "");
  EXPECT_EQ(error_of(R"({"convoy.checksums":"1","checksum":"2","convoy.disabled":"3"})"), "");
  EXPECT_EQ(error_of(R"({"convoy.checksum":"0000000000000000"})"),
            "its checksum differs" + std::string(kAdvice));
}

TEST_F(Checksum, OfAnotherFormIsRefusedWithItsReason) {
  const std::string digits = "convoy.checksum is not 16 digits of 0 to 9 and a to f" + std::string(kAdvice);
  for (const char* value : {"", "0", "000000000000000", "00000000000000000", "ABCDEF0123456789",
                            "0123456789abcdeF", "0x23456789abcdef", " 123456789abcdef", "-123456789abcdef",
                            "0123456789abcdeg", "\\u0000123456789abcde", "0123456789abcd\xC3\xA4"}) {
    EXPECT_EQ(error_of(R"({"convoy.checksum":")" + std::string(value) + "\"}"), digits) << value;
  }
  const std::string form =
      "convoy.checksum is not written as \"convoy.checksum\":\"DIGITS\", once and without spaces" +
      std::string(kAdvice);
  for (const char* metadata :
       {R"({"convoy.checksum": "0123456789abcdef"})", R"({"convoy.checksum":"\u0030123456789abcdef"})",
        R"({"\u0063onvoy.checksum":"0123456789abcdef"})"}) {
    EXPECT_EQ(error_of(metadata), form) << metadata;
  }
  EXPECT_EQ(error_of(R"({"convoy.Checksul":"0123456789abcdef"})"),
            "its metadata have 'convoy.Checksul', almost convoy.checksum" + std::string(kAdvice));
  EXPECT_EQ(error_of(R"({"\"convoy.checksum":"0123456789abcdef"})"),
            "a key of its metadata could be taken for convoy.checksum" + std::string(kAdvice));
  EXPECT_EQ(error_of(R"({"convoy.checksum":"0123456789abcdef","convoy.checksum":"0123456789abcdef"})"),
            "offset 8: duplicate JSON key 'convoy.checksum'");
  EXPECT_EQ(error_of(R"({"convoy.checksum":123})"),
            "offset 8: __metadata__: the value of 'convoy.checksum' is not a text");
}

TEST_F(Checksum, IsThatOfTheManual) {
  const float value = 1.0F;
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  OutputFile out(path, OutputFile::Content::binary);
  const TensorView tensor{"t", DType::f32, {1}, std::as_bytes(std::span(&value, 1))};
  write_safetensors(out, std::span(&tensor, 1), {{"convoy.checksum", "what it was"}, {"a", "b"}});
  out.commit();
  const Bytes bytes = test::bytes_of_file(path);
  const std::size_t at = test::digits_in(bytes).value();
  EXPECT_EQ(std::string(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        bytes.begin() + static_cast<std::ptrdiff_t>(at + 16)),
            test::checksum_of(bytes));
  const SafetensorsFile file(path, Expected::weights);
  EXPECT_TRUE(file.has_checksum());
  EXPECT_EQ(file.metadata(), (Metadata{{"a", "b"}})) << "what reads it needs not leave it out";
  OutputFile other(path, OutputFile::Content::binary);
  EXPECT_EQ(test::error_of([&] {
              write_safetensors(other, {}, {{"\"convoy.checksum", "0000000000000000"}});
            }),
            path + ": a key of the metadata could be taken for convoy.checksum");
}

}  // namespace
}  // namespace convoy
