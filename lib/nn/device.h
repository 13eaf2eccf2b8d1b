// Which device a net runs on.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/nn/compiled_net.h"

namespace convoy {

struct Device {
  bool cuda = false;
  int index = 0;                           // of the GPU
  [[nodiscard]] std::string text() const;  // "cpu", "cuda:0"
};

// Reads --device and settles `auto`. Throws UsageError for another text and Error for a device that this
// build or this machine does not have.
[[nodiscard]] Device choose_device(std::string_view text);

[[nodiscard]] std::unique_ptr<CompiledNet> compile_net(const NetSpec& net, const Device& device,
                                                       const CompileOptions& options);

}  // namespace convoy
