// lib/shards/shuffle: permutations, splits, and payloads brought into order through a temporary file.
#include "lib/shards/shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "formats/dataset_info.h"
#include "lib/base/error.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return all;
}

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(KeyedOrder, IsAPermutationOfItsSeed) {
  const auto order = keyed_order(1000, 7, Purpose::shuffle);
  EXPECT_EQ(sorted(order), numbers(1000));
  EXPECT_EQ(order, keyed_order(1000, 7, Purpose::shuffle));
  EXPECT_NE(order, keyed_order(1000, 8, Purpose::shuffle));
  EXPECT_NE(order, keyed_order(1000, 7, Purpose::split));
  EXPECT_TRUE(keyed_order(0, 7, Purpose::shuffle).empty());
  // The meaning of the seed: the key of record i is the first 64 bits of its Philox stream.
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto key = [&](std::size_t at) {
      return PhiloxStream{.seed = 7, .record = order[at], .purpose = Purpose::shuffle}.word64(0);
    };
    ASSERT_LT(key(i - 1), key(i));
  }
}

// The 24 orders of 4 records are equally frequent: chi-squared with 23 degrees of freedom is below 60 with
// probability 1 - 4e-5, and the seeds are fixed.
TEST(KeyedOrder, HasNoFavourites) {
  constexpr int kRuns = 24000;
  std::vector<std::uint64_t> order = numbers(4);
  std::vector<std::vector<std::uint64_t>> all;
  do all.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  std::vector<double> seen(all.size());
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    const auto found = std::find(all.begin(), all.end(), keyed_order(4, seed, Purpose::shuffle));
    ++seen.at(static_cast<std::size_t>(found - all.begin()));
  }
  const double expected = static_cast<double>(kRuns) / static_cast<double>(all.size());
  double chi_squared = 0;
  for (const double count : seen) chi_squared += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_squared, 60.0);
}

TEST(ParseSplit, TakesNamesAndFractions) {
  EXPECT_EQ(parse_split("train:0.9,val:0.1"), (std::vector<SplitPart>{{"train", 0.9}, {"val", 0.1}}));
  EXPECT_EQ(parse_split("all:1"), (std::vector<SplitPart>{{"all", 1.0}}));
  EXPECT_EQ(parse_split("a:0.333333,b:0.333333,c:0.333333").size(), 3U);
  for (const char* bad : {"", "train", "train:0.9", "train:0.9,val:0.2", "a:0.5,a:0.5", "a/b:1", ":1",
                          "a:x,b:1", "a:1,", "a:-1,b:2", "a:nan,b:1", "a%d:1"}) {
    EXPECT_THROW(static_cast<void>(parse_split(bad)), UsageError) << bad;
  }
}

TEST(Arrange, SplitsIntoExactPartsThatTheSeedDraws) {
  const auto parts = parse_split("train:0.7,val:0.2,test:0.1");
  const Arrangement kept = arrange(std::vector<std::int32_t>(101), 3, false, parts, SplitBy::by_record);
  EXPECT_EQ(kept.part_ends, (std::vector<std::uint64_t>{71, 91, 101}));
  EXPECT_EQ(sorted(kept.order), numbers(101));
  const Arrangement shuffled = arrange(std::vector<std::int32_t>(101), 3, true, parts, SplitBy::by_record);
  EXPECT_EQ(shuffled.part_ends, kept.part_ends);
  const auto part = [](const Arrangement& a, std::size_t k) {
    const std::uint64_t begin = k == 0 ? 0 : a.part_ends[k - 1];
    return std::vector(a.order.begin() + static_cast<std::ptrdiff_t>(begin),
                       a.order.begin() + static_cast<std::ptrdiff_t>(a.part_ends[k]));
  };
  for (std::size_t k = 0; k < 3; ++k) {
    // The same records, whether or not in the order of the input.
    EXPECT_EQ(sorted(part(kept, k)), part(kept, k));
    EXPECT_EQ(sorted(part(shuffled, k)), part(kept, k));
    EXPECT_NE(part(shuffled, k), part(kept, k));
    EXPECT_NE(part(arrange(std::vector<std::int32_t>(101), 4, false, parts, SplitBy::by_record), k),
              part(kept, k));
  }
}

TEST(Arrange, WithoutPartsIsOnePart) {
  EXPECT_EQ(arrange(std::vector<std::int32_t>(5), 1, false, {}, SplitBy::by_class).order, numbers(5));
  EXPECT_EQ(arrange(std::vector<std::int32_t>(5), 1, false, {}, SplitBy::by_class).part_ends,
            std::vector<std::uint64_t>{5});
  EXPECT_EQ(arrange(std::vector<std::int32_t>(500), 1, true, {}, SplitBy::by_class).order,
            keyed_order(500, 1, Purpose::shuffle));
  EXPECT_EQ(arrange(std::vector<std::int32_t>(0), 1, true, {}, SplitBy::by_class).part_ends,
            std::vector<std::uint64_t>{0});
}

// The parts of the records, from the arrangement.
std::vector<std::size_t> parts_of(const Arrangement& a) {
  std::vector<std::size_t> part_of(a.order.size(), a.part_ends.size());
  for (std::size_t at = 0, part = 0; at < a.order.size(); ++at) {
    while (at >= a.part_ends[part]) ++part;
    part_of[a.order[at]] = part;
  }
  return part_of;
}

