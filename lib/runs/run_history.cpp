#include "lib/runs/run_history.h"

#include "lib/base/error.h"
#include "lib/base/json.h"

namespace convoy {
namespace {

nlohmann::json to_json(const RecordedChange& change) {
  return {
      {"step", change.step}, {"option", change.option}, {"before", change.before}, {"after", change.after}};
}

RecordedChange change_from_json(const nlohmann::json& value, const std::string& place) {
  const JsonObject object(value, "a change", place);
  object.check_keys({"step", "option", "before", "after"});
  return {.step = object.count("step"),
          .option = object.text("option"),
          .before = object.text("before"),
          .after = object.text("after")};
}

}  // namespace

void add_history(const RunHistory& history, Metadata& metadata) {
  if (!history.changes.empty()) {
    nlohmann::json changes = nlohmann::json::array();
    for (const RecordedChange& change : history.changes) changes.push_back(to_json(change));
    metadata[kMetaChanges] = json_text(changes);
  }
  if (!history.initial_file.empty()) {
    metadata[kMetaInitial] =
        json_text(nlohmann::json{{"file", history.initial_file}, {"layers", history.initial_layers}});
  }
}

RunHistory read_history(const WeightsFile& file) {
  RunHistory history;
  if (const auto text = file.metadata(kMetaChanges)) {
    const std::string place = file.name() + ": " + kMetaChanges;
    const nlohmann::json changes = parse_json(*text, place);
    if (!changes.is_array()) throw Error(place, "is not an array");
    for (const nlohmann::json& change : changes) history.changes.push_back(change_from_json(change, place));
  }
  if (const auto text = file.metadata(kMetaInitial)) {
    const std::string place = file.name() + ": " + kMetaInitial;
    const nlohmann::json value = parse_json(*text, place);
    const JsonObject object(value, "initial weights", place);
    object.check_keys({"file", "layers"});
    history.initial_file = object.text("file");
    const nlohmann::json& layers = object.member("layers");
    if (!layers.is_array()) throw Error(place, "'layers' is not an array");
    for (const nlohmann::json& layer : layers) {
      if (!layer.is_string()) throw Error(place, "'layers' has something else than names");
      history.initial_layers.push_back(layer.get<std::string>());
    }
  }
  return history;
}

}  // namespace convoy
