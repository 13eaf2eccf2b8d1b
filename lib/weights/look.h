// What netpack says about weights, checkpoints, mean files and other safetensors files: tables of their
// tensors, summaries, checks, and parts of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/base/memory.h"

namespace convoy {

// What a safetensors file is, by what only files of convoy have.
enum class WeightsKind { weights, checkpoint, mean, features, other };
[[nodiscard]] WeightsKind kind_of(const SafetensorsFile& file);
// "weights", "checkpoint", "mean", "features", "safetensors".
[[nodiscard]] std::string weights_kind_name(WeightsKind kind);

// What is known of a tensor's values. Those that are not a number are counted alone.
struct TensorStatistics {
  double least = 0.0;
  double most = 0.0;
  double mean = 0.0;       // of the values that are numbers
  double deviation = 0.0;  // the square root of the mean squared distance from `mean`
  std::uint64_t numbers = 0;
  std::uint64_t zeros = 0;
  std::uint64_t not_finite = 0;  // infinite, or not a number
};
// The tensor's type is_real(). Sums are taken in double, in the order of the values.
[[nodiscard]] TensorStatistics tensor_statistics(const TensorView& tensor);

// Writes one line a tensor, in the order of the file: name, shape, type, least, most, mean and standard
// deviation of the values, the share of zeros among them, and the file. "-" stands for what is not known.
void list_tensors(const SafetensorsFile& file, OutputFile& out);

// Writes what the file says about itself as lines KEY<TAB>VALUE: its kind, size and checksum; the net, layer
// by layer; classes, options and seed of the training. Throws Error if it contradicts itself.
void describe_weights(SafetensorsFile file, OutputFile& out, const MemoryLimit& memory);

// What is wrong in the file beyond its rules and its checksum, which a SafetensorsFile has checked: one
// message each. Tensors with values that are not finite; in weights and checkpoints, what does not fit the
// net; in a checkpoint, its options and its state; in mean files, means that are not those of their sums; in
// files of features, names that are not one for each image.
struct WeightsVerdict {
  std::uint64_t whole = 0;  // tensors whose values are all finite
  std::vector<std::string> losses;
};
[[nodiscard]] WeightsVerdict verify_weights(SafetensorsFile file, const MemoryLimit& memory);

}  // namespace convoy
