// Colour noise along the principal components of the colours (Krizhevsky et al. 2012, section 4.1): each use
// of an image adds sum_i p_i * alpha_i * lambda_i to all of its pixels, alpha_i ~ N(0, sigma).
#pragma once

#include <cstdint>

#include "formats/color_statistics.h"
#include "kernels/augment.h"

namespace convoy {

// What lambda_i is.
enum class ColorNoiseScale {
  // The standard deviation along p_i, and the pixels, centred and with the noise, are then divided by
  // 1 + sigma, so that they vary about as much as those of validation. So does the source that produced the
  // paper's results (convdata_jpeg.py of AlexNet-Source-Code, published by the Computer History Museum in
  // 2025).
  deviations,
  // The eigenvalue for p_i, as the paper says, of pixels from 0 to 1: of pixels from 0 to 255, in which the
  // shift is added, that is the squared deviation divided by 255.
  eigenvalues,
};

struct ColorNoise {
  double sigma = 0.0;  // 0: none
  ColorNoiseScale scale = ColorNoiseScale::deviations;
};

// Sets shift and scale of the crop, which has none, for a use of a record. If sigma is 0, leaves it as it is.
// The draws do not depend on sigma.
void add_color_noise(const ColorNoise& noise, const ColorStatistics& colors, std::uint64_t seed,
                     std::uint32_t epoch, std::uint64_t record, Crop& crop);

}  // namespace convoy
