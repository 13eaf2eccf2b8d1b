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
inline constexpr std::size_t kMaxSplitParts = 1000;
// Throws UsageError unless the names are plain and different and the fractions sum to 1, and if there are
// more than kMaxSplitParts.
[[nodiscard]] std::vector<SplitPart> parse_split(const std::string& text);

// What is divided by the fractions: the records of each class, or all records together.
enum class SplitBy { by_class, by_record };
// From the value of --split-by. Throws UsageError.
[[nodiscard]] SplitBy parse_split_by(const std::string& text);

// The classes that have records, but none in one part.
struct MissingClasses {
  static constexpr std::size_t kNamed = 3;
  std::uint64_t count = 0;
  std::vector<std::int32_t> first;  // the labels of the first kNamed of them
};

// Where each record goes.
struct Arrangement {
  std::vector<std::uint64_t> order;      // record indices as they are written, part after part
  std::vector<std::uint64_t> part_ends;  // positions in `order` where parts end; the last one is its size
  std::vector<MissingClasses> missing;   // of each part of a split
};

// How many of the `count` records of a class go into each part: count times its fraction, rounded down or up.
// What rounding down leaves goes first to parts that have no record of the class yet, the larger ones first,
// then to those that lack most. `lack` holds how many records each part lacks from the classes before; it is
// updated.
[[nodiscard]] std::vector<std::uint64_t> share_class(std::uint64_t count, std::span<const SplitPart> parts,
                                                     std::span<double> lack);

// labels: of each record of the input, or kNoLabel, which counts as one more class. `parts` may be empty:
// there is then one part with all records. Which records form a part depends on the seed, not on `shuffle`;
// within a part they keep the order of the input, or with `shuffle` follow the permutation. by_class: each
// class is divided by share_class(), classes with few records first. by_record: the k-th part ends at the
// number of records times the sum of the first k fractions, rounded.
[[nodiscard]] Arrangement arrange(std::span<const std::int32_t> labels, std::uint64_t seed, bool shuffle,
                                  std::span<const SplitPart> parts, SplitBy by);

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
