// From an encoded image to the pixels that are stored or shown to a net: the paper's preprocessing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "formats/dataset_info.h"
#include "formats/image.h"
#include "formats/jpeg.h"
#include "lib/prep/image_memory.h"
#include "lib/prep/resize.h"

namespace convoy {

// The geometry of resizing an image of width x height so that its shorter side becomes `size`, and of
// cropping the central square. The longer side is rounded to whole pixels (halves to even, as in Python and
// Pillow), then the crop is placed at whole pixels.
struct CropGeometry {
  int resized_width = 0;
  int resized_height = 0;
  int left = 0;  // of the size x size crop in the resized image
  int top = 0;
};
[[nodiscard]] CropGeometry crop_geometry(int width, int height, int size);

// Decodes, resizes, crops and converts images, all with the same settings. Keeps decoders, buffers and
// filters from one image to the next; use from one thread at a time. The result depends only on the image and
// the settings.
class Preparer {
 public:
  // fit: if sizes are not changed (how.size is 0), an image that is not fit x fit pixels is resized and
  // cropped as with how.size = fit; 0: images keep their sizes.
  // memory: what one image may take; it must outlive this. None: any amount.
  explicit Preparer(const Preprocessing& how, const ImageLimits& limits = {}, int fit = 0,
                    const ImageMemory* memory = nullptr);

  // bytes: a JPEG or PNG file, recognized by content, perhaps compressed. The result has how.size x how.size
  // pixels (the image's own size if how.size is 0), and 1 channel if how.gray is set, else 3. Throws
  // Error(place, reason). share: claims what the image will take once its header is known.
  [[nodiscard]] Image prepare(std::span<const std::uint8_t> bytes, std::string_view place,
                              MemoryShare* share = nullptr);
  // The same for decoded pixels (1 or 3 channels).
  [[nodiscard]] Image prepare(const Image& image, std::string_view place = {}, MemoryShare* share = nullptr);
  // What the last image took at most; memory of about that size is kept for the next one.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  // Whether the last image was resized to fit.
  [[nodiscard]] bool fitted() const { return fitted_; }

 private:
  [[nodiscard]] Image prepare_jpeg(std::span<const std::uint8_t> bytes, std::string_view place);
  // What decoding takes.
  struct Decoding {
    int width = 0;
    int height = 0;
    std::uint64_t bytes = 0;   // at most
    std::uint64_t kept = 0;    // of them, until the image is ready
    std::uint64_t pixels = 0;  // bytes of interleaved pixels, which become planes
  };
  // Claims that, and what comes after it.
  void claim(const Decoding& decoding, std::string_view place);
  [[nodiscard]] Image prepare_pixels(const Image& image, int orientation);
  [[nodiscard]] Image resize_and_crop(const PlanarImage& image, int size, int orientation);
  // The size to resize an image of these sides to; 0 if it keeps them.
  [[nodiscard]] int target_size(int width, int height);
  [[nodiscard]] int orientation(int stored) const { return how_.exif ? stored : 1; }

  Preprocessing how_;
  ImageLimits limits_;
  int fit_;
  const ImageMemory* memory_;
  MemoryShare* share_ = nullptr;  // of the image in work
  std::uint64_t taken_ = 0;
  bool fitted_ = false;
  JpegDecoder jpeg_;
  PlaneResizer resizer_;
  Image pixels_;                // decoded, interleaved
  PlanarImage planes_;          // decoded, planar
  std::array<Plane, 3> small_;  // resized and cropped
};

}  // namespace convoy
