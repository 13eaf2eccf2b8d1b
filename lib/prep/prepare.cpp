#include "lib/prep/prepare.h"

#include <algorithm>
#include <cmath>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "formats/png.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/prep/color.h"

namespace convoy {
namespace {

// JPEGs are decoded at half, a quarter or an eighth of their size if that leaves at least this many times the
// target size: the details that are lost are then ones that the resampling filter removes anyway.
constexpr int kDecodedPerTarget = 3;

int scaled_decode_denominator(const JpegHeader& header, int size) {
  const int shorter = std::min(header.width, header.height);
  int denominator = 1;
  while (denominator < 8 && shorter / (denominator * 2) >= size * kDecodedPerTarget) denominator *= 2;
  return denominator;
}

Rgb background_of(const Preprocessing& how) {
  return {static_cast<std::uint8_t>(how.background[0]), static_cast<std::uint8_t>(how.background[1]),
          static_cast<std::uint8_t>(how.background[2])};
}

// The crop of the upright image, in the coordinates of the stored image. The two differ if an odd number of
// pixels is cut: one more is then cut on the far side of the upright image.
CropGeometry stored_crop(int width, int height, int size, int orientation) {
  CropGeometry crop = crop_geometry(width, height, size);
  const StoredOrigin origin = stored_origin(orientation);
  if (origin.far_x) crop.left = crop.resized_width - size - crop.left;
  if (origin.far_y) crop.top = crop.resized_height - size - crop.top;
  return crop;
}

}  // namespace

CropGeometry crop_geometry(int width, int height, int size) {
  const double scale = static_cast<double>(size) / std::min(width, height);
  // nearbyint rounds halves to even, as nothing in the process changes the rounding mode.
  const auto resized = [&](int side) {
    return std::max(size, static_cast<int>(std::nearbyint(side * scale)));
  };
  CropGeometry crop{resized(width), resized(height), 0, 0};
  crop.left = (crop.resized_width - size) / 2;
  crop.top = (crop.resized_height - size) / 2;
  return crop;
}

Preparer::Preparer(const Preprocessing& how, const ImageLimits& limits, int fit, const ImageMemory* memory)
    : how_(how), limits_(limits), fit_(how.size == 0 ? fit : 0), memory_(memory) {}

// Pixels become planes of the same size. The result is there as planes, joined, turned, and encoded.
void Preparer::claim(const Decoding& decoding, std::string_view place) {
  constexpr std::uint64_t kColors = 3;
  constexpr std::uint64_t kResults = 3;
  const auto pixels_of = [](int width, int height) {
    return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  };
  const int size = target_size(decoding.width, decoding.height);
  const std::uint64_t pixels = pixels_of(decoding.width, decoding.height);
  const std::uint64_t result = size == 0 ? pixels : pixels_of(size, size);
  std::uint64_t after = decoding.kept + kResults * kColors * result;
  if (size != 0) after += decoding.pixels;
  if (memory_ != nullptr) after += memory_->encoded_per_pixel() * result;
  taken_ = std::max(decoding.bytes, after);
  if (memory_ != nullptr) memory_->check_decoded(taken_, decoding.width, decoding.height, place);
  if (share_ != nullptr) share_->claim(taken_);
}

int Preparer::target_size(int width, int height) {
  fitted_ = fit_ > 0 && (width != fit_ || height != fit_);
  return fitted_ ? fit_ : how_.size;
}

Image Preparer::prepare(std::span<const std::uint8_t> bytes, std::string_view place, MemoryShare* share) {
  share_ = share;
  taken_ = 0;
  std::vector<std::uint8_t> unpacked;
  ContentKind kind = detect_content(bytes);
  if (kind == ContentKind::compressed) {
    unpacked = decompress(bytes, place, kMaxImageFileBytes);
    bytes = unpacked;
    kind = detect_content(bytes);
  }
  switch (kind) {
    case ContentKind::jpeg:
      return prepare_jpeg(bytes, place);
    case ContentKind::png: {
      PngExtra extra;
      const auto on_memory = [&](const PngMemory& png) {
        claim({.width = png.width,
               .height = png.height,
               .bytes = png.decoding,
               .kept = png.result,
               .pixels = png.result},
              place);
      };
      const Image image = decode_png(bytes, place, limits_, background_of(how_), &extra, on_memory);
      return prepare_pixels(image, orientation(extra.orientation));
    }
    case ContentKind::empty:
      throw Error(place, "empty file");
    case ContentKind::tar:
      throw Error(place, "a tar archive where an image is expected");
    case ContentKind::idx:
    case ContentKind::compressed:
    case ContentKind::shard:
    case ContentKind::unknown:
      break;
  }
  const std::string wrong = wrong_content(bytes, Expected::image);
  throw Error(place, wrong.empty() ? "neither JPEG nor PNG" : wrong);
}

Image Preparer::prepare(const Image& image, std::string_view place, MemoryShare* share) {
  share_ = share;
  claim({.width = image.width, .height = image.height, .pixels = image.pixels.size()}, place);
  return prepare_pixels(image, 1);
}

Image Preparer::prepare_jpeg(std::span<const std::uint8_t> bytes, std::string_view place) {
  const JpegHeader header = jpeg_.open(bytes, place, limits_);
  const int turned = orientation(header.orientation);
  const int size = target_size(header.width, header.height);
  if (size == 0 || !header.planar) {
    const std::uint64_t channels = header.gray ? 1 : 3;
    const std::uint64_t decoded =
        channels * static_cast<std::uint64_t>(header.width) * static_cast<std::uint64_t>(header.height);
    const std::uint64_t decoding = header.coefficient_bytes + decoded;
    claim({.width = header.width,
           .height = header.height,
           .bytes = decoding,
           .kept = decoding,
           .pixels = decoded},
          place);
    jpeg_.read_pixels(pixels_);
    return prepare_pixels(pixels_, turned);
  }
  const int denominator = scaled_decode_denominator(header, size);
  const std::uint64_t decoding = header.coefficient_bytes + jpeg_.plane_bytes(denominator);
  claim({.width = header.width, .height = header.height, .bytes = decoding, .kept = decoding}, place);
  jpeg_.read_planes(denominator, planes_);
  return resize_and_crop(planes_, size, turned);
}

Image Preparer::prepare_pixels(const Image& image, int orientation) {
  const int size = target_size(image.width, image.height);
  if (size == 0) return oriented(with_channels(image, how_.gray ? 1 : 3), orientation);
  split_planes(image, planes_);
  return resize_and_crop(planes_, size, orientation);
}

Image Preparer::resize_and_crop(const PlanarImage& image, int size, int orientation) {
  const CropGeometry crop = stored_crop(image.width, image.height, size, orientation);
  // Pixels of the stored image for one pixel of the resized image.
  const double x_step = static_cast<double>(image.width) / crop.resized_width;
  const double y_step = static_cast<double>(image.height) / crop.resized_height;
  const bool one =
      image.color == PlanarImage::Color::gray || (how_.gray && image.color == PlanarImage::Color::ycbcr);
  for (std::size_t c = 0; c < (one ? 1U : 3U); ++c) {
    const auto& component = image.components.at(c);
    const double x_samples = x_step * component.x_scale;
    const double y_samples = y_step * component.y_scale;
    const ResizeGeometry geometry{
        crop.left * x_samples, crop.top * y_samples, size * x_samples, size * y_samples, size, size};
    resizer_.resize(component.plane, geometry, small_.at(c));
  }
  return oriented(join_planes(small_, image.color, how_.gray ? 1 : 3), orientation);
}

}  // namespace convoy
