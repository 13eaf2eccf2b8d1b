// The tables that eval and predict write, as pictures need them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/memory.h"

namespace convoy {

inline constexpr std::uint64_t kMaxResultBytes = std::uint64_t{4} << 30;

// One of the best classes of an image.
struct Answer {
  std::string id;
  std::string name = {};                   // readable; may be empty
  std::optional<double> probability = {};  // 0 to 1; eval's tables have none
};
struct AnsweredImage {
  std::string name;
  std::uint64_t line = 0;            // of the table, where it begins
  std::string truth = {};            // ID of its class; empty: the table does not say
  std::vector<Answer> answers = {};  // best first
  std::string failure = {};          // why there is no answer; empty: there is one
};
// What predict writes as TSV or, a line an image, as JSON; or what eval --predictions writes. Throws
// TextError about a line that is none of it, and Error if there is none.
[[nodiscard]] std::vector<AnsweredImage> read_answers(const std::string& path,
                                                      const MemoryLimit& memory = {});

struct NearImage {
  std::string name;
  double distance = 0;
};
struct ImageNeighbours {
  std::string name;
  std::uint64_t line = 0;
  std::vector<NearImage> near = {};  // nearest first
  std::string failure = {};
};
// What predict --nearest writes, as TSV or as JSON. Throws as read_answers() does.
[[nodiscard]] std::vector<ImageNeighbours> read_neighbours(const std::string& path,
                                                           const MemoryLimit& memory = {});

// How often each class was taken for which.
struct ConfusionCount {
  std::uint32_t truth = 0;  // index of the class
  std::uint32_t predicted = 0;
  std::uint64_t count = 0;  // at least 1
};
struct ConfusionTable {
  std::vector<std::string> ids;  // of the classes; those with images come first
  std::vector<ConfusionCount> counts;
};
// What eval --confusion writes: a matrix, or pairs. Throws as read_answers() does.
[[nodiscard]] ConfusionTable read_confusion(const std::string& path, const MemoryLimit& memory = {});

}  // namespace convoy
