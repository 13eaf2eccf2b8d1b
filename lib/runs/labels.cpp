#include "lib/runs/labels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/xxh3.h"

namespace convoy {
namespace {

std::string describe(const ClassInfo& info) {
  return "'" + info.id + "'" + (info.name.empty() ? std::string() : " (" + info.name + ")");
}

}  // namespace

double LabelScan::chance_loss() const {
  double total = 0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  double loss = 0;
  for (const std::uint64_t count : counts) {
    const double share = static_cast<double>(count) / total;
    if (count > 0) loss -= share * std::log(share);
  }
  return loss;
}

LabelScan scan_labels(const Dataset& data, int classes) {
  LabelScan scan;
  scan.counts.resize(static_cast<std::size_t>(classes));
  Xxh3 fingerprint;
  for (std::uint64_t index = 0; index < data.size(); ++index) {
    const RecordView record = data.record(index);
    if (record.label == kNoLabel) throw Error(data.place(index), "has no label");
    if (record.label < 0 || record.label >= classes) {
      throw Error(data.place(index), "label " + std::to_string(record.label) + " is outside the net's " +
                                         count_of(scan.counts.size(), "class"));
    }
    ++scan.counts[static_cast<std::size_t>(record.label)];
    const std::array<std::uint64_t, 2> entry = {static_cast<std::uint64_t>(record.label), record.checksum};
    fingerprint.add(std::as_bytes(std::span(entry)));
  }
  scan.fingerprint = fingerprint.value();
  return scan;
}

void check_extent(const DatasetInfo& info, const InputSpec& input, std::string_view name) {
  const Extent extent{info.height, info.width, info.channels};
  if (extent == input.stored) return;
  throw Error(name, "images are " + text_of(extent) + " (height x width x channels), the net takes " +
                        text_of(input.stored));
}

void check_image(const Image& image, const InputSpec& input, std::string_view place) {
  DatasetInfo info;
  info.width = image.width;
  info.height = image.height;
  info.channels = image.channels;
  check_extent(info, input, place);
}

void check_classes(const std::vector<ClassInfo>& classes, std::string_view name,
                   const std::vector<ClassInfo>& expected, std::string_view other) {
  const std::size_t common = std::min(classes.size(), expected.size());
  for (std::size_t label = 0; label < common; ++label) {
    if (classes[label].id == expected[label].id) continue;
    throw Error(name, "class " + std::to_string(label) + " is " + describe(classes[label]) + ", but " +
                          describe(expected[label]) + " in " + std::string(other));
  }
  if (classes.size() != expected.size()) {
    throw Error(name, "has " + count_of(classes.size(), "class") + ", but " + std::string(other) + " has " +
                          std::to_string(expected.size()));
  }
}

LabelScan check_training_set(const Dataset& data, const NetSpec& net, Console& console) {
  if (data.size() == 0) throw Error("the training set has no records");
  const std::string& name = data.shards().front().name();  // the others agree with it
  check_extent(data.info(), net.input, name);
  const auto outputs = static_cast<std::size_t>(net.classes());
  const std::size_t classes = data.info().classes.size();
  if (classes > outputs) {
    throw Error(name, "has " + count_of(classes, "class") + ", the net only " + count_of(outputs, "output"));
  }
  LabelScan labels = scan_labels(data, net.classes());
  if (classes < outputs) {
    console.note(name + ": " + count_of(classes, "class") + ", the net has " + count_of(outputs, "output") +
                 ": the rest stays unused");
  }
  return labels;
}

LabelScan check_labelled_set(const Dataset& data, const Model& model, const std::string& owner,
                             Console& console) {
  const std::string& name = data.shards().front().name();
  if (data.size() == 0) throw Error(name, "has no records");
  check_extent(data.info(), model.net.input, name);
  // The error to report is the cause: a different table explains labels out of range, and missing labels
  // explain a missing table.
  const bool has_classes = !data.info().classes.empty();
  if (has_classes) check_classes(data.info().classes, name, model.dataset.classes, owner);
  LabelScan labels = scan_labels(data, model.net.classes());
  if (!has_classes) check_classes(data.info().classes, name, model.dataset.classes, owner);
  const std::string difference =
      preprocessing_difference(data.info().preprocessing, model.dataset.preprocessing);
  if (!difference.empty()) {
    console.warn(name + ": prepared in another way than " + owner + ": " + difference);
  }
  return labels;
}

std::string preprocessing_difference(const Preprocessing& one, const Preprocessing& other) {
  std::string text;
  const nlohmann::json left = to_json(one);
  const nlohmann::json right = to_json(other);
  for (const auto& [key, value] : left.items()) {
    const auto found = right.find(key);
    if (found != right.end() && *found == value) continue;
    text += (text.empty() ? "" : ", ") + key + " " + value.dump() + " instead of " +
            (found == right.end() ? std::string("nothing") : found->dump());
  }
  return text;
}

}  // namespace convoy
