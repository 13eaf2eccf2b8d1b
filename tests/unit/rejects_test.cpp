// lib/shards/rejects: what is listed and counted of inputs that cannot be used.
#include "lib/shards/rejects.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/tool.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

class RejectsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Rejects make(bool stop = false, Rejects::Repeats repeats = Rejects::Repeats::counted) {
    return {{.list = list_, .stop = stop}, console_, repeats};
  }
  [[nodiscard]] Rejects limited(const char* limit) {
    return {{.list = list_, .limit = RejectLimit(limit)}, console_};
  }
  [[nodiscard]] std::string listed() const { return read_text_file(list_, 1 << 20); }

  test::TemporaryFolder folder_;
  std::string list_ = folder_ / "list";
  Console console_{"rejects_test"};
};

TEST_F(RejectsTest, TellDamageWithItsPlaceHoweverOddTheName) {
  Rejects rejects = make();
  std::string expected;
  for (const std::string file :
       {"a.shard", "a: offset 3", "b): c", "x:1:2: y", "a: record 3 (b): offset 4: c"}) {
    for (const std::string name : {"cat/1.png", "b): c", ": offset 5: d"}) {
      rejects.add(Damage{.place = record_place(file, 7, name), .offset = 4096, .reason = "checksum: wrong"});
      expected += file + ": record 7 (" + name + "): offset 4096\tchecksum: wrong\n";
    }
    rejects.add(damage_of(FormatError(file, 0, "not a shard: no"), file));
    rejects.add(damage_of(Error(file, "Is a directory"), file));
    rejects.add(damage_of(Error("temporary copy of " + file, "no space"), file));
    expected += file + ": offset 0\tnot a shard: no\n" + file + "\tIs a directory\n" + file +
                "\ttemporary copy of " + file + ": no space\n";
  }
  rejects.commit();
  EXPECT_EQ(listed(), expected);
  EXPECT_EQ(rejects.count(), 30U);
}

TEST_F(RejectsTest, EscapeWhatWouldEndALineOrAField) {
  Rejects rejects = make();
  rejects.add("a\tb\\c\nd", "e\tf");
  rejects.commit();
  EXPECT_EQ(listed(), "a\\tb\\\\c\\nd\te\\tf\n");
}

TEST_F(RejectsTest, CountLossesAndSayWhetherThereMayBeMore) {
  Rejects rejects = make();
  EXPECT_EQ(rejects.summary("record"), "");
  EXPECT_EQ(rejects.beside("3 records"), "3 records");
  rejects.add("a", "padding is damaged", {.records = 0});
  EXPECT_EQ(rejects.summary("record"), "no record rejected in spite of damage");
  rejects.add("a", "no end chunk", {.records = 0, .more = true});
  EXPECT_EQ(rejects.summary("record"), "an unknown number of records rejected");
  rejects.add("a", "chunk lost", {.records = 2});
  EXPECT_EQ(rejects.summary("record"), "at least 2 records rejected");
  EXPECT_EQ(rejects.beside("3 records"), "3 records, at least 2 rejected");
}

TEST_F(RejectsTest, CountARepeatedRejectOnceIfTold) {
  for (const auto repeats : {Rejects::Repeats::counted, Rejects::Repeats::ignored}) {
    Rejects rejects = make(false, repeats);
    const DamageHandler on_damage = rejects.on_damage();
    for (int epoch = 0; epoch < 3; ++epoch) {
      on_damage({.place = "a: record 1 (b)", .offset = 9, .reason = "lost"});
      on_damage({.place = "a: record 1 (b)", .offset = 9, .reason = "found"});
      on_damage({.place = "a: record 1 (b)", .offset = 10, .reason = "lost"});
    }
    rejects.commit();
    EXPECT_EQ(rejects.count(), repeats == Rejects::Repeats::counted ? 9U : 3U);
  }
}

