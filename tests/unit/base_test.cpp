// lib/base: the generator against its published vectors, files that appear whole or not at all, ordered
// parallel work.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/parallel.h"
#include "lib/base/philox.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

// Known-answer vectors of Random123 (kat_vectors, philox4x32 10).
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0, 0), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, ~0U, ~0U),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StreamsOfDifferentKeysDiffer) {
  const PhiloxStream base{.seed = 1, .epoch = 2, .record = 3, .purpose = Purpose::crop};
  PhiloxStream other = base;
  other.seed = 1ULL << 40;
  EXPECT_NE(base.block(0), other.block(0));
  other = base;
  other.epoch = 3;
  EXPECT_NE(base.block(0), other.block(0));
  other = base;
  other.record = 3 + (1ULL << 32);
  EXPECT_NE(base.block(0), other.block(0));
  other = base;
  other.purpose = Purpose::dropout;
  EXPECT_NE(base.block(0), other.block(0));
  other = base;
  other.layer = 1;
  EXPECT_NE(base.block(0), other.block(0));
}

TEST(Philox, UniformBelowStaysBelow) {
  EXPECT_EQ(uniform_below(~0ULL, 7), 6U);
  EXPECT_EQ(uniform_below(0, 7), 0U);
  EXPECT_LT(uniform_float(~0U), 1.0F);
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/convoy-base-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  std::filesystem::path folder_;
};

TEST_F(Files, AppearOnlyOnCommit) {
  std::ofstream(path("out")) << "old";
  {
    OutputFile out(path("out"), OutputFile::Content::binary);
    out.write("new");
    out.flush();
    EXPECT_EQ(read_text_file(path("out"), 100), "old");
  }
  EXPECT_EQ(read_text_file(path("out"), 100), "old");
  EXPECT_EQ(entries(), 1U) << "an abandoned temporary file is removed";
  OutputFile out(path("out"), OutputFile::Content::binary);
  out.write("new");
  out.commit();
  EXPECT_EQ(read_text_file(path("out"), 100), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, KeepTheModeOfWhatTheyReplace) {
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chmod(path("out").c_str(), 0640), 0);
  OutputFile out(path("out"), OutputFile::Content::text);
  out.commit();
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

TEST_F(Files, ReportAFullDisk) {
  OutputFile out("/dev/full", OutputFile::Content::binary);
  out.write("x");
  EXPECT_THROW(out.commit(), Error);
}

TEST_F(Files, RefuseWhatIsLargerThanTheLimit) {
  std::ofstream(path("in")) << "12345";
  EXPECT_EQ(read_text_file(path("in"), 5), "12345");
  EXPECT_THROW((void)read_text_file(path("in"), 4), Error);
  EXPECT_THROW((void)read_text_file(folder_.string(), 4), Error);
}

TEST_F(Files, MapsWhatWasWritten) {
  std::ofstream(path("in")) << "12345";
  MappedFile mapped(path("in"));
  EXPECT_EQ(as_text(mapped.bytes()), "12345");
  const MappedFile moved = std::move(mapped);
  EXPECT_EQ(as_text(moved.bytes()), "12345");
  std::ofstream(path("empty")) << "";
  EXPECT_TRUE(MappedFile(path("empty")).bytes().empty());
}

TEST_F(Files, CutShortWhileMappedEndTheToolWithAMessageAndNoTemporary) {
  std::ofstream(path("mapped")) << std::string(100000, 'x');
  const auto read_what_is_gone = [&] {
    remove_temporaries_on_signals("some-tool");
    const MappedFile mapped(path("mapped"));
    OutputFile out(path("out"), OutputFile::Content::binary);
    std::filesystem::resize_file(path("mapped"), 10);
    const volatile std::byte last = mapped.bytes().back();
    static_cast<void>(last);
  };
  EXPECT_EXIT(read_what_is_gone(), ::testing::KilledBySignal(SIGBUS),
              "^some-tool: a file that is being read was cut short or cannot be read\n$");
  EXPECT_EQ(entries(), 1U);
}

TEST(OrderedParallelMap, KeepsOrderForAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    int next = 0;
    std::vector<int> seen;
    ordered_parallel_map(
        threads, [&]() -> std::optional<int> { return next < 500 ? std::optional(next++) : std::nullopt; },
        [](int&& item) {
          if (item % 7 == 0) std::this_thread::yield();
          return item * 2;
        },
        [&](int&& result) { seen.push_back(result); });
    ASSERT_EQ(seen.size(), 500U);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i * 2);
  }
}

