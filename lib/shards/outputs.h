// The shards that shardpack writes: their names, and which records go into each.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/shard.h"

namespace convoy {

inline constexpr std::int64_t kMaxOutputs = std::int64_t{1} << 20;

// The value of -o. For several outputs it is a pattern with %d or %05d (the shard's number, from 0), %s (the
// name of the part) and %% (a percent sign).
class OutputPattern {
 public:
  // several: there are numbered outputs. parts: there are named ones. Without either, the text is a plain
  // name. Throws UsageError if a placeholder is missing, unknown or useless.
  OutputPattern(const std::string& text, bool several, bool parts);
  [[nodiscard]] std::string name(std::string_view part, std::uint64_t number) const;

 private:
  struct Piece {
    enum class Kind { text, number, part };
    Kind kind = Kind::text;
    std::string text;
    std::size_t digits = 0;
  };
  std::vector<Piece> pieces_;
};

// One output: the records up to `end`, counted over all outputs, that are not in one before it.
struct OutputRange {
  std::string path;
  std::uint64_t begin = 0;  // of a planned output: its first record
  std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
  // Whether it takes the place of an input. Then it gets its name in OutputSeries::finish(), whatever the
  // naming of the series is: the input may still be read, and its records may go into later outputs.
  bool replaces_input = false;
};

// Writes outputs one after another, completing each before it starts the next.
class OutputSeries {
 public:
  // When an output gets its name: as soon as it is complete, or only in finish(), all together.
  enum class Naming { at_once, at_end };

  // range_at(k): the k-th output, or nothing after the last; there may be none. The first is opened at once,
  // so that a missing folder or a terminal is noticed before any work.
  OutputSeries(DatasetInfo info, Naming naming,
               std::function<std::optional<OutputRange>(std::uint64_t)> range_at);

  // Adds the next record. position: its place among all planned records, ascending; records left out
  // are skipped.
  void add(std::uint64_t position, std::int32_t label, std::string_view name,
           std::span<const std::uint8_t> payload, std::optional<std::uint64_t> checksum);
  // Completes the current output, and the series. all: also writes those that would follow, without records.
  void finish(bool all);
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t outputs() const { return next_; }

 private:
  struct Open {
    Open(const std::string& path, const DatasetInfo& info)
        : file(path, OutputFile::Content::binary), writer(file, info) {}
    OutputFile file;
    ShardWriter writer;
  };
  bool open_next();
  void close();

  OutputLock lock_;  // on the first output: two runs may not write one series at a time
  DatasetInfo info_;
  Naming naming_;
  std::function<std::optional<OutputRange>(std::uint64_t)> range_at_;
  std::uint64_t next_ = 0;       // outputs opened so far
  std::uint64_t end_ = 0;        // of the open output
  bool replaces_input_ = false;  // the open output
  std::unique_ptr<Open> open_;
  std::vector<OutputFile> unnamed_;  // complete, in order
  std::uint64_t records_ = 0;
};

}  // namespace convoy
