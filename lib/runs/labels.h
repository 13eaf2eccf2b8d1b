// The labels of a data set, checked before anything is computed with them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/net.h"
#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/shards/dataset.h"

namespace convoy {

struct LabelScan {
  std::vector<std::uint64_t> counts;  // records of each class
  // Hash of all labels and payload checksums in order: which training set this is, without reading a pixel.
  std::uint64_t fingerprint = 0;
  // Loss, in nats, of always answering with the frequencies of the classes: ln(classes) where all are equally
  // frequent. A net whose loss stays there has learned nothing from the images.
  [[nodiscard]] double chance_loss() const;
};

// Looks at every record's table entry. Throws Error naming the first record whose label is not in
// [0, classes), be it that it has none.
[[nodiscard]] LabelScan scan_labels(const Dataset& data, int classes);

// Throws Error(name, ...) where images do not have the extent that a net's input is cut from.
void check_extent(const DatasetInfo& info, const InputSpec& input, std::string_view name);

// Throws Error(name, ...) naming the first difference of two class tables; `other` says whose table
// `expected` is.
void check_classes(const std::vector<ClassInfo>& classes, std::string_view name,
                   const std::vector<ClassInfo>& expected, std::string_view other);

// Checks that a training set fits the net: extent, number of classes, every label. Throws Error.
[[nodiscard]] LabelScan check_training_set(const Dataset& data, const NetSpec& net, Console& console);

// Checks that another labelled set fits `model` and its training set: extent, class table, every label. A
// difference in preprocessing is only warned of. `owner` is whose model it is, for messages. Throws Error
// naming the first shard, with which the others agree.
void check_labelled_set(const Dataset& data, const Model& model, const std::string& owner, Console& console);

// What differs in how images were prepared, as text for a warning; empty where nothing does.
[[nodiscard]] std::string preprocessing_difference(const Preprocessing& one, const Preprocessing& other);

}  // namespace convoy
