// A net's layers on a GPU, and the memory they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/net/cuda/layers.h"
#include "lib/net/layer_plan.h"

namespace convoy {

using CudaPlannedLayer = PlannedLayer<CudaLayer>;

// Needs no GPU until prepare().
class CudaPlan {
 public:
  // shared_bytes: cuda::DeviceInfo::shared_bytes_per_block. Throws Error if a layer needs more.
  CudaPlan(const NetSpec& net, const CompileOptions& options, std::uint64_t shared_bytes);

  // Takes the memory of all layers and of the activations. Called twice (see CudaArena).
  void place(CudaArena& arena);
  // All memory must be zero once the work enqueued on the stream so far has run.
  void prepare(const cuda::Stream& stream);

  [[nodiscard]] std::vector<CudaPlannedLayer>& layers() { return plan_.layers; }
  [[nodiscard]] const std::vector<CudaPlannedLayer>& layers() const { return plan_.layers; }
  // The parameters of the layer that has parameter `index` of parameters_of(net).
  [[nodiscard]] const CudaParameters& parameters_at(std::size_t index) const {
    return *plan_.layer_of(index).layer->parameters();
  }
  // Whether parameter `index` of parameters_of(net) may learn.
  [[nodiscard]] bool learns(std::size_t index) const { return plan_.layer_of(index).learns; }
  // choose_steps() of the plan.
  [[nodiscard]] std::size_t choose_steps(const std::vector<ParameterInfo>& parameters, const SgdRule& rule) {
    return convoy::choose_steps(plan_, parameters, rule);
  }
  [[nodiscard]] const AugmentShape& augment_shape() const { return augment_; }
  [[nodiscard]] const cuda::SpaceToDepth& cells() const { return cells_; }
  [[nodiscard]] void* input() const { return plan_.layers.front().x; }
  [[nodiscard]] void* scratch() const { return scratch_; }
  [[nodiscard]] bool relu_scores() const { return plan_.relu_scores; }  // a ReLU is before the softmax

 private:
  Element element_;
  LayerPlan<CudaPlannedLayer> plan_;
  AugmentShape augment_;
  cuda::SpaceToDepth cells_;
  void* scratch_ = nullptr;
  std::unique_ptr<cuda::GemmContext> gemm_;
};

}  // namespace convoy
