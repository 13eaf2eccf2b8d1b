// The labels of a data set, checked before anything is computed with them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/image.h"
#include "formats/net.h"
#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/shards/dataset.h"

namespace convoy {

struct LabelScan {
  std::vector<std::uint64_t> counts;  // records of each class
  // Hash of all labels and payload checksums in order. It identifies the training set without reading
  // a pixel.
  std::uint64_t fingerprint = 0;
  // Loss, in nats, of always answering with the frequencies of the classes: ln(classes) if all are equally
  // frequent. A net whose loss stays there has learned nothing from the images.
  [[nodiscard]] double chance_loss() const;
};

// Looks at every record's entry in the table. Throws Error naming the first record that has no label, or one
// outside [0, classes).
[[nodiscard]] LabelScan scan_labels(const Dataset& data, int classes);

// Throws Error(name, ...) if images do not have the extent of the stored images that the net takes.
void check_extent(const DatasetInfo& info, const InputSpec& input, std::string_view name);

// The same of one image; `place` is its name.
void check_image(const Image& image, const InputSpec& input, std::string_view place);

// Throws Error(name, ...) naming the first difference between two class tables; `other` says whose table
// `expected` is.
void check_classes(const std::vector<ClassInfo>& classes, std::string_view name,
                   const std::vector<ClassInfo>& expected, std::string_view other);

// Checks that a training set fits the net: extent, number of classes, every label. Throws Error.
[[nodiscard]] LabelScan check_training_set(const Dataset& data, const NetSpec& net, Console& console);

// Checks that another labelled set fits `model` and its training set: extent, class table, every label. A
// difference in preprocessing is only warned of. `owner` is whose model it is, for messages. Throws Error
// naming the first shard, with which the others agree.
LabelScan check_labelled_set(const Dataset& data, const Model& model, const std::string& owner,
                             Console& console);

// What differs in how images were prepared, as text for a warning; empty if nothing does.
[[nodiscard]] std::string preprocessing_difference(const Preprocessing& one, const Preprocessing& other);

}  // namespace convoy
