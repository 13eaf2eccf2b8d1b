#include "lib/net/cuda/plan.h"

#include <algorithm>

#include "kernels/cuda/batch.h"
#include "lib/net/activation_plan.h"

namespace convoy {

CudaPlan::CudaPlan(const NetSpec& net, const CompileOptions& options, std::uint64_t shared_bytes)
    : element_(options.precision) {
  const Extent& crop = net.input.crop;
  plan_ = plan_layers<CudaPlannedLayer>(
      net, options.learning,
      {.in = {options.batch, crop.channels, crop.height, crop.width, cuda::padded_channels(crop.channels)},
       .train = options.mode == Mode::train,
       .gradient_sums = options.parts > 1 ? 1 : 0,
       .element = element_,
       .seed = options.seed},
      [&](const LayerSpec& layer, const LayerOptions& one) {
        return make_cuda_layer(layer, one, shared_bytes);
      },
      [&](const LayerSpec& lrn, const LayerSpec& pool, const LayerOptions& one) {
        return make_cuda_lrn_pool(lrn, pool, one, shared_bytes);
      });
  const CudaLayer& first = *plan_.layers.front().layer;
  augment_ = {net.input.stored.height, net.input.stored.width, first.facts().in};
  cells_ = first.cells().value_or(cuda::SpaceToDepth{1, 0, 0, crop.height, crop.width});
}

void CudaPlan::place(CudaArena& arena) {
  for (CudaPlannedLayer& p : plan_.layers) p.layer->place(arena);
  scratch_ = arena.take<std::byte>(static_cast<std::int64_t>(scratch_bytes_of(plan_.layers)));
  const ActivationPlan plan = plan_activations_of(plan_.layers, element_);
  std::vector<void*> places;
  for (const std::uint64_t bytes : plan.buffers) {
    places.push_back(arena.take<std::byte>(static_cast<std::int64_t>(bytes)));
  }
  bind_activations(plan, places, plan_.layers);
}

void CudaPlan::prepare(const cuda::Stream& stream) {
  const bool products =
      std::ranges::any_of(plan_.layers, [](const CudaPlannedLayer& p) { return p.layer->needs_gemm(); });
  if (products) gemm_ = std::make_unique<cuda::GemmContext>();
  for (CudaPlannedLayer& p : plan_.layers) p.layer->prepare(gemm_.get(), stream);
}

}  // namespace convoy