TEST(OrderedParallelMap, ThrowsWhatAnyPartThrows) {
  for (const int threads : {1, 4}) {
    for (const int where : {0, 1, 2}) {
      int next = 0;
      const auto check = [where](int part, int item) {
        if (part == where && item == 50) throw Error("place", "reason");
      };
      EXPECT_THROW(ordered_parallel_map(
                       threads,
                       [&]() -> std::optional<int> {
                         check(0, next);
                         return next < 500 ? std::optional(next++) : std::nullopt;
                       },
                       [&](int&& item) {
                         check(1, item);
                         return item;
                       },
                       [&](int&& item) { check(2, item); }),
                   Error);
    }
  }
}

// Gives `most` threads and then none, as a system whose limit is reached.
StartThread limited_to(int most) {
  return [most, given = 0](std::function<void()> body) mutable {
    if (given == most) throw Error("no thread left");
    ++given;
    return start_thread(std::move(body));
  };
}

TEST(OrderedParallelMap, GoesOnWithTheThreadsThatTheSystemGives) {
  for (const int most : {0, 1, 3}) {
    int next = 0;
    std::vector<int> seen;
    ordered_parallel_map(
        8, [&]() -> std::optional<int> { return next < 500 ? std::optional(next++) : std::nullopt; },
        [](int&& item) { return item * 2; }, [&](int&& result) { seen.push_back(result); }, limited_to(most));
    ASSERT_EQ(seen.size(), 500U) << most;
    for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i * 2);
  }
}

TEST(ParallelRanges, CoverEverythingOnceWithAnyNumberOfThreads) {
  for (const int most : {0, 1, 3, 8}) {
    for (const std::size_t count : {0U, 1U, 7U, 100U}) {
      std::vector<int> times(count, 0);
      parallel_ranges(
          5, count,
          [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) ++times[i];
          },
          limited_to(most));
      EXPECT_EQ(times, std::vector<int>(count, 1)) << most;
    }
  }
}

TEST(Json, IsReadStrictly) {
  EXPECT_EQ(parse_json(R"({"a":[1,2]})", "x")["a"][1], 2);
  EXPECT_THROW((void)parse_json(R"({"a":1,"a":2})", "x"), FormatError);
  EXPECT_THROW((void)parse_json(R"({"a":1} x)", "x"), FormatError);
  EXPECT_THROW((void)parse_json(std::string(100000, '['), "x"), FormatError);
  EXPECT_THROW((void)parse_json("", "x"), FormatError);
}

class JsonMembers : public ::testing::Test {
 protected:
  JsonMembers() : value_(parse_json(kText, "x")), object_(value_, "run", "file") {}

  const nlohmann::json value_;
  const JsonObject object_;

 private:
  static constexpr const char* kText =
      R"({"yes":true,"word":"abc","loss":2.5,"one":1,"negative":-1,"wide":4294967297,"most":18446744073709551615,)"
      R"("three":[1,2,3],"mixed":[1,2.0,3]})";
};

