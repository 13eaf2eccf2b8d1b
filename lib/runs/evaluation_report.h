// What eval prints and writes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/file.h"
#include "lib/runs/metrics.h"

namespace convoy {

// The id of a class: from the table, or the index as text if the net has more outputs than the table
// has classes.
[[nodiscard]] std::string class_id(const std::vector<ClassInfo>& classes, std::size_t index);

// A line NAME<TAB>VALUE each for "images", "top1_error", "top5_error" and "loss"; errors are fractions from 0
// to 1. With per_class also "mean_class_top1_error", "mean_class_top5_error" and "mean_class_loss", the means
// over the classes that have images, and a line for each class of the table: "class", id, name, images,
// top1_error, top5_error, loss; the last three are "-" for a class without images.
[[nodiscard]] std::string report_tsv(const Metrics& metrics, const std::vector<ClassInfo>& classes,
                                     bool per_class);
// The same as one line of JSON; the classes are in the array "classes", with null for "-".
[[nodiscard]] std::string report_json(const Metrics& metrics, const std::vector<ClassInfo>& classes,
                                      bool per_class);

// The largest number of a net's outputs for which write_confusion writes a matrix (400 million counts).
inline constexpr std::size_t kMaxMatrixClasses = 20'000;

// Writes how often each class was the net's answer for the images of each class: a head line of class ids,
// then a line for each class with its id and its counts. If the net has more than kMaxMatrixClasses outputs,
// it writes the head line "true", "predicted", "count" instead, then a line for each pair that occurred: both
// ids and the count, in the order of the class table.
void write_confusion(OutputFile& out, const Metrics& metrics, const std::vector<ClassInfo>& classes);

// The table of --predictions: a head line, then a line for each record: name, class id, and the ids of the
// best classes, best first.
void write_predictions_head(OutputFile& out, std::size_t classes);
void write_prediction(OutputFile& out, std::string_view name, std::int32_t label,
                      std::span<const float> probabilities, const std::vector<ClassInfo>& classes);

}  // namespace convoy
