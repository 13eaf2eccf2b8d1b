#include "lib/runs/feature_responders.h"

#include <cmath>

#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/runs/answer_text.h"

namespace convoy {
namespace {

// Throws Error if the features are of another net.
const FeatureOrigin& checked_origin(const FeatureFile& features, const WeightsFile& weights,
                                    const InferenceOptions& inference, Console& console) {
  const FeatureOrigin& origin = features.origin();
  const std::string digest = weights_digest(weights);
  if (origin.weights != digest) {
    throw Error(features.name(), "its features are of other weights (" + origin.weights + ") than " +
                                     weights.name() + " (" + digest + ")");
  }
  const std::string precision(element_name(inference.compile.precision));
  if (origin.precision != precision) {
    console.warn(features.name() + ": its features were computed in " + origin.precision + ", these are in " +
                 precision + ": distances will be less exact");
  }
  return origin;
}

}  // namespace

FeatureResponder::FeatureResponder(const std::string& output, const std::string& layer,
                                   const WeightsFile& weights, const InferenceOptions& inference,
                                   Console& console)
    : net_(weights, layer, inference),
      origin_{.layer = layer,
              .weights = weights_digest(weights),
              .precision = std::string(element_name(inference.compile.precision))},
      console_(console),
      writer_(output, net_.elements()) {}

void FeatureResponder::answer(std::size_t index, const std::string& name, const std::string& place) {
  const std::span<const float> row = features_.subspan(index * net_.elements(), net_.elements());
  if (!all_finite(row)) throw NotFiniteError(place, "the net's output for it is not a number");
  writer_.add(name, row);
}

void FeatureResponder::commit() { writer_.commit(origin_); }

NearestResponder::NearestResponder(const std::string& output, const AnswerForm& form,
                                   const std::string& features, const WeightsFile& weights,
                                   const MemoryLimit& memory, const InferenceOptions& inference,
                                   Console& console)
    : features_(features, memory),
      net_(weights, checked_origin(features_, weights, inference, console).layer, inference),
      form_(form),
      threads_(inference.compile.threads),
      console_(console),
      text_(output) {
  if (net_.elements() != features_.elements()) {
    throw Error(features_.name(), "has " + std::to_string(features_.elements()) +
                                      " elements for each image, " + features_.origin().layer + " has " +
                                      std::to_string(net_.elements()));
  }
}

std::uint64_t NearestResponder::held_per_image() const {
  const NearestShape shape{.elements = net_.elements(), .best = form_.best};
  return net_.elements() * sizeof(float) + cpu::nearest_bytes_per_query(shape, features_.size(), threads_);
}

void NearestResponder::compute(std::span<const Image> images) {
  const std::span<const float> features = net_.features(images);
  std::vector<float> queries;
  queries.reserve(features.size());
  finite_.clear();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::span<const float> row = features.subspan(i * net_.elements(), net_.elements());
    finite_.push_back(all_finite(row));
    // What is not finite has no neighbours, but a place.
    if (finite_.back()) {
      queries.insert(queries.end(), row.begin(), row.end());
    } else {
      queries.resize(queries.size() + row.size());
    }
  }
  const NearestShape shape{.elements = net_.elements(), .best = form_.best};
  neighbours_ = cpu::nearest(shape, features_.rows(), queries, threads_);
}

void NearestResponder::answer(std::size_t index, const std::string& name, const std::string& place) {
  if (!finite_[index]) throw NotFiniteError(place, "the net's output for it is not a number");
  std::vector<NamedNeighbour> named;
  for (const Neighbour& one : neighbours_[index]) {
    named.push_back({.name = features_.image(one.row), .distance = std::sqrt(one.squared_distance)});
  }
  text_.write(form_.json ? neighbours_json(name, named) : neighbours_tsv(name, named));
}

void NearestResponder::reject(const std::string& name, const std::string& reason) {
  text_.write(form_.json ? rejection_json(name, reason) : neighbours_rejection_tsv(name, reason));
}

}  // namespace convoy
