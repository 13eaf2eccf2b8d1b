// A layer of a net compiled for a GPU. Activations are NHWC with padded channels (cuda::padded_channels).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"
#include "kernels/cuda/gemm.h"
#include "kernels/dropout.h"
#include "lib/net/cuda/parameters.h"
#include "lib/net/layer.h"

namespace convoy {

// What a pass over the net is for.
struct CudaPass {
  const cuda::Stream& stream;
  bool training = false;  // dropout is on, and what the backward pass needs is kept
  cuda::DropoutBatch batch;
  void* scratch = nullptr;
  bool learns = true;  // the layer's parameters learn: the backward pass computes their gradients
};

class CudaLayer : public Layer {
 public:
  using Layer::Layer;
  [[nodiscard]] virtual CudaParameters* parameters() { return nullptr; }
  // How the first layer needs its input; nullopt if it takes the crop as it is.
  [[nodiscard]] virtual std::optional<cuda::SpaceToDepth> cells() const { return std::nullopt; }
  // Takes the memory that the layer keeps. Called twice (see CudaArena).
  virtual void place(CudaArena& /*arena*/) {}
  [[nodiscard]] virtual bool needs_gemm() const { return false; }
  // Called after the second place() and before the first pass.
  virtual void prepare(const cuda::GemmContext* /*context*/, const cuda::Stream& /*stream*/) {}

  virtual void forward(const CudaPass& pass, const void* x, void* y) = 0;
  // dx is nullptr if no earlier layer learns.
  virtual void backward(const CudaPass& pass, const void* x, const void* y, const void* dy, void* dx) = 0;
};

// The layer; nullptr for softmax. shared_bytes: cuda::DeviceInfo::shared_bytes_per_block. Throws Error if the
// layer needs more.
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_layer(const LayerSpec& spec, const LayerOptions& options,
                                                         std::uint64_t shared_bytes);
// Normalisation and the max-pooling after it as one layer; nullptr if the layers are not these two or need
// more shared memory.
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                                            const LayerOptions& options,
                                                            std::uint64_t shared_bytes);
// The layers that are matrix products.
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_conv(const LayerSpec& layer, const ConvSpec& spec,
                                                        const LayerOptions& options);
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_local(const LayerSpec& layer, const LocalSpec& spec,
                                                         const LayerOptions& options);
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_fc(const LayerSpec& layer, const FcSpec& spec,
                                                      const LayerOptions& options);

}  // namespace convoy