TEST_F(JsonMembers, AreReadByType) {
  EXPECT_TRUE(object_.boolean("yes"));
  EXPECT_EQ(object_.text("word"), "abc");
  EXPECT_EQ(object_.real("loss"), 2.5);
  EXPECT_EQ(object_.real("one"), 1.0);
  EXPECT_EQ(object_.count("most"), 18446744073709551615U);
  EXPECT_EQ(object_.integer("negative", -1, 1), -1);
  EXPECT_EQ(object_.integers("three", 3, 0, 3), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(object_.has("one"));
  EXPECT_FALSE(object_.has("two"));
}

TEST_F(JsonMembers, OfAnotherTypeOrRangeAreRefusedByName) {
  const auto error_of = [](auto&& read) -> std::string {
    try {
      static_cast<void>(read());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of([&] { return object_.text("gone"); }), "file: run: 'gone' is missing");
  EXPECT_EQ(error_of([&] { return object_.text("one"); }), "file: run: 'one' is not a text");
  EXPECT_EQ(error_of([&] { return object_.boolean("one"); }), "file: run: 'one' is neither true nor false");
  EXPECT_EQ(error_of([&] { return object_.real("word"); }), "file: run: 'word' is not a number");
  EXPECT_EQ(error_of([&] { return object_.count("negative"); }), "file: run: 'negative' is not a count");
  for (const char* key : {"loss", "word", "wide", "most", "negative", "yes", "three"}) {
    EXPECT_EQ(error_of([&] { return object_.integer(key, 0, 9); }),
              "file: run: '" + std::string(key) + "' is not a whole number from 0 to 9");
  }
  const std::string no_array = "' is not an array of 3 whole numbers from 1 to 3";
  for (const char* key : {"mixed", "word", "one"}) {
    EXPECT_EQ(error_of([&] { return object_.integers(key, 3, 1, 3); }), "file: run: '" + (key + no_array));
  }
  EXPECT_EQ(error_of([&] { return object_.integers("three", 3, 2, 3); }),
            "file: run: 'three' is not an array of 3 whole numbers from 2 to 3");
  EXPECT_NE(error_of([&] { return object_.integers("three", 2, 1, 3); }), "");
  EXPECT_EQ(error_of([&] { return JsonObject(nlohmann::json(3), "run", "file").has("x"); }),
            "file: run: not a JSON object");
}

TEST_F(JsonMembers, AreThoseOfTheFormat) {
  const auto all = parse_json(R"({"a":1,"b":2})", "x");
  const JsonObject object(all, "run", "file");
  EXPECT_NO_THROW(object.check_keys({"a", "b"}));
  EXPECT_NO_THROW(object.check_keys({"a"}, {"b", "c"}));
  EXPECT_THROW(object.check_keys({"a"}), Error);
  EXPECT_THROW(object.check_keys({"a", "b", "c"}), Error);
}

TEST(Format, WritesWhatPrintfWrites) {
  EXPECT_EQ(format("%d%% of %s", 5, "it"), "5% of it");
  EXPECT_EQ(format("%.3f", 1e200).size(), 204U);
  EXPECT_EQ(format("%s", std::string(5000, 'x').c_str()), std::string(5000, 'x'));
  EXPECT_EQ(format("%s", ""), "");
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* good : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xBC z"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  // Stray and missing continuations, overlong forms, surrogates, beyond U+10FFFF, and bytes of no character.
  for (const char* bad : {"\x80", "\xC3", "\xC3z", "\xC3\xBC\xBC", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80",
                          "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x28\xA1", "\xE2\x82\x28"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(CountOf, GivesOneThingTheSingular) {
  EXPECT_EQ(count_of(0, "record"), "0 records");
  EXPECT_EQ(count_of(1, "record"), "1 record");
  EXPECT_EQ(count_of(18446744073709551615U, "record"), "18446744073709551615 records");
  EXPECT_EQ(count_of(1, "class"), "1 class");
  EXPECT_EQ(count_of(2, "class"), "2 classes");
}

TEST(Numbers, AreParsedWhole) {
  EXPECT_EQ(parse_integer("-3", "x", -5, 5), -3);
  for (const char* bad : {"", "3x", " 3", "3 ", "6", "0x3", "99999999999999999999", "3.0"}) {
    EXPECT_THROW((void)parse_integer(bad, "x", -5, 5), UsageError) << bad;
  }
  EXPECT_DOUBLE_EQ(parse_real("1e-4", "x", 0, 1), 1e-4);
  for (const char* bad : {"", "nan", "inf", "1e-4x", "2", "-1"}) {
    EXPECT_THROW((void)parse_real(bad, "x", 0, 1), UsageError) << bad;
  }
}

}  // namespace
}  // namespace convoy
