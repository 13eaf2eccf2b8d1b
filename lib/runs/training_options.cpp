#include "lib/runs/training_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr std::int64_t kMaxBatch = 1 << 20;
constexpr std::int64_t kMaxThreads = 1024;
// Positions in the stream of training images stay exact in double precision.
constexpr double kMaxPositions = 0x1p53;
constexpr double kMaxRate = 1e6;
// What says which images come when: a run that changed one of these would not be the same run.
constexpr std::array kFixed = {"batch", "order", "seed"};

std::string number(double value) {
  std::array<char, 32> buffer{};
  const auto [end, failure] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), failure == std::errc() ? end : buffer.data()};
}

// Which of two words a text is: true for the first.
bool either(const std::string& text, const std::string& option, std::string_view first,
            std::string_view second) {
  if (text == first) return true;
  if (text == second) return false;
  throw UsageError(option, "'" + text + "' is not one of " + std::string(first) + ", " + std::string(second));
}

std::uint64_t whole(const std::string& text, const std::string& option) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) {
    throw UsageError(option, "'" + text + "' is not a whole number from 0 to 2^64-1");
  }
  return value;
}

}  // namespace

void TrainingOptions::set(std::string_view name, const std::string& text) {
  const std::string option = "--" + std::string(name);
  if (name == "batch") {
    batch = static_cast<int>(parse_integer(text, option, 1, kMaxBatch));
  } else if (name == "epochs") {
    epochs = parse_real(text, option, 0, kMaxPositions);
    steps.reset();
  } else if (name == "steps") {
    steps =
        static_cast<std::uint64_t>(parse_integer(text, option, 0, static_cast<std::int64_t>(kMaxPositions)));
  } else if (name == "lr") {
    learning_rate = parse_real(text, option, 0, kMaxRate);
  } else if (name == "momentum") {
    momentum = parse_real(text, option, 0, 1);
  } else if (name == "weight-decay") {
    weight_decay = parse_real(text, option, 0, kMaxRate);
  } else if (name == "lr-policy") {
    schedule = Schedule::parse(text);
  } else if (name == "crop") {
    crop.random = either(text, option, "random", "center");
  } else if (name == "flip") {
    crop.mirror = either(text, option, "on", "off");
  } else if (name == "order") {
    shuffle = either(text, option, "shuffle", "sequential");
  } else if (name == "precision") {
    precision = either(text, option, "fp32", "bf16") ? Element::f32 : Element::bf16;
  } else if (name == "seed") {
    seed = whole(text, option);
  } else if (name == "threads") {
    threads = static_cast<int>(parse_integer(text, option, 1, kMaxThreads));
  } else {
    throw UsageError(option, "unknown option");
  }
}

std::string TrainingOptions::text(std::string_view name) const {
  if (name == "batch") return std::to_string(batch);
  if (name == "epochs") return steps ? std::string() : number(epochs);
  if (name == "steps") return steps ? std::to_string(*steps) : std::string();
  if (name == "lr") return number(learning_rate);
  if (name == "momentum") return number(momentum);
  if (name == "weight-decay") return number(weight_decay);
  if (name == "lr-policy") return schedule.text();
  if (name == "crop") return crop.random ? "random" : "center";
  if (name == "flip") return crop.mirror ? "on" : "off";
  if (name == "order") return shuffle ? "shuffle" : "sequential";
  if (name == "precision") return std::string(element_name(precision));
  if (name == "seed") return std::to_string(seed);
  return name == "threads" ? std::to_string(threads) : std::string();
}

std::uint64_t TrainingOptions::total_steps(std::uint64_t records) const {
  const double images = steps ? static_cast<double>(*steps) * batch : epochs * static_cast<double>(records);
  // Epochs are counted in 32 bits where random draws are keyed by them.
  const bool bounded = images <= kMaxPositions && images / static_cast<double>(records) <
                                                      double{std::numeric_limits<std::uint32_t>::max()};
  if (!bounded) throw UsageError("the run would be too long: lower --epochs or --steps");
  return steps ? *steps : static_cast<std::uint64_t>(std::ceil(images / batch));
}

SgdRule TrainingOptions::rule(std::uint64_t step, std::uint64_t records) const {
  return {.learning_rate = learning_rate * schedule.factor(step * static_cast<std::uint64_t>(batch), records),
          .momentum = momentum,
          .weight_decay = weight_decay};
}

TrainingOptions training_options_from(const Options& options, const TrainingOptions* resumed,
                                      const Device& device) {
  if (options.given("steps") && options.given("epochs")) {
    throw UsageError::about("--steps", "--steps and --epochs exclude each other");
  }
  TrainingOptions training;
  if (resumed != nullptr) training = *resumed;
  for (const std::string name : TrainingOptions::kNames) {
    const bool here = name == "threads" || name == "precision";
    if (!here && options.given(name)) training.set(name, options.text(name));
  }
  const std::string precision = options.text("precision");
  if (resumed == nullptr || precision != "auto") training.precision = choose_precision(precision, device);
  training.threads = options.threads();
  return training;
}

nlohmann::json to_json(const TrainingOptions& options) {
  nlohmann::json value = nlohmann::json::object();
  for (const char* name : TrainingOptions::kNames) {
    const std::string text = options.text(name);
    if (!text.empty()) value[name] = text;
  }
  return value;
}

TrainingOptions training_options_from_json(const nlohmann::json& value, std::string_view place) {
  TrainingOptions options;
  if (!value.is_object()) throw Error(place, "training options are not a JSON object");
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) throw Error(place, "training option '" + name + "' is not a text");
    try {
      options.set(name, text.get<std::string>());
    } catch (const UsageError& error) {
      throw Error(place, "training options: " + std::string(error.what()));
    }
  }
  return options;
}

std::vector<std::string> resume_differences(const TrainingOptions& checkpoint, const TrainingOptions& now) {
  std::vector<std::string> differences;
  for (const char* name : TrainingOptions::kNames) {
    const std::string before = checkpoint.text(name);
    const std::string after = now.text(name);
    if (before == after) continue;
    const std::string text = (before.empty() ? "none" : before) + " in the checkpoint, " +
                             (after.empty() ? "none" : after) + " now";
    if (std::find_if(kFixed.begin(), kFixed.end(),
                     [name](std::string_view fixed) { return fixed == name; }) != kFixed.end()) {
      throw UsageError(std::string("--") + name, text + ": a resumed run cannot change it");
    }
    differences.push_back(std::string(name) + ": " + text);
  }
  return differences;
}

}  // namespace convoy
