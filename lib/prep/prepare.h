// From an encoded image to the pixels that are stored or shown to a net: the paper's preprocessing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "formats/dataset_info.h"
#include "formats/image.h"
#include "formats/jpeg.h"
#include "lib/prep/resize.h"

namespace convoy {

// An image of width x height whose shorter side becomes `size`, and the central square of it: first the
// longer side is rounded to whole pixels (halves to the even number, as Python and Pillow users have it),
// then the crop is placed at whole pixels.
struct CropGeometry {
  int resized_width = 0;
  int resized_height = 0;
  int left = 0;  // of the size x size crop in the resized image
  int top = 0;
};
[[nodiscard]] CropGeometry crop_geometry(int width, int height, int size);

// Decodes, resizes, crops and converts images, all alike. Keeps decoders, buffers and filters from one image
// to the next; use from one thread at a time. The result depends on nothing but the image and the settings.
class Preparer {
 public:
  explicit Preparer(const Preprocessing& how, const ImageLimits& limits = {});

  // A JPEG or PNG file, told apart by content, gzipped too. The result has how.size x how.size pixels (the
  // image's own size where how.size is 0) and 1 channel where how.gray is set, else 3. Throws Error(place,
  // reason).
  [[nodiscard]] Image prepare(std::span<const std::uint8_t> bytes, std::string_view place);
  // The same for decoded pixels (1 or 3 channels).
  [[nodiscard]] Image prepare(const Image& image);

 private:
  [[nodiscard]] Image prepare_jpeg(std::span<const std::uint8_t> bytes, std::string_view place);
  [[nodiscard]] Image prepare_pixels(const Image& image, int orientation);
  [[nodiscard]] Image resize_and_crop(const PlanarImage& image, int orientation);
  [[nodiscard]] int orientation(int stored) const { return how_.exif ? stored : 1; }

  Preprocessing how_;
  ImageLimits limits_;
  JpegDecoder jpeg_;
  PlaneResizer resizer_;
  Image pixels_;                // decoded, interleaved
  PlanarImage planes_;          // decoded, planar
  std::array<Plane, 3> small_;  // resized and cropped
};

}  // namespace convoy