TEST_F(RejectsTest, ListSharedReasonsEachAndReportThemOnce) {
  Rejects rejects = make();
  testing::internal::CaptureStderr();
  for (const char* place : {"a", "b", "c"}) rejects.add_shared(place, "bad class");
  rejects.add_shared("d", "other class");
  rejects.add("e", "bad");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "rejects_test: e: bad\n");
  EXPECT_EQ(rejects.count(), 5U);
  testing::internal::CaptureStderr();
  rejects.commit();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "rejects_test: a and 2 images more: bad class\nrejects_test: d: other class\n");
  EXPECT_EQ(listed(), "a\tbad class\nb\tbad class\nc\tbad class\nd\tother class\ne\tbad\n");
}

TEST_F(RejectsTest, CountSharedReasonsForTheLimitAndTheFirst) {
  Rejects some = limited("1");
  some.add_shared("a", "bad class");
  EXPECT_THROW(some.add_shared("b", "bad class"), EndedByReject);
  EXPECT_EQ(listed(), "a\tbad class\nb\tbad class\n");
  Rejects first = make(true);
  testing::internal::CaptureStderr();
  EXPECT_EQ(test::error_of([&] { first.add_shared("a", "bad class"); }), "a: bad class");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(listed(), "a\tbad class\n");
}

TEST_F(RejectsTest, StopAtTheFirstWithACompleteList) {
  Rejects rejects = make(true);
  const Damage damage{.place = "a: b", .offset = 3, .reason = "c: d"};
  EXPECT_EQ(test::error_of([&] { rejects.add(damage); }), "a: b: offset 3: c: d");
  EXPECT_EQ(listed(), "a: b: offset 3\tc: d\n");
}

TEST_F(RejectsTest, AStatusSaysWhetherSomethingWasLeftOut) {
  Rejects none = make();
  none.conclude(0, "image");
  EXPECT_EQ(none.status(), kStatusDone);
  Rejects some = make();
  some.add("a", "bad");
  some.conclude(1, "image");
  EXPECT_EQ(some.status(), kStatusLeftOut);
  Rejects harmless = make();
  harmless.add("a", "padding is damaged", {.records = 0});
  harmless.conclude(0, "record");
  EXPECT_EQ(harmless.status(), kStatusLeftOut);
}

TEST_F(RejectsTest, NothingIsLeftIfEverythingWasRejected) {
  for (const Loss loss : {Loss{}, Loss{.records = 0, .more = true}}) {
    Rejects rejects = make();
    rejects.add("a", "bad", loss);
    EXPECT_EQ(test::error_of([&] { rejects.conclude(0, "record"); }), "every record was rejected");
    EXPECT_EQ(listed(), "a\tbad\n");
  }
}

TEST_F(RejectsTest, ANumberAllowsSoManyAndEndsTheRunAtTheNext) {
  Rejects rejects = limited("2");
  EXPECT_TRUE(rejects.may_end_run());
  rejects.add("a", "bad");
  rejects.add("b", "bad");
  rejects.add("c", "padding", {.records = 0});
  Rejects within = limited("2");
  within.add("a", "bad", {.records = 2});
  within.conclude(1, "image");
  EXPECT_EQ(within.status(), kStatusDone);
  EXPECT_EQ(test::error_of([&] { rejects.add("d", "bad"); }), "3 rejected, more than --max-rejects=2 allows");
  EXPECT_EQ(listed(), "a\tbad\nb\tbad\nc\tpadding\nd\tbad\n");
}

TEST_F(RejectsTest, ZeroAllowsOnlyDamageThatCostsNothing) {
  for (const char* limit : {"0", "0%"}) {
    Rejects rejects = limited(limit);
    rejects.expect(10);
    rejects.add("a", "padding", {.records = 0});
    EXPECT_THROW(rejects.add("b", "bad"), EndedByReject) << limit;
  }
}

