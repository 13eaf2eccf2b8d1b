// The order in which shardpack writes records: a seeded permutation, a seeded split, and a way to bring
// payloads into that order when they do not fit into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/philox.h"

namespace convoy {

// The numbers 0 to count-1 sorted by a 64-bit Philox key of (seed, number, purpose), equal keys by number: a
// permutation that depends on nothing else. count is below 2^48.
[[nodiscard]] std::vector<std::uint64_t> keyed_order(std::uint64_t count, std::uint64_t seed,
                                                     Purpose purpose);

// One part of --split=train:0.9,val:0.1.
struct SplitPart {
  std::string name;
  double fraction = 0.0;
  bool operator==(const SplitPart&) const = default;
};
// Throws UsageError unless names are plain and different and fractions are positive and sum to 1.
[[nodiscard]] std::vector<SplitPart> parse_split(const std::string& text);

// Where every record goes. `order` lists record indexes as they are written, part after part.
struct Arrangement {
  std::vector<std::uint64_t> order;
  std::vector<std::uint64_t> part_ends;  // positions in `order` where parts end; the last one is its size
};
// parts may be empty: one part with everything. Part sizes are exact: the k-th part ends at count times the
// sum of the first k fractions, rounded. Which records form a part depends on the seed, not on `shuffle`;
// their order within it is that of the input, or the seed's permutation.
[[nodiscard]] Arrangement arrange(std::uint64_t count, std::uint64_t seed, bool shuffle,
                                  std::span<const SplitPart> parts);

// Payloads put in any order and got in the order of their ranks, through a temporary file with few, large
// reads and writes: the ranks are cut into stretches that fit the memory, each with its own region of the
// file.
class PayloadSpill {
 public:
  struct Payload {
    std::span<const std::uint8_t> bytes;
    std::shared_ptr<const std::vector<std::uint8_t>> owner;  // keeps the bytes alive
  };

  // lengths: bytes of each rank's payload. memory: bytes to hold at a time, at least one payload.
  PayloadSpill(std::span<const std::uint64_t> lengths, std::uint64_t memory);
  // Each rank at most once, with the length announced.
  void put(std::uint64_t rank, std::span<const std::uint8_t> payload);
  // Ranks in ascending order, after the last put(). Nothing was put: no bytes and no owner.
  [[nodiscard]] Payload get(std::uint64_t rank);

 private:
  struct Stretch {
    std::uint64_t end_rank = 0;
    std::uint64_t begin = 0;    // in the file
    std::uint64_t written = 0;  // bytes in the file
    std::vector<std::uint8_t> buffer;
  };
  void flush(Stretch& stretch);
  Stretch& stretch_of(std::uint64_t rank);
  void load(Stretch& stretch);

  Fd file_;
  std::vector<Stretch> stretches_;
  std::uint64_t buffer_bytes_ = 0;
  std::vector<std::uint64_t> places_;   // of each rank's payload within its stretch
  std::vector<std::uint64_t> lengths_;  // 0 until put
  const Stretch* loaded_ = nullptr;
  std::shared_ptr<const std::vector<std::uint8_t>> bytes_;  // of the loaded stretch
};

}  // namespace convoy
