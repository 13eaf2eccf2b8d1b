// Decoded images, and the limits within which they are decoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "formats/dataset_info.h"

namespace convoy {

// Limit on the pixels of an image. The largest of ILSVRC2012 has 61 million; a 40-byte header can
// claim billions.
inline constexpr std::uint64_t kMaxImagePixels = std::uint64_t{1} << 27;
// Limit on one encoded image.
inline constexpr std::uint64_t kMaxImageFileBytes = std::uint64_t{1} << 28;

// Limits of a decoder, checked against the header before anything is allocated.
struct ImageLimits {
  int max_side = kMaxImageSide;
  std::uint64_t max_pixels = kMaxImagePixels;
};

// Throws Error(place, ...) if width x height is empty or beyond the limits.
void check_image_size(std::uint64_t width, std::uint64_t height, std::string_view place,
                      const ImageLimits& limits);

// Interleaved 8-bit pixels, height x width x channels (HWC), rows without padding; channels is 1 (gray) or
// 3 (RGB).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;
};

// One component of an image: `height` rows of `width` samples, each row aligned to 64 bytes. Memory is reused
// from image to image.
class Plane {
 public:
  static constexpr std::size_t kAlignment = 64;

  // Sets the size; samples are then undefined. Rows and columns past width x height, up to allocated_width x
  // allocated_height, may be written too (decoders work in whole blocks).
  void resize(int width, int height, int allocated_width, int allocated_height);
  void resize(int width, int height) { resize(width, height, width, height); }
  // What resize() takes for it.
  [[nodiscard]] static std::uint64_t allocated_bytes(int allocated_width, int allocated_height);

  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }
  [[nodiscard]] std::size_t stride() const { return stride_; }  // bytes from row to row
  [[nodiscard]] std::uint8_t* row(int y) { return data_.get() + stride_ * static_cast<std::size_t>(y); }
  [[nodiscard]] const std::uint8_t* row(int y) const {
    return data_.get() + stride_ * static_cast<std::size_t>(y);
  }

 private:
  [[nodiscard]] static std::size_t stride_of(int allocated_width);
  struct Free {
    void operator()(std::uint8_t* bytes) const { ::operator delete[](bytes, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<std::uint8_t[], Free> data_;  // NOLINT: an aligned array
  std::size_t capacity_ = 0;
  std::size_t stride_ = 0;
  int width_ = 0;
  int height_ = 0;
};

// An image as separate components, which may have fewer samples than the image has pixels. Sample 0 of a
// component begins at the image's left (top) edge: pixel coordinate x is sample coordinate x * x_scale, both
// measured from the edge.
struct PlanarImage {
  enum class Color { gray, ycbcr, rgb };  // ycbcr: JFIF's, full range
  struct Component {
    Plane plane;
    double x_scale = 1.0;  // samples per pixel, at most 1
    double y_scale = 1.0;
  };
  int width = 0;  // pixels of the image
  int height = 0;
  Color color = Color::gray;
  std::array<Component, 3> components;  // gray: only the first
};

}  // namespace convoy