TEST_F(RejectsTest, AnUnknownNumberExceedsEveryLimit) {
  for (const char* limit : {"1000", "100%"}) {
    Rejects rejects = limited(limit);
    EXPECT_EQ(test::error_of([&] { rejects.add("a", "cut", {.records = 3, .more = true}); }),
              "at least 3 rejected: --max-rejects=" + std::string(limit) + " allows no unknown number");
  }
}

TEST_F(RejectsTest, AShareIsOfAllInputsAndDecidedAtTheEnd) {
  for (const std::uint64_t used : {7U, 8U, 9U}) {
    Rejects rejects = limited("20%");
    rejects.add("a", "bad");
    rejects.add("b", "bad");
    const auto message = test::error_of([&] { rejects.conclude(used, "image"); });
    EXPECT_EQ(message, used < 8 ? "2 rejected, more than --max-rejects=20% allows" : "") << used;
  }
}

TEST_F(RejectsTest, AShareOfAKnownNumberEndsTheRunOnceItIsSure) {
  Rejects rejects = limited("20%");
  rejects.expect(10);
  // All rejects might be inputs beyond those expected: 3 of 13 are more than a fifth, 2 of 12 are not.
  rejects.add("a", "bad");
  rejects.add("b", "bad");
  EXPECT_THROW(rejects.add("c", "bad"), EndedByReject);
  EXPECT_EQ(listed(), "a\tbad\nb\tbad\nc\tbad\n");
}

TEST_F(RejectsTest, OfAPartAreComparedWithTheLimitOfTheWhole) {
  for (const int rejected : {0, 2, 3}) {
    Rejects rejects = limited("3%");
    rejects.expect_part_of(100);
    for (int i = 0; i < rejected; ++i) rejects.add("a", "b");
    EXPECT_NO_THROW(rejects.conclude(0, "image")) << "a part may have none that can be used";
    EXPECT_EQ(rejects.status(), kStatusDone);
  }
  Rejects rejects = limited("3%");
  rejects.expect_part_of(100);
  for (int i = 0; i < 3; ++i) rejects.add("a", "b");
  EXPECT_THROW(rejects.add("a", "b"), EndedByReject);
  EXPECT_THROW(rejects.conclude(1000, "image"), EndedByReject);
}

TEST(RejectLimit, IsANumberOrAShare) {
  EXPECT_EQ(RejectLimit("0").allowed(1000), 0U);
  EXPECT_EQ(RejectLimit("25").allowed(1), 25U);
  EXPECT_EQ(RejectLimit("18446744073709551615").allowed(1), UINT64_MAX);
  EXPECT_EQ(RejectLimit("0.5%").option(), "--max-rejects=0.5%");
  const std::vector<std::tuple<const char*, std::uint64_t, std::uint64_t>> shares = {
      {"0%", 1000, 0},
      {"1%", 99, 0},
      {"1%", 100, 1},
      {"0.1%", 1000, 1},
      {"0.1%", 999, 0},
      {"0.29%", 10000, 29},
      {"0.7%", 1000, 7},
      {"7.0%", 100, 7},
      {"33.333333%", 300, 99},
      {"100%", 12, 12},
      {"100.000000%", 12, 12},
      {"0.000001%", 100'000'000, 1},
      {"50%", UINT64_MAX, UINT64_MAX / 2}};
  for (const auto& [text, inputs, allowed] : shares)
    EXPECT_EQ(RejectLimit(text).allowed(inputs), allowed) << text;
}

TEST(RejectLimit, IsReadStrictly) {
  for (const char* text : {"",      "%",           "-1",     "+1",   " 1",
                           "1 ",    "1.5",         "1e2",    "0x1",  "18446744073709551616",
                           "101%",  "100.000001%", "1.%",    ".5%",  "-1%",
                           "+1%",   "1 %",         "1%%",    "1e1%", "nan%",
                           "inf%",  "0.0000001%",  "1.2.3%", "1,5%", "1.-5%",
                           "1.+5%", "1. 5%"}) {
    EXPECT_THROW(RejectLimit{text}, UsageError) << "'" << text << "'";
  }
}

}  // namespace
}  // namespace convoy
