// How a run's steps are taken: --optimizer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace convoy {

struct Optimizer {
  std::optional<double> lars_trust;  // of LARS (kernels/lars.h), 0 to 1; nothing: plain SGD

  // Reads what syntax() says. Throws UsageError.
  static Optimizer parse(std::string_view text);
  // As parse() reads it: "sgd", "lars:0.001".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::string syntax();
};

}  // namespace convoy
