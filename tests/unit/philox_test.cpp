// lib/base/philox: the generator against its published vectors.
#include <gtest/gtest.h>

#include "lib/base/philox.h"

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

}  // namespace
}  // namespace convoy
