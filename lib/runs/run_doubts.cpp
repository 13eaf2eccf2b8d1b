#include "lib/runs/run_doubts.h"

#include <algorithm>

#include "lib/base/console.h"
#include "lib/base/count.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

// Above this, stochastic gradient descent with a softmax hardly ever converges.
constexpr double kHighLearningRate = 1.0;
constexpr std::size_t kNamedClasses = 10;

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
  if (run.options.learning_rate > kHighLearningRate) {
    doubts.warnings.push_back(format("a learning rate of %g is unusually high: the loss will hardly fall",
                                     run.options.learning_rate));
  }
  for (const auto& [option, interval] : run.intervals) {
    if (!interval.exceeds(run.total_steps, batch, run.records)) continue;
    doubts.notes.push_back(option + " is longer than the run of " + count_of(run.total_steps, "step") +
                           ": only at the end");
  }
  return doubts;
}

std::optional<std::string> memory_warning(const MemoryNeed& need, int batch,
                                          const std::optional<AvailableMemory>& available) {
  if (!available || need.of_batch(batch) <= available->bytes) return std::nullopt;
  const std::uint64_t left = available->bytes > need.fixed_bytes ? available->bytes - need.fixed_bytes : 0;
  const std::uint64_t fits = left / std::max<std::uint64_t>(need.image_bytes, 1);
  return "a batch of " + std::to_string(batch) + " needs some " + format_bytes(need.of_batch(batch)) +
         " of memory, and " + format_bytes(available->bytes) + " are " + available->limit + ": " +
         (fits == 0 ? std::string("the net alone needs more")
                    : "a batch of " + std::to_string(fits) + " would fit");
}

}  // namespace convoy