// Every part has the share of each class, rounded down or up, counted record by record.
TEST(Arrange, DividesEachClass) {
  for (const char* text :
       {"train:0.8,val:0.2", "a:0.34,b:0.33,c:0.33", "train:1,none:0", "a:0.05,b:0.05,c:0.9"}) {
    const auto parts = parse_split(text);
    std::mt19937 random(5);
    std::vector<std::int32_t> labels(3000);
    for (auto& label : labels) {  // classes of 1 to some 1000 records, and unlabelled ones
      label = static_cast<std::int32_t>(std::min(random() % 60, random() % 60)) - 1;
      if (random() % 3 == 0) label = 7;
    }
    const Arrangement split = arrange(labels, 9, true, parts, SplitBy::by_class);
    ASSERT_EQ(sorted(split.order), numbers(labels.size()));
    const auto part_of = parts_of(split);
    for (std::int32_t label = kNoLabel; label < 60; ++label) {
      const auto all = static_cast<double>(std::count(labels.begin(), labels.end(), label));
      for (std::size_t part = 0; part < parts.size(); ++part) {
        double size = 0;
        for (std::size_t i = 0; i < labels.size(); ++i) size += labels[i] == label && part_of[i] == part;
        EXPECT_LT(std::abs(size - all * parts[part].fraction), 1 - 1e-9) << text << " " << label;
        if (parts[part].fraction == 0) {
          EXPECT_EQ(size, 0);
        }
      }
    }
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const auto size = static_cast<double>(std::count(part_of.begin(), part_of.end(), part));
      EXPECT_NEAR(size, 3000 * parts[part].fraction, 20) << text;
    }
    // The seed decides, and the order within the parts is that of the shuffle of all.
    EXPECT_EQ(arrange(labels, 9, true, parts, SplitBy::by_class).order, split.order);
    EXPECT_EQ(parts_of(arrange(labels, 9, false, parts, SplitBy::by_class)), part_of);
    auto expected = keyed_order(labels.size(), 9, Purpose::shuffle);
    std::stable_sort(expected.begin(), expected.end(),
                     [&](std::uint64_t a, std::uint64_t b) { return part_of[a] < part_of[b]; });
    EXPECT_EQ(split.order, expected);
  }
}

TEST(Arrange, LeavesNoPartWithoutAClassIfItCan) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 24; ++i) labels.push_back(i % 8);
  const auto parts = parse_split("train:0.8,val:0.2");
  const Arrangement split = arrange(labels, 1, false, parts, SplitBy::by_class);
  EXPECT_EQ(split.part_ends, (std::vector<std::uint64_t>{16, 24}));
  for (const MissingClasses& missing : split.missing) EXPECT_EQ(missing.count, 0U);
  // A class with one record is in one part only.
  labels.push_back(8);
  const Arrangement more = arrange(labels, 1, false, parts, SplitBy::by_class);
  EXPECT_EQ(more.missing[0].count + more.missing[1].count, 1U);
  // Twelve classes of 2 records leave a third part without any.
  labels.clear();
  for (int i = 0; i < 24; ++i) labels.push_back(i % 12);
  const Arrangement three = arrange(labels, 1, false, parse_split("a:0.5,b:0.5,c:0"), SplitBy::by_class);
  EXPECT_EQ(three.missing[2].count, 0U);  // which was asked for
  const Arrangement record = arrange(labels, 1, false, parse_split("a:0.96,b:0.04"), SplitBy::by_record);
  EXPECT_EQ(record.missing[1].count, 11U);
  EXPECT_EQ(record.missing[1].first.size(), MissingClasses::kNamed);
}

// Payloads of random lengths are put in a random order, some never, and returned by rank, with any memory.
TEST(PayloadSpill, GivesBackByRank) {
  constexpr std::uint64_t kCount = 300;
  constexpr std::uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  std::vector<std::uint64_t> lengths(kCount);
  std::vector<std::vector<std::uint8_t>> payloads(kCount);
  for (std::uint64_t rank = 0; rank < kCount; ++rank) {
    lengths[rank] = 1 + random() % 500;
    payloads[rank].resize(lengths[rank]);
    for (auto& byte : payloads[rank]) byte = static_cast<std::uint8_t>(random());
  }
  for (const std::uint64_t memory : {0ULL, 1ULL, 5000ULL, 100'000ULL, 1ULL << 40}) {
    PayloadSpill spill(lengths, memory);
    const auto arrival = keyed_order(kCount, memory, Purpose::test);
    for (std::uint64_t i = 0; i < kCount; ++i) {
      if (arrival[i] % 10 != 3) spill.put(arrival[i], payloads[arrival[i]]);
    }
    std::vector<PayloadSpill::Payload> held;  // must stay valid while later ones are read
    for (std::uint64_t rank = 0; rank < kCount; ++rank) held.push_back(spill.get(rank));
    for (std::uint64_t rank = 0; rank < kCount; ++rank) {
      const std::vector<std::uint8_t> got(held[rank].bytes.begin(), held[rank].bytes.end());
      ASSERT_EQ(got, rank % 10 == 3 ? std::vector<std::uint8_t>() : payloads[rank]) << memory << " " << rank;
    }
  }
}

}  // namespace
}  // namespace convoy
