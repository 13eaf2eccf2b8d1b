// Steps of nets in which some layers do not learn: the same bits as those of steps that compute every
// gradient and put the layers back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/net/compiled_net.h"
#include "tests/support/net_runs.h"

namespace convoy {

// Compiles `net`; learning: CompileOptions::learning.
using CompileLearning =
    std::function<std::unique_ptr<CompiledNet>(const NetSpec& net, const std::vector<bool>& learning)>;

// The layers of the net that have parameters, and which of them learn.
struct FrozenCase {
  std::string name;
  std::vector<bool> frozen;  // of the layers with parameters, in order
};

inline std::vector<FrozenCase> frozen_cases(std::size_t layers) {
  std::vector<FrozenCase> cases;
  const auto add = [&](const std::string& name, auto&& is_frozen) {
    FrozenCase one{name, {}};
    for (std::size_t i = 0; i < layers; ++i) one.frozen.push_back(is_frozen(i));
    if (std::ranges::find(one.frozen, true) != one.frozen.end()) cases.push_back(one);
  };
  add("the first", [](std::size_t i) { return i == 0; });
  add("all but the last", [&](std::size_t i) { return i + 1 < layers; });
  add("the last", [&](std::size_t i) { return i + 1 == layers; });
  add("those in between", [&](std::size_t i) { return i > 0 && i + 1 < layers; });
  add("all", [](std::size_t) { return true; });
  return cases;
}

// What a net holds: its parameters, then its momenta.
inline std::vector<std::vector<float>> values_of(const CompiledNet& net) {
  std::vector<std::vector<float>> values;
  for (const auto getter : {&CompiledNet::get_parameter, &CompiledNet::get_momentum}) {
    for (std::size_t i = 0; i < parameters_of(net.net()).size(); ++i) {
      values.push_back(parameter_of(net, getter, i));
    }
  }
  return values;
}

inline void check_frozen(const NetSpec& net, const FrozenCase& frozen, int images,
                         const CompileLearning& compile) {
  SCOPED_TRACE(frozen.name + " frozen");
  constexpr std::uint64_t kFrozenSeed = 5;
  const std::vector<ParameterInfo> infos = parameters_of(net);
  std::vector<bool> learning(net.layers.size());
  std::vector<ParameterFactors> factors;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const bool still = frozen.frozen.at(i / 2);  // weights and bias of each layer
    learning[infos[i].layer] = !still;
    factors.push_back({still ? 0.0 : infos[i].lr, infos[i].decay});
  }
  const SgdRule all{1e-4, 0.9, 5.0};
  SgdRule some = all;
  some.factors = factors;

  const auto whole = compile(net, {});          // all gradients, and the frozen layers put back
  const auto planned = compile(net, learning);  // planned for the layers that learn
  const auto chosen = compile(net, {});         // planned for all layers, of which some learn
  for (CompiledNet* const one : {whole.get(), planned.get(), chosen.get()}) start_net(*one, kFrozenSeed);
  const std::vector<std::vector<float>> start = values_of(*whole);
  for (const int count : {images, images, images - 1}) {
    const RandomBatch batch(net, count, 60 + static_cast<std::uint64_t>(count));
    const BatchResult want = whole->train_step(batch.view(), all);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      if (!frozen.frozen.at(i / 2)) continue;
      whole->set_parameter(i, start[i]);
      whole->set_momentum(i, start[infos.size() + i]);
    }
    for (const auto& [name, one] : {std::pair{"planned", planned.get()}, {"chosen", chosen.get()}}) {
      SCOPED_TRACE(name);
      const BatchResult got = one->train_step(batch.view(), some);
      EXPECT_EQ(got.loss_sum, want.loss_sum);
      const auto values = values_of(*one);
      const auto wanted = values_of(*whole);
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i], wanted[i])
            << infos[i % infos.size()].name << (i < infos.size() ? "" : "'s momentum");
      }
    }
  }
  // What was frozen learns again, where the plan allows it.
  const RandomBatch batch(net, images, 70);
  (void)whole->train_step(batch.view(), all);
  (void)chosen->train_step(batch.view(), all);
  EXPECT_EQ(values_of(*chosen), values_of(*whole));
  EXPECT_THROW((void)planned->train_step(batch.view(), all), Error);
}

// Cases of a net whose parameters all learn: those with such names, or all if there are none.
inline void check_frozen_cases(const NetSpec& net, int images, const std::vector<std::string>& names,
                               const CompileLearning& compile) {
  for (const FrozenCase& one : frozen_cases(parameters_of(net).size() / 2)) {
    if (names.empty() || std::ranges::find(names, one.name) != names.end()) {
      check_frozen(net, one, images, compile);
    }
  }
}

}  // namespace convoy
