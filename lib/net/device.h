// Which device a net runs on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/net/compiled_net.h"

namespace convoy {

struct Device {
  bool cuda = false;
  int index = 0;                           // of the GPU
  std::string note;                        // the GPU's name, or why `auto` found no GPU
  [[nodiscard]] std::string text() const;  // "cpu", "cpu (no NVIDIA driver)", "cuda:0 (NVIDIA H200)"
};

// Reads --device and resolves `auto`. Throws UsageError for an unknown text and Error for a device that this
// build or this machine does not have.
[[nodiscard]] Device choose_device(std::string_view text);

[[nodiscard]] std::unique_ptr<CompiledNet> compile_net(const NetSpec& net, const Device& device,
                                                       const CompileOptions& options);

// Plans the memory of nets that are to be compiled one after another, each with these options, and throws as
// compile_net() does if all together need more than there is. Allocates nothing. What the caller holds is
// counted once. Calls options.on_planned with the sum.
void plan_nets(std::span<const NetSpec* const> nets, const Device& device, const CompileOptions& options);

}  // namespace convoy
