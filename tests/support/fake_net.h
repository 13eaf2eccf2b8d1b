// A net that computes nothing and records its calls, for tests of code that uses nets.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/net/compiled_net.h"

namespace convoy::test {

inline constexpr const char* kFakeNetText = "input 3x3x1 from=5x5\nfc fc1 4\nsoftmax\n";

// Every training step adds the learning rate to each parameter and 1 to each momentum. Inference always
// answers class 0, or what `answers` says, with probability `answer`.
class FakeNet : public CompiledNet {
 public:
  explicit FakeNet(int batch) : net_(parse_net(kFakeNetText, "fake.net")), batch_(batch) {
    for (const ParameterInfo& info : parameters_of(net_)) {
      parameters.emplace_back(info.elements());
      momenta.emplace_back(info.elements());
    }
  }

  [[nodiscard]] const NetSpec& net() const override { return net_; }
  [[nodiscard]] int batch() const override { return batch_; }
  void set_parameter(std::size_t index, std::span<const float> values) override {
    parameters.at(index).assign(values.begin(), values.end());
  }
  void get_parameter(std::size_t index, std::span<float> values) const override {
    std::copy(parameters.at(index).begin(), parameters.at(index).end(), values.begin());
  }
  void set_momentum(std::size_t index, std::span<const float> values) override {
    momenta.at(index).assign(values.begin(), values.end());
  }
  void get_momentum(std::size_t index, std::span<float> values) const override {
    std::copy(momenta.at(index).begin(), momenta.at(index).end(), values.begin());
  }
  void get_gradient(std::size_t, std::span<float>) const override {}
  void set_mean(std::span<const float> values) override { mean.assign(values.begin(), values.end()); }

  BatchResult train_step(const BatchView& batch, const SgdRule& rule) override {
    if (rates.size() == fail_after) throw std::runtime_error("the end of the fake net");
    rates.push_back(rule.learning_rate);
    records.emplace_back(batch.records.begin(), batch.records.end());
    for (auto& values : parameters) {
      for (float& value : values) value += static_cast<float>(rule.learning_rate);
    }
    for (auto& values : momenta) {
      for (float& value : values) value += 1.0F;
    }
    BatchResult result;
    const double grown = loss + loss_growth * static_cast<double>(rates.size());
    result.loss_sum = grown * static_cast<double>(batch.images.size());
    forward_seconds += 1.0;
    return result;
  }
  void start_step(const BatchView& batch, const SgdRule& rule) override {
    CompiledNet::start_step(batch, rule);
    ++under_way_;
  }
  BatchResult finish_step() override {
    if (--under_way_ == 0) ++drains;
    return CompiledNet::finish_step();
  }
  void infer(const BatchView& batch, std::span<float> probabilities) override {
    const std::size_t likeliest = answers.empty() ? 0 : answers.at(inferred_images_ / images_an_answer);
    for (std::size_t i = 0; i < batch.images.size() * 4; ++i) {
      probabilities[i] = i % 4 == likeliest ? answer : 0.0F;
    }
    inferred.push_back(batch.images.size());
    inferred_images_ += batch.images.size();
    forward_seconds += 100.0;
  }
  void activations(const BatchView& /*batch*/, std::span<float> /*values*/) override {}
  BatchResult evaluate(const BatchView&) override { return {}; }
  [[nodiscard]] std::vector<std::string> describe_primitives() const override { return {}; }
  [[nodiscard]] std::vector<LayerTime> times() const override {
    return {{{0, 1}, Phase::forward, forward_seconds}};
  }
  [[nodiscard]] bool overlaps_steps() const override { return overlaps; }

  std::vector<std::vector<float>> parameters;
  std::vector<std::vector<float>> momenta;
  std::vector<float> mean;
  double loss = 1.0;         // of every image
  double loss_growth = 0.0;  // added to `loss` with every step
  bool overlaps = false;     // what overlaps_steps() returns
  float answer = 1.0F;
  std::vector<std::size_t> answers;  // classes, each for `images_an_answer` images that are inferred
  std::size_t images_an_answer = 10;
  double forward_seconds = 0.0;                     // a step takes 1, an inference 100
  int drains = 0;                                   // times that the last started step was waited for
  std::size_t fail_after = 1000;                    // the number of steps after which a step throws
  std::vector<double> rates;                        // of each step
  std::vector<std::vector<std::uint64_t>> records;  // of each step
  std::vector<std::size_t> inferred;                // images of each call

 private:
  NetSpec net_;
  int batch_;
  int under_way_ = 0;
  std::size_t inferred_images_ = 0;
};

}  // namespace convoy::test
