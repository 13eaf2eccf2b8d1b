// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
// Easy as 1, 2, 3" (SC 2011). Every random draw of the project is a pure function of (seed, purpose, epoch,
// record, layer, index), so that no result depends on the number of threads, the backend, or earlier draws.
#pragma once

#include <array>
#include <cstdint>

#include "lib/base/host_device.h"

namespace convoy {

// What a draw is for. The values are part of what a seed means: never renumber, only append (6 is left out).
enum class Purpose : std::uint32_t {
  init = 1,     // initial weights: record = parameter index in the net
  shuffle = 2,  // order of records in shardpack
  order = 3,    // order of records within an epoch of training
  crop = 4,     // position and reflection of the crop: record = record index in the training set
  dropout = 5,  // masks: `layer` = index of the dropout layer, record = record index in the training set
  split = 7,    // shardpack --split
  test = 8,     // tests only
  color = 9,    // colour noise: record = record index in the training set
};

using PhiloxBlock = std::array<std::uint32_t, 4>;

// The function itself: 128 random bits from a 128-bit counter and a 64-bit key.
CONVOY_HOST_DEVICE constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::uint32_t key0,
                                                    std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(product1),
        static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

// A stream of draws, addressed by index. It has no state: no draw affects another.
struct PhiloxStream {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::uint64_t record = 0;  // below 2^48
  Purpose purpose = Purpose::test;
  std::uint32_t layer = 0;  // below 256; distinguishes streams of the same purpose

  // The four words of block `index`.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr PhiloxBlock block(std::uint32_t index) const {
    const std::uint32_t what = (static_cast<std::uint32_t>(purpose) << 24) | ((layer & 0xFFU) << 16) |
                               static_cast<std::uint32_t>((record >> 32) & 0xFFFFU);
    return philox4x32({index, static_cast<std::uint32_t>(record), epoch, what},
                      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  }
  // Word `index` of the stream: word index % 4 of block index / 4.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::uint32_t word(std::uint32_t index) const {
    return block(index / 4)[index % 4];
  }
  // Words 2 * index and 2 * index + 1 as one 64-bit number; the first is the low half.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::uint64_t word64(std::uint32_t index) const {
    const PhiloxBlock four = block(index / 2);
    const std::uint32_t first = (index % 2) * 2;
    return four[first] | (std::uint64_t{four[first + 1]} << 32);
  }
};

// An integer in [0, bound) from 64 random bits: the high half of a 128-bit product (Lemire 2019, without the
// rejection step; the bias is below bound / 2^64). bound >= 1.
[[nodiscard]] constexpr std::uint64_t uniform_below(std::uint64_t random, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(random) * bound) >> 64);
}

// A float in [0, 1) from the upper 24 bits of 32 random bits.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float uniform_float(std::uint32_t random) {
  return static_cast<float>(random >> 8) * 0x1p-24F;
}

// A pair of standard normal draws from 64 random bits (Box and Muller 1958), computed in double precision.
struct NormalPair {
  double first;
  double second;
};
[[nodiscard]] NormalPair normal_pair(std::uint32_t random0, std::uint32_t random1);

}  // namespace convoy
