#include "lib/runs/evaluation_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/json.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

std::string decimal(double value) { return format("%.6f", value); }

// The three figures of a class, each after a tab. A class without images has none; 0 would mean perfect.
std::string class_figures(const Totals& one) {
  if (one.images == 0) return "\t-\t-\t-";
  return "\t" + decimal(one.top1_error()) + "\t" + decimal(one.top5_error()) + "\t" + decimal(one.loss());
}

nlohmann::ordered_json totals_json(const Totals& totals) {
  return {{"images", totals.images},
          {"top1_error", totals.top1_error()},
          {"top5_error", totals.top5_error()},
          {"loss", totals.loss()}};
}

nlohmann::ordered_json class_json(const ClassInfo& info, const Totals& one) {
  nlohmann::ordered_json json = {{"id", info.id}, {"name", info.name}};
  json.update(totals_json(one));
  if (one.images == 0) {
    for (const char* figure : {"top1_error", "top5_error", "loss"}) json[figure] = nullptr;
  }
  return json;
}

void write_confusion_matrix(OutputFile& out, const Metrics& metrics, const std::vector<ClassInfo>& classes) {
  const std::size_t outputs = metrics.per_class().size();
  std::string line = "class";
  for (std::size_t predicted = 0; predicted < outputs; ++predicted) {
    line += "\t" + tsv_field(class_id(classes, predicted));
  }
  out.write(line + "\n");
  auto next = metrics.confusion().begin();  // the counts have the order of the matrix
  for (std::size_t label = 0; label < classes.size(); ++label) {
    line = tsv_field(classes[label].id);
    for (std::size_t predicted = 0; predicted < outputs; ++predicted) {
      if (next != metrics.confusion().end() && next->first == std::pair(label, predicted)) {
        line += "\t" + std::to_string(next->second);
        ++next;
      } else {
        line += "\t0";
      }
    }
    out.write(line + "\n");
  }
}

void write_confusion_pairs(OutputFile& out, const Confusion& confusion,
                           const std::vector<ClassInfo>& classes) {
  out.write("true\tpredicted\tcount\n");
  for (const auto& [pair, count] : confusion) {
    out.write(tsv_field(class_id(classes, pair.first)) + "\t" + tsv_field(class_id(classes, pair.second)) +
              "\t" + std::to_string(count) + "\n");
  }
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
  const ClassMeans means = metrics.class_means();
  text += "mean_class_top1_error\t" + decimal(means.top1_error) + "\nmean_class_top5_error\t" +
          decimal(means.top5_error) + "\nmean_class_loss\t" + decimal(means.loss) + "\n";
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const Totals& one = metrics.per_class().at(label);
    text += "class\t" + tsv_field(classes[label].id) + "\t" + tsv_field(classes[label].name) + "\t" +
            std::to_string(one.images) + class_figures(one) + "\n";
  }
  return text;
}

std::string report_json(const Metrics& metrics, const std::vector<ClassInfo>& classes, bool per_class) {
  nlohmann::ordered_json report = totals_json(metrics.totals());
  if (per_class) {
    const ClassMeans means = metrics.class_means();
    report["mean_class_top1_error"] = means.top1_error;
    report["mean_class_top5_error"] = means.top5_error;
    report["mean_class_loss"] = means.loss;
    report["classes"] = nlohmann::ordered_json::array();
    for (std::size_t label = 0; label < classes.size(); ++label) {
      report["classes"].push_back(class_json(classes[label], metrics.per_class().at(label)));
    }
  }
  return json_text(report) + "\n";
}

void write_confusion(OutputFile& out, const Metrics& metrics, const std::vector<ClassInfo>& classes) {
  if (metrics.per_class().size() > kMaxMatrixClasses) {
    write_confusion_pairs(out, metrics.confusion(), classes);
  } else {
    write_confusion_matrix(out, metrics, classes);
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
  std::string line = tsv_field(name) + "\t" + tsv_field(class_id(classes, static_cast<std::size_t>(label)));
  for (const std::int32_t predicted : top_classes(probabilities, kTopK)) {
    line += "\t" + tsv_field(class_id(classes, static_cast<std::size_t>(predicted)));
  }
  out.write(line + "\n");
}

}  // namespace convoy
