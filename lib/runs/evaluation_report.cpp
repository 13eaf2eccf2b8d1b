#include "lib/runs/evaluation_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

std::string decimal(double value) { return format("%.6f", value); }

nlohmann::ordered_json totals_json(const Totals& totals) {
  return {{"images", totals.images},
          {"top1_error", totals.top1_error()},
          {"top5_error", totals.top5_error()},
          {"loss", totals.loss()}};
}

}  // namespace

std::string class_id(const std::vector<ClassInfo>& classes, std::size_t index) {
  return index < classes.size() ? classes[index].id : std::to_string(index);
}

std::string report_tsv(const Metrics& metrics, const std::vector<ClassInfo>& classes, bool per_class) {
  const Totals& all = metrics.totals();
  std::string text = "images\t" + std::to_string(all.images) + "\ntop1_error\t" + decimal(all.top1_error()) +
                     "\ntop5_error\t" + decimal(all.top5_error()) + "\nloss\t" + decimal(all.loss()) + "\n";
  if (!per_class) return text;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const Totals& one = metrics.per_class().at(label);
    text += "class\t" + classes[label].id + "\t" + classes[label].name + "\t" + std::to_string(one.images) +
            "\t" + decimal(one.top1_error()) + "\t" + decimal(one.top5_error()) + "\t" + decimal(one.loss()) +
            "\n";
  }
  return text;
}

std::string report_json(const Metrics& metrics, const std::vector<ClassInfo>& classes, bool per_class) {
  nlohmann::ordered_json report = totals_json(metrics.totals());
  if (per_class) {
    report["classes"] = nlohmann::ordered_json::array();
    for (std::size_t label = 0; label < classes.size(); ++label) {
      nlohmann::ordered_json one = {{"id", classes[label].id}, {"name", classes[label].name}};
      one.update(totals_json(metrics.per_class().at(label)));
      report["classes"].push_back(one);
    }
  }
  return report.dump() + "\n";
}

void write_confusion(OutputFile& out, const Metrics& metrics, const std::vector<ClassInfo>& classes) {
  const std::size_t outputs = metrics.per_class().size();
  out.write("class");
  for (std::size_t predicted = 0; predicted < outputs; ++predicted)
    out.write("\t" + class_id(classes, predicted));
  out.write("\n");
  for (std::size_t label = 0; label < classes.size(); ++label) {
    out.write(classes[label].id);
    for (std::size_t predicted = 0; predicted < outputs; ++predicted) {
      out.write("\t" + std::to_string(metrics.confusion(label, predicted)));
    }
    out.write("\n");
  }
}

void write_predictions_head(OutputFile& out, std::size_t classes) {
  std::string head = "name\tclass";
  for (std::size_t rank = 1; rank <= std::min(kTopK, classes); ++rank) {
    head += "\trank" + std::to_string(rank);
  }
  out.write(head + "\n");
}

void write_prediction(OutputFile& out, std::string_view name, std::int32_t label,
                      std::span<const float> probabilities, const std::vector<ClassInfo>& classes) {
  std::string line = tsv_field(name) + "\t" + class_id(classes, static_cast<std::size_t>(label));
  for (const std::int32_t predicted : top_classes(probabilities, kTopK)) {
    line += "\t" + class_id(classes, static_cast<std::size_t>(predicted));
  }
  out.write(line + "\n");
}

}  // namespace convoy
