#include "lib/net/cuda/batch.h"

#include <algorithm>
#include <cstring>

namespace convoy {
namespace {

// Images are gathered and sent in parts of about this size, so that copying to the device starts early.
constexpr std::int64_t kPartBytes = std::int64_t{8} << 20;

template <typename T>
void copy_values(std::span<const T> from, T* to) {
  std::copy(from.begin(), from.end(), to);
}

}  // namespace

void CudaBatch::prepare() {
  const auto images = static_cast<std::uint64_t>(size_.images);
  host_info_memory_ = cuda::HostBuffer(info_bytes());
  host_images_ = cuda::HostBuffer(images * static_cast<std::uint64_t>(size_.image_bytes));
  host_losses_ = cuda::HostBuffer(images * sizeof(cuda::ImageLoss));
  host_probabilities_ = cuda::HostBuffer(images * static_cast<std::uint64_t>(size_.classes) * sizeof(float));
  std::memset(host_info_memory_.as<std::byte>(), 0, host_info_memory_.bytes());
  CudaArena arena(host_info_memory_.as<std::byte>());
  host_ = take_info(arena);
}

CudaBatchInfo CudaBatch::take_info(CudaArena& arena) const {
  CudaBatchInfo info;
  info.header = arena.take<cuda::BatchHeader>(1);
  info.crops = arena.take<Crop>(size_.images);
  info.labels = arena.take<std::int32_t>(size_.images);
  info.records = arena.take<std::uint64_t>(size_.images);
  info.epochs = arena.take<std::uint32_t>(size_.images);
  info.coefficients = arena.take<SgdCoefficients>(static_cast<std::int64_t>(size_.parameters));
  info.lars = arena.take<LarsRule>(static_cast<std::int64_t>(size_.parameters));
  return info;
}

std::uint64_t CudaBatch::info_bytes() const {
  CudaArena arena;
  (void)take_info(arena);
  return arena.bytes();
}

void CudaBatch::place(CudaArena& arena) {
  device_info_memory_ = arena.take<std::byte>(static_cast<std::int64_t>(info_bytes()));
  CudaArena info(device_info_memory_);
  device_ = take_info(info);
  device_images_ = arena.take<std::uint8_t>(size_.images * size_.image_bytes);
  device_losses_ = arena.take<cuda::ImageLoss>(size_.images);
  device_probabilities_ = arena.take<float>(std::int64_t{size_.images} * size_.classes);
}

void CudaBatch::send(const cuda::Stream& stream, const BatchView& batch, int threads) {
  const auto images = static_cast<std::int64_t>(batch.images.size());
  sent_ = static_cast<int>(images);
  host_.header->images = sent_;
  host_.header->divisor = batch.part.whole > 0 ? batch.part.whole : sent_;
  copy_values(batch.crops, host_.crops);
  copy_values(batch.labels, host_.labels);
  copy_values(batch.records, host_.records);
  copy_values(batch.epochs, host_.epochs);
  cuda::copy_to_device(stream, device_info_memory_, host_info_memory_.as<std::byte>(),
                       host_info_memory_.bytes());
  auto* const to = host_images_.as<std::uint8_t>();
  const std::int64_t part = std::max<std::int64_t>(kPartBytes / size_.image_bytes, 1);
  for (std::int64_t first = 0; first < images; first += part) {
    const std::int64_t end = std::min(first + part, images);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t n = first; n < end; ++n) {
      std::memcpy(to + n * size_.image_bytes, batch.images[static_cast<std::size_t>(n)],
                  static_cast<std::size_t>(size_.image_bytes));
    }
    cuda::copy_to_device(stream, device_images_ + first * size_.image_bytes, to + first * size_.image_bytes,
                         static_cast<std::uint64_t>((end - first) * size_.image_bytes));
  }
}

void CudaBatch::receive_losses(const cuda::Stream& stream) {
  cuda::copy_to_host(stream, host_losses_.as<std::byte>(), device_losses_, host_losses_.bytes());
}
void CudaBatch::receive_probabilities(const cuda::Stream& stream) {
  cuda::copy_to_host(stream, host_probabilities_.as<std::byte>(), device_probabilities_,
                     host_probabilities_.bytes());
}

BatchResult CudaBatch::result() const {
  BatchResult result;
  const auto* const losses = host_losses_.as<cuda::ImageLoss>();
  for (int n = 0; n < sent_; ++n) result.add(losses[n].loss, losses[n].rank);
  return result;
}

}  // namespace convoy
