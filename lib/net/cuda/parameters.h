// The learned tensors of a layer on a GPU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/element.h"
#include "lib/net/cuda/arena.h"
#include "lib/net/layer.h"

namespace convoy {

// A learned tensor in device memory.
struct CudaTensor {
  std::int64_t elements = 0;  // in the layer's layout
  float* w = nullptr;
  float* v = nullptr;    // momentum; null if compiled for inference
  float* g = nullptr;    // gradient; likewise
  float* sum = nullptr;  // of the gradients of a batch's earlier parts; null if compiled for one part
  Bf16* copy = nullptr;  // of w; null if the kernels read w

  // Takes the memory. Called twice (see CudaArena). with_copy: whether the kernels read bf16.
  void place(CudaArena& arena, const LayerOptions& options, bool with_copy) {
    w = arena.take<float>(elements);
    if (options.train) v = arena.take<float>(elements);
    if (options.train) g = arena.take<float>(elements);
    if (options.train && options.gradient_sums > 0) sum = arena.take<float>(elements);
    if (with_copy) copy = arena.take<Bf16>(elements);
  }
};

// What kernels of type T read: the master, or its copy.
template <typename T>
[[nodiscard]] const T* read_weights(const CudaTensor& tensor) {
  if constexpr (kElementOf<T> == Element::f32) {
    return tensor.w;
  } else {
    return tensor.copy;
  }
}

// A layer's weights and bias.
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
  // Convert exactly between the layout of ParameterInfo::shape and the layer's, whose padding is zero.
  virtual void pack_weights(std::span<const float> canonical, std::span<float> packed) const = 0;
  virtual void unpack_weights(std::span<const float> packed, std::span<float> canonical) const = 0;
  // The same for the bias; unless the layer says otherwise, one value per output channel.
  virtual void pack_bias(std::span<const float> canonical, std::span<float> packed) const {
    std::ranges::fill(packed.subspan(canonical.size()), 0.0F);
    std::ranges::copy(canonical, packed.begin());
  }
  virtual void unpack_bias(std::span<const float> packed, std::span<float> canonical) const {
    std::ranges::copy(packed.first(canonical.size()), canonical.begin());
  }
};

// The lines of CudaLayer::describe() for a layer with parameters, whose passes are computed as `how` says.
[[nodiscard]] inline std::vector<std::string> describe_passes(const std::string& how,
                                                              const LayerOptions& options) {
  std::vector<std::string> lines{"forward " + how};
  if (options.train) lines.push_back("backward_weights " + how);
  if (options.train && options.input_gradient) lines.push_back("backward_data " + how);
  return lines;
}

}  // namespace convoy
