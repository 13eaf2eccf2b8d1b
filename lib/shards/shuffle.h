// The order in which shardpack writes records: a seeded permutation, a seeded split, and a way to bring
// payloads into this order if they do not fit into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/philox.h"

namespace convoy {

// The numbers 0 to count-1, sorted by a 64-bit Philox key of (seed, number, purpose), and by number if keys
// are equal: a permutation that depends on nothing else. count is below 2^48.
[[nodiscard]] std::vector<std::uint64_t> keyed_order(std::uint64_t count, std::uint64_t seed,
                                                     Purpose purpose);

// One part of --split=train:0.9,val:0.1.
struct SplitPart {
  std::string name;
  double fraction = 0.0;
  bool operator==(const SplitPart&) const = default;
};
// Throws UsageError unless the names are plain and different and the fractions sum to 1.
[[nodiscard]] std::vector<SplitPart> parse_split(const std::string& text);

// Where each record goes.
struct Arrangement {
  std::vector<std::uint64_t> order;      // record indices as they are written, part after part
  std::vector<std::uint64_t> part_ends;  // positions in `order` where parts end; the last one is its size
};
// `parts` may be empty: there is then one part with all records. Part sizes are exact: the k-th part ends at
// count times the sum of the first k fractions, rounded. Which records form a part depends on the seed, not
// on `shuffle`; within a part they keep the order of the input, or with `shuffle` follow the permutation.
[[nodiscard]] Arrangement arrange(std::uint64_t count, std::uint64_t seed, bool shuffle,
                                  std::span<const SplitPart> parts);

// Accepts payloads in any order and returns them in the order of their ranks, through a temporary file with
// few, large reads and writes: the ranks are cut into stretches that fit into memory, each with its own
// region of the file.
class PayloadSpill {
 public:
  struct Payload {
    std::span<const std::uint8_t> bytes;
    std::shared_ptr<const std::vector<std::uint8_t>> owner;  // keeps the bytes alive
  };

  // lengths: the bytes of each rank's payload. memory: the bytes to hold at a time, but at least one payload.
  PayloadSpill(std::span<const std::uint64_t> lengths, std::uint64_t memory);
  // Call at most once for each rank, with a payload of the announced length.
  void put(std::uint64_t rank, std::span<const std::uint8_t> payload);
  // Call with ascending ranks, after the last put(). If nothing was put: no bytes and no owner.
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

  TemporaryFile file_;
  std::vector<Stretch> stretches_;
  std::uint64_t buffer_bytes_ = 0;
  std::vector<std::uint64_t> places_;   // of each rank's payload within its stretch
  std::vector<std::uint64_t> lengths_;  // 0 until put
  const Stretch* loaded_ = nullptr;
  std::shared_ptr<const std::vector<std::uint8_t>> bytes_;  // of the loaded stretch
};

}  // namespace convoy
