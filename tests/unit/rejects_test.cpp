// lib/shards/rejects: what is listed and counted of inputs that cannot be used.
#include "lib/shards/rejects.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

class RejectsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Rejects make(bool stop = false, Rejects::Repeats repeats = Rejects::Repeats::counted) {
    return {list_, stop, console_, repeats};
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

TEST_F(RejectsTest, StopAtTheFirstWithACompleteList) {
  Rejects rejects = make(true);
  const Damage damage{.place = "a: b", .offset = 3, .reason = "c: d"};
  EXPECT_EQ(test::error_of([&] { rejects.add(damage); }), "a: b: offset 3: c: d");
  EXPECT_EQ(listed(), "a: b: offset 3\tc: d\n");
}

}  // namespace
}  // namespace convoy
