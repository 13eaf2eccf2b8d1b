#include "lib/prep/color.h"

#include <algorithm>
#include <utility>

namespace convoy {
namespace {

constexpr int kFixedBits = 16;
constexpr int kHalf = 1 << (kFixedBits - 1);
// JFIF 1.02, in fixed point.
constexpr int kRedOfCr = 91881;     // 1.402
constexpr int kGreenOfCb = -22554;  // -0.344136
constexpr int kGreenOfCr = -46802;  // -0.714136
constexpr int kBlueOfCb = 116130;   // 1.772

std::uint8_t clamp8(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

void ycbcr_row(const std::uint8_t* luma_row, const std::uint8_t* cb_row, const std::uint8_t* cr_row,
               int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x) {
    const int y = luma_row[x];
    const int cb = cb_row[x] - 128;
    const int cr = cr_row[x] - 128;
    rgb[3 * x] = clamp8(y + ((kRedOfCr * cr + kHalf) >> kFixedBits));
    rgb[3 * x + 1] = clamp8(y + ((kGreenOfCb * cb + kGreenOfCr * cr + kHalf) >> kFixedBits));
    rgb[3 * x + 2] = clamp8(y + ((kBlueOfCb * cb + kHalf) >> kFixedBits));
  }
}

std::size_t index(int value) { return static_cast<std::size_t>(value); }

}  // namespace

void split_planes(const Image& image, PlanarImage& into) {
  into.width = image.width;
  into.height = image.height;
  into.color = image.channels == 1 ? PlanarImage::Color::gray : PlanarImage::Color::rgb;
  const int channels = image.channels;
  for (int c = 0; c < channels; ++c) {
    auto& component = into.components.at(index(c));
    component.x_scale = 1.0;
    component.y_scale = 1.0;
    component.plane.resize(image.width, image.height);
    const std::uint8_t* from = image.pixels.data() + c;
    for (int y = 0; y < image.height; ++y) {
      std::uint8_t* to = component.plane.row(y);
      for (int x = 0; x < image.width; ++x, from += channels) to[x] = *from;
    }
  }
}

Image join_planes(const std::array<Plane, 3>& planes, PlanarImage::Color color, int channels) {
  const int width = planes[0].width();
  const int height = planes[0].height();
  Image image{width, height, channels, {}};
  const std::size_t stride = index(width) * index(channels);
  image.pixels.resize(stride * index(height));
  const bool luma_alone = channels == 1 && color != PlanarImage::Color::rgb;
  for (int y = 0; y < height; ++y) {
    std::uint8_t* to = image.pixels.data() + stride * index(y);
    const std::uint8_t* first = planes[0].row(y);
    if (luma_alone) {
      std::copy_n(first, width, to);
    } else if (color == PlanarImage::Color::gray) {
      for (int x = 0; x < width; ++x) to[3 * x] = to[3 * x + 1] = to[3 * x + 2] = first[x];
    } else if (color == PlanarImage::Color::ycbcr) {
      ycbcr_row(first, planes[1].row(y), planes[2].row(y), width, to);
    } else {
      const std::uint8_t* green = planes[1].row(y);
      const std::uint8_t* blue = planes[2].row(y);
      for (int x = 0; x < width; ++x) {
        if (channels == 1) {
          to[x] = luma(first[x], green[x], blue[x]);
        } else {
          to[3 * x] = first[x];
          to[3 * x + 1] = green[x];
          to[3 * x + 2] = blue[x];
        }
      }
    }
  }
  return image;
}

Image with_channels(const Image& image, int channels) {
  if (image.channels == channels) return image;
  Image result{image.width, image.height, channels, {}};
  const std::size_t pixels = index(image.width) * index(image.height);
  result.pixels.resize(pixels * index(channels));
  const std::uint8_t* from = image.pixels.data();
  std::uint8_t* to = result.pixels.data();
  for (std::size_t i = 0; i < pixels; ++i, from += image.channels, to += channels) {
    if (channels == 1) {
      *to = luma(from[0], from[1], from[2]);
    } else {
      to[0] = to[1] = to[2] = *from;
    }
  }
  return result;
}

StoredOrigin stored_origin(int orientation) {
  // EXIF 2.3: 2 mirrored, 3 rotated by 180 degrees, 4 flipped vertically, 5 transposed, 6 to be rotated
  // clockwise, 7 transposed along the other diagonal, 8 to be rotated counterclockwise.
  return {.far_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
          .far_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7};
}

Image oriented(Image image, int orientation) {
  if (orientation <= 1) return image;
  const bool transpose = orientation >= 5;
  Image seen = image;
  if (transpose) std::swap(seen.width, seen.height);
  const auto [far_x, far_y] = stored_origin(orientation);
  const std::size_t channels = index(image.channels);
  std::uint8_t* to = seen.pixels.data();
  for (int y = 0; y < seen.height; ++y) {
    for (int x = 0; x < seen.width; ++x, to += channels) {
      const int along_x = transpose ? y : x;
      const int along_y = transpose ? x : y;
      const int stored_x = far_x ? image.width - 1 - along_x : along_x;
      const int stored_y = far_y ? image.height - 1 - along_y : along_y;
      std::copy_n(image.pixels.data() + (index(stored_y) * index(image.width) + index(stored_x)) * channels,
                  channels, to);
    }
  }
  return seen;
}

}  // namespace convoy
