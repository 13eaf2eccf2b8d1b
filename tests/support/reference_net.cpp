#include "tests/support/reference_net.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/match.h"

namespace convoy::reference {

Net::Net(const NetSpec& net, std::uint64_t seed)
    : mean(static_cast<std::size_t>(net.input.stored.elements())),
      net_(net),
      seed_(seed),
      infos_(parameters_of(net)),
      parameter_of_(net.layers.size()) {
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    parameters.emplace_back(infos_[i].elements());
    momenta.emplace_back(infos_[i].elements());
    if (!infos_[i].bias) parameter_of_[infos_[i].layer] = i;
  }
}

Tensor Net::input(const BatchView& batch) const {
  const Extent& crop = net_.input.crop;
  const Extent& stored = net_.input.stored;
  Tensor x(static_cast<int>(batch.images.size()), crop.channels, crop.height, crop.width);
  for (int n = 0; n < x.n; ++n) {
    const auto i = static_cast<std::size_t>(n);
    const Crop& place = batch.crops[i];
    for (int c = 0; c < x.c; ++c) {
      for (int h = 0; h < x.h; ++h) {
        for (int w = 0; w < x.w; ++w) {
          const int row = place.top + h;
          const int column = place.left + (place.mirror ? x.w - 1 - w : w);
          const auto pixel = static_cast<std::size_t>(std::int64_t{row} * stored.width + column);
          const auto plane = static_cast<std::size_t>(std::int64_t{c} * stored.height * stored.width);
          x.at(n, c, h, w) =
              (batch.images[i][pixel * static_cast<std::size_t>(x.c) + static_cast<std::size_t>(c)] -
               mean[plane + pixel] + place.color_shift[c]) *
              place.color_scale;
        }
      }
    }
  }
  return x;
}

Tensor Net::layer_forward(std::size_t layer, const Tensor& x) const {
  const LayerSpec& spec = net_.layers[layer];
  const std::size_t p = parameter_of_[layer];
  return match(
      spec.kind, [&](const ConvSpec& s) { return conv(s, x, parameters[p], parameters[p + 1]); },
      [&](const LocalSpec& s) { return local(s, x, parameters[p], parameters[p + 1]); },
      [&](const FcSpec& s) { return fc(s.outputs, x, parameters[p], parameters[p + 1]); },
      [&](const ReluSpec&) { return relu(x); }, [&](const TanhSpec&) { return tanh(x); },
      [&](const LogisticSpec&) { return logistic(x); }, [&](const LrnSpec& s) { return lrn(s, x); },
      [&](const LrnMapSpec& s) { return lrn_map(s, x); },
      [&](const PoolSpec& s) { return pool(s, x, spec.out.height, spec.out.width); },
      [&](const DropoutSpec& s) {  // dropout is off
        const double factor = s.scale_at_test ? 1.0 - s.drop : 1.0;
        return map(x, [&](double value) { return factor * value; });
      },
      [&](const SoftmaxSpec&) { return x; });  // computed with the loss
}

Tensor Net::forward(const Tensor& x, const BatchView* training, std::vector<Tensor>* activations,
                    std::vector<Tensor>* factors) const {
  Tensor now = x;
  std::uint32_t dropouts = 0;
  for (std::size_t i = 0; i + 1 < net_.layers.size(); ++i) {
    if (activations != nullptr) activations->push_back(now);
    const auto* dropout = std::get_if<DropoutSpec>(&net_.layers[i].kind);
    if (dropout == nullptr || training == nullptr) {
      now = layer_forward(i, now);
      continue;
    }
    Tensor factor(now.n, now.c, now.h, now.w);
    const std::size_t each = now.v.size() / static_cast<std::size_t>(now.n);
    for (std::size_t n = 0; n < training->records.size(); ++n) {
      const Values one =
          dropout_factors(*dropout, each, seed_, training->records[n], training->epochs[n], dropouts);
      std::copy(one.begin(), one.end(), factor.v.begin() + static_cast<std::ptrdiff_t>(n * each));
    }
    for (std::size_t j = 0; j < now.v.size(); ++j) now.v[j] *= factor.v[j];
    factors->push_back(std::move(factor));
    ++dropouts;
  }
  return now;
}

Tensor Net::infer(const BatchView& batch) const {
  const std::vector<std::int32_t> labels(batch.images.size(), 0);
  return softmax_loss(forward(input(batch), nullptr, nullptr, nullptr), labels).probabilities;
}

Tensor Net::activations(const BatchView& batch) const {
  return forward(input(batch), nullptr, nullptr, nullptr);
}

namespace {

// |w| / (|g| + decay |w|), or 1 where a norm is 0 (You, Gitman, Ginsburg 2017, equation 6).
double lars_ratio(const Values& w, const Values& g, double decay) {
  const auto norm = [](const Values& values) {
    return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
  };
  return norm(w) == 0.0 || norm(g) == 0.0 ? 1.0 : norm(w) / (norm(g) + decay * norm(w));
}

}  // namespace

StepOutcome Net::train_step(const BatchView& batch, const SgdRule& rule) {
  std::vector<Tensor> activations;
  std::vector<Tensor> factors;
  const Tensor scores = forward(input(batch), &batch, &activations, &factors);
  const Loss loss = softmax_loss(scores, {batch.labels.begin(), batch.labels.end()});
  StepOutcome outcome{loss.mean * static_cast<double>(batch.labels.size()), loss.probabilities,
                      std::vector<Values>(parameters.size())};
  Tensor d = loss.gradient;
  for (std::size_t i = net_.layers.size() - 1; i-- > 0;) {
    const Tensor& x = activations[i];
    const std::size_t p = parameter_of_[i];
    const auto learn = [&](ProductGradients g) {
      outcome.gradients[p] = std::move(g.weights);
      outcome.gradients[p + 1] = std::move(g.bias);
      d = std::move(g.x);
    };
    match(
        net_.layers[i].kind, [&](const ConvSpec& s) { learn(conv_backward(s, x, parameters[p], d)); },
        [&](const LocalSpec& s) { learn(local_backward(s, x, parameters[p], d)); },
        [&](const FcSpec&) { learn(fc_backward(x, parameters[p], d)); },
        [&](const ReluSpec&) { d = relu_backward(x, d); }, [&](const TanhSpec&) { d = tanh_backward(x, d); },
        [&](const LogisticSpec&) { d = logistic_backward(x, d); },
        [&](const LrnSpec& s) { d = lrn_backward(s, x, d); },
        [&](const LrnMapSpec& s) { d = lrn_map_backward(s, x, d); },
        [&](const PoolSpec& s) { d = pool_backward(s, x, d); },
        [&](const DropoutSpec&) {
          for (std::size_t j = 0; j < d.v.size(); ++j) d.v[j] *= factors.back().v[j];
          factors.pop_back();
        },
        [](const SoftmaxSpec&) {});  // its gradient is the loss's
  }
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    double rate = rule.learning_rate * infos_[p].lr;
    if (rule.lars_trust) {
      const double decay = rule.weight_decay * infos_[p].decay;
      rate *= *rule.lars_trust * lars_ratio(parameters[p], outcome.gradients[p], decay);
    }
    for (std::size_t j = 0; j < parameters[p].size(); ++j) {
      momenta[p][j] = rule.momentum * momenta[p][j] -
                      rule.weight_decay * infos_[p].decay * rate * parameters[p][j] -
                      rate * outcome.gradients[p][j];
      parameters[p][j] += momenta[p][j];
    }
  }
  return outcome;
}

}  // namespace convoy::reference
