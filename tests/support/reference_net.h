// A whole net, trained in double precision with the operations of reference.h: what compiled nets must match.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/net.h"
#include "lib/net/compiled_net.h"
#include "tests/support/reference.h"

namespace convoy::reference {

struct StepOutcome {
  double loss_sum = 0.0;
  Tensor probabilities;
  std::vector<Values> gradients;  // one per parameter
};

class Net {
 public:
  Net(const NetSpec& net, std::uint64_t seed);
  std::vector<Values> parameters;  // in the order of parameters_of(net), canonical layout
  std::vector<Values> momenta;
  Values mean;  // [C][H][W] of the stored size

  // With dropout. Updates parameters and momenta by `rule`.
  StepOutcome train_step(const BatchView& batch, const SgdRule& rule);
  // Probabilities with dropout off.
  [[nodiscard]] Tensor infer(const BatchView& batch) const;
  // The softmax's input with dropout off.
  [[nodiscard]] Tensor activations(const BatchView& batch) const;

 private:
  [[nodiscard]] Tensor input(const BatchView& batch) const;
  // Returns the scores; activations[i] becomes layer i's input, factors those of each dropout layer.
  // training: nullptr if dropout is off.
  Tensor forward(const Tensor& x, const BatchView* training, std::vector<Tensor>* activations,
                 std::vector<Tensor>* factors) const;
  [[nodiscard]] Tensor layer_forward(std::size_t layer, const Tensor& x) const;

  NetSpec net_;
  std::uint64_t seed_;
  std::vector<ParameterInfo> infos_;
  std::vector<std::size_t> parameter_of_;  // layer -> index of its weights
};

}  // namespace convoy::reference
