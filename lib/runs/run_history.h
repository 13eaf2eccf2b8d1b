// What weights say about their run besides its options: where its first weights came from, and which options
// were changed when it was resumed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/weights.h"

namespace convoy {

inline constexpr const char* kMetaChanges = "convoy.changes";
inline constexpr const char* kMetaInitial = "convoy.initial";

// An option that a resumed run has changed. Texts are as in the options of weights files; empty: none.
struct RecordedChange {
  std::uint64_t step = 0;  // the first one with the new value is the next
  std::string option;      // "lr"
  std::string before;
  std::string after;
  bool operator==(const RecordedChange&) const = default;
};

struct RunHistory {
  std::vector<RecordedChange> changes;      // the oldest first
  std::string initial_file;                 // of --init-from; empty: none
  std::vector<std::string> initial_layers;  // that were taken from it
  bool operator==(const RunHistory&) const = default;
};

// Adds what there is to the metadata of a weights file.
void add_history(const RunHistory& history, Metadata& metadata);
// Throws Error.
[[nodiscard]] RunHistory read_history(const WeightsFile& file);

}  // namespace convoy
