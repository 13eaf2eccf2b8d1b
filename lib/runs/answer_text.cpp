#include "lib/runs/answer_text.h"

#include <nlohmann/json.hpp>

#include "lib/base/json.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/runs/evaluation_report.h"
#include "lib/runs/metrics.h"

namespace convoy {
namespace {

// Names may hold any bytes; what is not UTF-8 is replaced by U+FFFD.
std::string json_line(const nlohmann::ordered_json& value) { return json_text(value) + "\n"; }

}  // namespace

std::string prediction_tsv(std::string_view name, std::span<const float> probabilities, std::size_t k,
                           const std::vector<ClassInfo>& classes) {
  std::string text;
  int rank = 0;
  for (const std::int32_t label : top_classes(probabilities, k)) {
    const auto index = static_cast<std::size_t>(label);
    text += tsv_field(name) + "\t" + std::to_string(++rank) + "\t" + tsv_field(class_id(classes, index)) +
            "\t" + (index < classes.size() ? tsv_field(classes[index].name) : std::string()) +
            format("\t%.6f\n", static_cast<double>(probabilities[index]));
  }
  return text;
}

std::string prediction_json(std::string_view name, std::span<const float> probabilities, std::size_t k,
                            const std::vector<ClassInfo>& classes) {
  nlohmann::ordered_json line = {{"name", name}, {"predictions", nlohmann::ordered_json::array()}};
  int rank = 0;
  for (const std::int32_t label : top_classes(probabilities, k)) {
    const auto index = static_cast<std::size_t>(label);
    line["predictions"].push_back({{"rank", ++rank},
                                   {"class_id", class_id(classes, index)},
                                   {"class", index < classes.size() ? classes[index].name : std::string()},
                                   {"probability", probabilities[index]}});
  }
  return json_line(line);
}

std::string neighbours_tsv(std::string_view name, std::span<const NamedNeighbour> neighbours) {
  std::string text;
  int rank = 0;
  for (const NamedNeighbour& one : neighbours) {
    text += tsv_field(name) + "\t" + std::to_string(++rank) + "\t" + tsv_field(one.name) +
            format("\t%.9g\n", one.distance);
  }
  return text;
}

std::string neighbours_json(std::string_view name, std::span<const NamedNeighbour> neighbours) {
  nlohmann::ordered_json line = {{"name", name}, {"neighbours", nlohmann::ordered_json::array()}};
  int rank = 0;
  for (const NamedNeighbour& one : neighbours) {
    line["neighbours"].push_back({{"rank", ++rank}, {"name", one.name}, {"distance", one.distance}});
  }
  return json_line(line);
}

std::string neighbours_rejection_tsv(std::string_view name, std::string_view reason) {
  return tsv_field(name) + "\t\t\t" + tsv_field(reason) + "\n";
}

std::string rejection_tsv(std::string_view name, std::string_view reason) {
  return tsv_field(name) + "\t\t\t\t" + tsv_field(reason) + "\n";
}

std::string rejection_json(std::string_view name, std::string_view reason) {
  return json_line({{"name", name}, {"error", reason}});
}

}  // namespace convoy
