// What the compiled nets of every backend have in common.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/lars.h"
#include "kernels/sgd.h"
#include "lib/net/compiled_net.h"

namespace convoy {

class BackendNet : public CompiledNet {
 public:
  [[nodiscard]] const NetSpec& net() const override { return net_; }
  [[nodiscard]] int batch() const override { return options_.batch; }

 protected:
  // Throws Error if no backend can compile the net for these options.
  BackendNet(const NetSpec& net, const CompileOptions& options);

  [[nodiscard]] const CompileOptions& options() const { return options_; }
  [[nodiscard]] Element element() const { return options_.precision; }
  [[nodiscard]] int threads() const { return threads_; }
  [[nodiscard]] bool training() const { return options_.mode == Mode::train; }
  // Throws Error if the net was compiled for inference only.
  void require_training() const;
  // Throws Error if the mean does not have the size of the stored images.
  void check_mean(std::span<const float> mean) const;
  // Also throws if the batch is one of several parts, and the net is not compiled for them.
  void check(const BatchView& batch, BatchUse use) const;
  // Returns the number of the batch's class probabilities. Throws Error if `probabilities` is too short.
  [[nodiscard]] std::size_t check_room(const BatchView& batch, std::span<const float> probabilities) const;

  [[nodiscard]] const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  // Parameter `index`. Throws Error if the net has none of this size.
  [[nodiscard]] const ParameterInfo& parameter(std::size_t index, std::size_t elements) const;
  // Whether parameter `index` learns by the rule.
  [[nodiscard]] bool learns(const SgdRule& rule, std::size_t index) const {
    return factors_of(rule, parameters_.at(index), index).lr != 0;
  }
  // The rule with the factors of parameter `index`.
  [[nodiscard]] SgdCoefficients sgd_coefficients(const SgdRule& rule, std::size_t index) const;
  // The same for a rule with LARS.
  [[nodiscard]] LarsRule lars_rule(const SgdRule& rule, std::size_t index) const;
  // The rule for the gradient of a batch's parts, each divided by StepPart::whole: times its scale it is the
  // mean over the images that are there.
  [[nodiscard]] static SgdRule scaled(SgdRule rule, const StepPart& part, double images) {
    if (part.whole > 0) rule.gradient_scale = images > 0 ? part.whole / images : 0.0;
    return rule;
  }

 private:
  NetSpec net_;
  CompileOptions options_;
  int threads_;
  std::vector<ParameterInfo> parameters_;
};

}  // namespace convoy
