// What shardpack says about shards: lists, summaries, checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/shard_damage.h"
#include "lib/base/console.h"
#include "lib/base/file.h"
#include "lib/base/memory.h"

namespace convoy {

// Shows how much of several shards has been read, in bytes of all of them.
class LookProgress {
 public:
  // inputs: read in this order. output: where the lines go; if that is the terminal, no progress is shown
  // between them.
  // memory: what chunks from a pipe may take.
  LookProgress(const std::vector<std::string>& inputs, const std::string& output, Console& console,
               const MemoryLimit& memory);
  [[nodiscard]] const MemoryLimit& memory() const { return memory_; }
  // `bytes` of the current input have been read.
  void at(std::uint64_t bytes);
  // The current input is done.
  void next_input();

 private:
  [[nodiscard]] std::uint64_t total() const;

  MemoryLimit memory_;
  std::vector<std::uint64_t> sizes_;  // of the inputs; empty if one is not a regular file
  std::uint64_t unit_;                // of progress, in bytes
  Progress progress_;
  std::size_t input_ = 0;
  std::uint64_t before_ = 0;  // bytes of inputs that are done
  std::uint64_t here_ = 0;    // bytes of the current one
};

// Writes one line a record: index, label, class ID ("-" without a label), name, offset of the payload, its
// length, its checksum (16 hexadecimal digits), and the file. Payloads are not read, except from a pipe.
// Returns the number of records.
std::uint64_t list_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage,
                         LookProgress& progress);

enum class InfoForm { text, json };
// Writes what the shard says about its records, and how many records each class has: lines KEY<TAB>VALUE and
// class<TAB>LABEL<TAB>ID<TAB>NAME<TAB>RECORDS, or one JSON object on one line. Returns the number of records.
std::uint64_t describe_shard(const std::string& path, InfoForm form, OutputFile& out,
                             const DamageHandler& on_damage, LookProgress& progress);

// Reads everything and compares every checksum. Writes "FILE<TAB>whole records<TAB>losses". A shard that
// cannot be read to its end counts as one more loss; the line is written before the Error or the
// StorageError is thrown.
void verify_shard(const std::string& path, OutputFile& out, const DamageHandler& on_damage,
                  LookProgress& progress);

}  // namespace convoy
