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

// The id of a class of a net: of the table, or the index as text where the net has more outputs than the
// table has classes.
[[nodiscard]] std::string class_id(const std::vector<ClassInfo>& classes, std::size_t index);

// "images", "top1_error", "top5_error" and "loss", one NAME<TAB>VALUE line each, errors as shares from 0
// to 1. With per_class a line "class", id, name, images, top1_error, top5_error, loss for each class of the
// table.
[[nodiscard]] std::string report_tsv(const Metrics& metrics, const std::vector<ClassInfo>& classes,
                                     bool per_class);
// The same as one line of JSON; the classes are the array "classes".
[[nodiscard]] std::string report_json(const Metrics& metrics, const std::vector<ClassInfo>& classes,
                                      bool per_class);

// A head line of class ids, then a line a class: its id and how often each class was the net's answer for its
// images.
void write_confusion(OutputFile& out, const Metrics& metrics, const std::vector<ClassInfo>& classes);

// The table of --predictions: a head line, then a line a record: name, class id, and the ids of the best
// classes, best first.
void write_predictions_head(OutputFile& out, std::size_t classes);
void write_prediction(OutputFile& out, std::string_view name, std::int32_t label,
                      std::span<const float> probabilities, const std::vector<ClassInfo>& classes);

}  // namespace convoy
