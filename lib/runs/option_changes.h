// Options that change during a run: --at=EPOCH:NAME=VALUE,...
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

inline constexpr std::size_t kMaxOptionChanges = 1000;

// One NAME=VALUE.
struct OptionChange {
  double epoch = 0.0;  // from its start on, counted in images: epoch 2 starts when two are completed
  std::string name;    // "lr", "conv1.lr"
  std::string value;

  [[nodiscard]] std::string text() const { return name + "=" + value; }
};

// A factor by which a layer learns, named as in the net format.
enum class LayerFactor { lr, bias_lr, decay, bias_decay };
// "conv1.bias-lr" as layer and factor; nothing if the text does not end in a factor.
struct LayerFactorName {
  std::string layer;
  LayerFactor factor = LayerFactor::lr;
};
[[nodiscard]] std::optional<LayerFactorName> layer_factor_from(std::string_view name);

class OptionChanges {
 public:
  // Reads EPOCH:NAME=VALUE[,NAME=VALUE]..., and several of them between semicolons; "none" and an empty text
  // are no changes. A part without '=' belongs to the value before it. Names and values are not looked at.
  // Throws UsageError.
  static OptionChanges parse(std::string_view text);
  // As parse() reads it, in the order of the epochs; empty if there are none.
  [[nodiscard]] std::string text() const;

  // By epoch; those of one epoch in the order in which they were given.
  [[nodiscard]] const std::vector<OptionChange>& all() const { return all_; }

 private:
  std::vector<OptionChange> all_;
};

}  // namespace convoy
