// The lines of predict's answers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/dataset_info.h"

namespace convoy {

// The k best classes of an image, one line each, tab-separated: name, rank from 1, class id,
// class, probability.
[[nodiscard]] std::string prediction_tsv(std::string_view name, std::span<const float> probabilities,
                                         std::size_t k, const std::vector<ClassInfo>& classes);
// The same as one line of JSON: {"name": ..., "predictions": [{"rank", "class_id", "class", "probability"}]}.
[[nodiscard]] std::string prediction_json(std::string_view name, std::span<const float> probabilities,
                                          std::size_t k, const std::vector<ClassInfo>& classes);
// An image that is near another.
struct NamedNeighbour {
  std::string_view name;
  double distance = 0.0;
};
// An image's neighbours, nearest first, one line each, tab-separated: name, rank from 1, the neighbour's
// name, distance.
[[nodiscard]] std::string neighbours_tsv(std::string_view name, std::span<const NamedNeighbour> neighbours);
// The same as one line of JSON: {"name": ..., "neighbours": [{"rank", "name", "distance"}]}.
[[nodiscard]] std::string neighbours_json(std::string_view name, std::span<const NamedNeighbour> neighbours);
// As rejection_tsv(), with the fields of neighbours_tsv().
[[nodiscard]] std::string neighbours_rejection_tsv(std::string_view name, std::string_view reason);

// One line with as many fields as prediction_tsv(): name, no rank, class ID or class, and the reason in place
// of the probability.
[[nodiscard]] std::string rejection_tsv(std::string_view name, std::string_view reason);
// {"name": ..., "error": ...}, so that a program that waits for an answer gets one.
[[nodiscard]] std::string rejection_json(std::string_view name, std::string_view reason);

}  // namespace convoy
