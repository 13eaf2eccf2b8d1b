// A layer of a net compiled for a GPU. Activations are NHWC, channels filled up to a multiple of
// cuda::kChannelAlignment (kernels/cuda/batch.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"
#include "kernels/cuda/gemm.h"
#include "kernels/dropout.h"
#include "kernels/tensor_shape.h"
#include "lib/net/cuda/arena.h"
#include "lib/net/layer.h"

namespace convoy {

// What a pass over the net is for.
struct CudaPass {
  const cuda::Stream& stream;
  bool training = false;  // dropout on, and what backward needs is kept
  cuda::DropoutBatch batch;
  void* scratch = nullptr;
};

// A learned tensor in device memory.
struct CudaTensor {
  std::int64_t elements = 0;  // in the layer's layout
  float* w = nullptr;
  float* v = nullptr;    // momentum; null where the net only infers
  float* g = nullptr;    // gradient; likewise
  Bf16* copy = nullptr;  // of w; null where the products read w
};

// The weights and bias of a conv or fc layer.
class CudaParameters {
 public:
  CudaParameters() = default;
  CudaParameters(const CudaParameters&) = delete;
  CudaParameters& operator=(const CudaParameters&) = delete;
  CudaParameters(CudaParameters&&) = delete;
  CudaParameters& operator=(CudaParameters&&) = delete;
  virtual ~CudaParameters() = default;

  CudaTensor weights;
  CudaTensor bias;
  // Between the canonical layout of ParameterInfo::shape and the layer's; filling is zero. Exact.
  virtual void pack_weights(std::span<const float> canonical, std::span<float> packed) const = 0;
  virtual void unpack_weights(std::span<const float> packed, std::span<float> canonical) const = 0;
};

class CudaLayer : public Layer {
 public:
  using Layer::Layer;
  [[nodiscard]] virtual CudaParameters* parameters() { return nullptr; }
  // How the first layer wants its input where that is not simply the crop.
  [[nodiscard]] virtual std::optional<cuda::SpaceToDepth> cells() const { return std::nullopt; }
  // Takes the memory that the layer keeps: called twice, as the arena wants it.
  virtual void place(CudaArena& /*arena*/) {}
  [[nodiscard]] virtual bool needs_gemm() const { return false; }
  // After the second place(), before the first pass.
  virtual void prepare(const cuda::GemmContext* /*context*/, const cuda::Stream& /*stream*/) {}

  virtual void forward(const CudaPass& pass, const void* x, void* y) = 0;
  // dx is nullptr where no layer before has parameters.
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
// The layers with parameters.
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_conv(const LayerSpec& layer, const ConvSpec& spec,
                                                        const LayerOptions& options);
[[nodiscard]] std::unique_ptr<CudaLayer> make_cuda_fc(const LayerSpec& layer, const FcSpec& spec,
                                                      const LayerOptions& options);

}  // namespace convoy
