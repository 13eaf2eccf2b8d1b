#include "lib/runs/run_doubts.h"

#include <algorithm>
#include <optional>

#include "lib/base/console.h"
#include "lib/base/count.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

// Above this, stochastic gradient descent with a softmax hardly ever converges.
constexpr double kHighLearningRate = 1.0;
// Below this times its length, a step of LARS hardly moves a tensor.
constexpr double kLowLarsRate = 1e-4;
// With this, the noise varies as much as the colours do.
constexpr double kHighColorNoise = 1.0;
constexpr std::size_t kNamedClasses = 10;
// One image of a net with more keeps a processor busy for many seconds.
constexpr double kManyMultiplyAdds = 1e12;
// AlexNet takes a tenth of it for one image.
constexpr std::uint64_t kMuchMemory = std::uint64_t{3} << 30;
constexpr double kAlexNetMultiplyAdds = 7.24e8;  // Krizhevsky et al. 2012

void doubt_classes(const RunFacts& run, RunDoubts& doubts) {
  std::vector<std::size_t> with;
  std::vector<std::string> without;
  std::size_t missing = 0;
  for (std::size_t label = 0; label < run.classes.size(); ++label) {
    if (run.labels.counts.at(label) > 0) {
      with.push_back(label);
    } else if (++missing <= kNamedClasses) {
      without.push_back(run.classes[label].id);
    }
  }
  if (missing > 0) {
    doubts.notes.push_back(std::to_string(missing) + " of " + count_of(run.classes.size(), "class") +
                           " without images in the training set: " + first_of(without, missing));
  }
  if (with.size() == 1) {
    doubts.warnings.push_back("all images of the training set are of one class, " +
                              run.classes[with.front()].id + ": there is nothing to tell apart");
  }
}

void doubt_validation(const RunFacts& run, RunDoubts& doubts) {
  constexpr const char* kMeaning = ": its errors say nothing about other images";
  if (run.validation == nullptr) return;
  if (run.validation->fingerprint == run.labels.fingerprint) {
    doubts.warnings.push_back(std::string("the validation set is the training set") + kMeaning);
  } else if (!run.shared_shards.empty()) {
    doubts.warnings.push_back("the validation set shares " + run.shared_shards.front() +
                              (run.shared_shards.size() > 1 ? " and others" : "") + " with the training set");
  }
}

// The largest that a run has. With LARS, what counts is the rate times the trust coefficient: how far a step
// moves a tensor at most, relative to its length.
struct LargestSizes {
  double rate = 0.0;
  std::optional<double> lars_rate;
  double noise = 0.0;
  void add(const TrainingOptions& options) {
    noise = std::max(noise, options.crop.color_noise.sigma);
    if (const auto trust = options.optimizer.lars_trust) {
      lars_rate = std::max(lars_rate.value_or(0.0), options.learning_rate * *trust);
    } else {
      rate = std::max(rate, options.learning_rate);
    }
  }
};

// images: that the run takes.
LargestSizes largest_sizes(const RunFacts& run, double images) {
  TrainingOptions now = run.options;
  LargestSizes largest;
  double epoch = 0.0;
  for (const OptionChange& change : run.options.at.all()) {
    const bool comes = change.epoch * static_cast<double>(run.records) < images;
    if (!comes || layer_factor_from(change.name)) continue;
    if (change.epoch > epoch) largest.add(now);
    epoch = change.epoch;
    now.set(change.name, change.value);
  }
  largest.add(now);
  return largest;
}

void doubt_sizes(const RunFacts& run, double images, RunDoubts& doubts) {
  const auto [rate, lars_rate, noise] = largest_sizes(run, images);
  if (rate > kHighLearningRate) {
    doubts.warnings.push_back(
        format("a learning rate of %g is unusually high: the loss will hardly fall", rate));
  }
  if (lars_rate && *lars_rate > kHighLearningRate) {
    doubts.warnings.push_back(format(
        "a learning rate of %g times ETA is unusually high for lars: the loss will hardly fall", *lars_rate));
  }
  if (lars_rate && *lars_rate > 0.0 && *lars_rate < kLowLarsRate) {
    doubts.warnings.push_back(format(
        "with lars, a step moves weights by about the learning rate times ETA, relative to their length: "
        "%g is unusually low",
        *lars_rate));
  }
  if (noise > kHighColorNoise) {
    doubts.warnings.push_back(format(
        "a colour noise of %g is unusually strong: it is relative to the deviations of the colours", noise));
  }
}

}  // namespace

RunDoubts doubts_about(const RunFacts& run) {
  RunDoubts doubts;
  doubt_classes(run, doubts);
  doubt_validation(run, doubts);
  const auto batch = static_cast<std::uint64_t>(run.options.batch);
  if (run.total_steps == 0) {
    doubts.notes.push_back("no step is asked for: the weights will be the initial values");
    return doubts;
  }
  if (batch > run.records) {
    doubts.warnings.push_back(
        format("a batch of %llu is larger than the training set of %s: each step takes an "
               "image %.3g times on average",
               static_cast<unsigned long long>(batch), count_of(run.records, "image").c_str(),
               static_cast<double>(batch) / static_cast<double>(run.records)));
  }
  const double images = static_cast<double>(run.total_steps) * static_cast<double>(batch);
  doubt_sizes(run, images, doubts);
  if (run.options.warmup.epochs * static_cast<double>(run.records) > images) {
    doubts.notes.push_back("--warmup is longer than the run: the learning rate never rises to its value");
  }
  for (const OptionChange& change : run.options.at.all()) {
    if (change.epoch * static_cast<double>(run.records) < images) continue;
    doubts.notes.push_back("--at: " + change.text() +
                           format(" at epoch %g: after the end of the run", change.epoch));
  }
  for (const auto& [option, interval] : run.intervals) {
    if (!interval.exceeds(run.total_steps, batch, run.records)) continue;
    doubts.notes.push_back(option + " is longer than the run of " + count_of(run.total_steps, "step") +
                           ": only at the end");
  }
  return doubts;
}

std::optional<std::string> memory_warning(const PlannedMemory& planned,
                                          const std::optional<AvailableMemory>& available) {
  if (!available || planned.need.total() <= available->bytes) return std::nullopt;
  const int fits = batch_that_fits(planned, available->bytes);
  return planned.text() + ", and " + format_bytes(available->bytes) + " are " + available->limit + ": " +
         (fits == 0 ? std::string("not even a batch of 1 fits")
                    : "a batch of " + std::to_string(fits) + " would fit");
}

void say_memory(const PlannedMemory& planned, const std::string& lead, Console& console) {
  console.detail(lead + planned.text());
  if (const auto warning = memory_warning(planned, available_memory())) {
    console.warn(lead + *warning);
    return;
  }
  if (planned.need.total() <= kMuchMemory) return;
  const MemoryNeed one = planned.need_of(1);
  if (one.total() > kMuchMemory) console.warn(lead + PlannedMemory{one, 1, planned.need_of}.text());
}

std::optional<std::string> work_warning(const NetSpec& net) {
  double work = 0;
  for (const LayerSpec& layer : net.layers) work += static_cast<double>(multiply_adds(layer));
  if (work <= kManyMultiplyAdds) return std::nullopt;
  return format("one image takes %.2g multiply-adds, %.0f times as many as AlexNet's: each may take long",
                work, work / kAlexNetMultiplyAdds);
}

}  // namespace convoy
