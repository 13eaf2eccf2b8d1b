// A layer of a net compiled for the CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/product.h"
#include "kernels/tensor_shape.h"
#include "lib/net/compiled_net.h"
#include "lib/net/cpu/buffer.h"
#include "lib/net/layer.h"

namespace convoy {

// What a pass over the net is for.
struct CpuPass {
  const BatchView& batch;
  bool training = false;  // dropout on, and what backward needs is kept
  void* scratch = nullptr;
};

// The weights and bias of a conv or fc layer, each with momentum and gradient, and the product that uses
// them.
struct CpuParameters {
  std::unique_ptr<cpu::Product> product;
  CpuBuffer master, momentum, gradient;  // in the product's layout
  CpuBuffer bias, bias_momentum, bias_gradient;
  CpuBuffer forward_copy, backward_copy;  // empty where the product reads the master
  [[nodiscard]] cpu::ProductWeights weights() const;
};

class CpuLayer : public Layer {
 public:
  using Layer::Layer;
  // Of the project's own kernels; a product has its own lines.
  [[nodiscard]] std::vector<std::string> describe() const override;
  [[nodiscard]] virtual CpuParameters* parameters() { return nullptr; }

  virtual void forward(const CpuPass& pass, const void* x, void* y) = 0;
  // dx is nullptr where no layer before has parameters.
  virtual void backward(const CpuPass& pass, const void* x, const void* y, const void* dy, void* dx) = 0;

 protected:
  [[nodiscard]] std::string describe_pass(const std::string& pass) const;
};

// `first` and `second` as one layer, where they are lrn and maxpool and the CPU has one pass for them; else
// nullptr.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                                          const LayerOptions& options);
// The layer; kind is not softmax.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_layer(const LayerSpec& spec, const LayerOptions& options);

}  // namespace convoy
