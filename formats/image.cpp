#include "formats/image.h"

#include <string>

#include "lib/base/error.h"

namespace convoy {

void check_image_size(std::uint64_t width, std::uint64_t height, std::string_view place,
                      const ImageLimits& limits) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height) + " pixels";
  if (width == 0 || height == 0) throw Error(place, "empty image: " + size);
  const auto side = static_cast<std::uint64_t>(limits.max_side);
  if (width > side || height > side) {
    throw Error(place, size + ": a side is longer than the limit of " + std::to_string(limits.max_side));
  }
  if (width > limits.max_pixels / height) {
    throw Error(place, size + ": more than the limit of " + std::to_string(limits.max_pixels));
  }
}

std::size_t Plane::stride_of(int allocated_width) {
  return (static_cast<std::size_t>(allocated_width) + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t Plane::allocated_bytes(int allocated_width, int allocated_height) {
  return stride_of(allocated_width) * static_cast<std::uint64_t>(allocated_height);
}

void Plane::resize(int width, int height, int allocated_width, int allocated_height) {
  const std::size_t stride = stride_of(allocated_width);
  const std::size_t bytes = allocated_bytes(allocated_width, allocated_height);
  if (bytes > capacity_) {
    capacity_ = 0;
    data_.reset();
    data_.reset(static_cast<std::uint8_t*>(::operator new[](bytes, std::align_val_t{kAlignment})));
    capacity_ = bytes;
  }
  stride_ = stride;
  width_ = width;
  height_ = height;
}

}  // namespace convoy
