// A batch on its way to a GPU: page-locked host memory, device memory, and the results that come back.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/augment.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/device.h"
#include "kernels/lars.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "lib/net/compiled_net.h"
#include "lib/net/cuda/arena.h"

namespace convoy {

// What goes with the images, in one block with the same layout on the host and on the device.
struct CudaBatchInfo {
  cuda::BatchHeader* header = nullptr;
  Crop* crops = nullptr;
  std::int32_t* labels = nullptr;
  std::uint64_t* records = nullptr;
  std::uint32_t* epochs = nullptr;
  SgdCoefficients* coefficients = nullptr;  // one per parameter; with LARS computed on the device
  LarsRule* lars = nullptr;                 // likewise, with LARS
};
struct CudaBatchSize {
  int images = 0;
  int classes = 0;
  std::int64_t image_bytes = 0;
  std::size_t parameters = 0;
};

class CudaBatch {
 public:
  explicit CudaBatch(const CudaBatchSize& size) : size_(size) {}

  // Takes device memory. Called twice (see CudaArena).
  void place(CudaArena& arena);
  // Takes host memory.
  void prepare();
  // On the host, one per parameter. Set them before send(), which sends them too.
  [[nodiscard]] std::span<SgdCoefficients> coefficients() { return {host_.coefficients, size_.parameters}; }
  [[nodiscard]] std::span<LarsRule> lars() { return {host_.lars, size_.parameters}; }
  // Copies the batch into page-locked memory on `threads` threads, and enqueues its copies to the device part
  // by part. Earlier work enqueued for this batch must have finished. `batch` has been checked, and may be
  // changed as soon as this returns.
  void send(const cuda::Stream& stream, const BatchView& batch, int threads);
  // Enqueue the copies of losses and of probabilities to the host.
  void receive_losses(const cuda::Stream& stream);
  void receive_probabilities(const cuda::Stream& stream);

  // These are in device memory.
  [[nodiscard]] const CudaBatchInfo& info() const { return device_; }
  [[nodiscard]] const std::uint8_t* images() const { return device_images_; }
  [[nodiscard]] cuda::ImageLoss* losses() const { return device_losses_; }
  [[nodiscard]] float* probabilities() const { return device_probabilities_; }

  // Of the last batch sent, after its results have arrived. Sums are in the order of the images.
  [[nodiscard]] BatchResult result() const;
  [[nodiscard]] const float* host_probabilities() const { return host_probabilities_.as<float>(); }

 private:
  [[nodiscard]] CudaBatchInfo take_info(CudaArena& arena) const;
  [[nodiscard]] std::uint64_t info_bytes() const;

  CudaBatchSize size_;
  cuda::HostBuffer host_info_memory_;
  cuda::HostBuffer host_images_;
  cuda::HostBuffer host_losses_;
  cuda::HostBuffer host_probabilities_;
  CudaBatchInfo host_;
  CudaBatchInfo device_;
  std::byte* device_info_memory_ = nullptr;
  std::uint8_t* device_images_ = nullptr;
  cuda::ImageLoss* device_losses_ = nullptr;
  float* device_probabilities_ = nullptr;
  int sent_ = 0;
};

}  // namespace convoy
