// The views of an image that a net is shown at test time.
#pragma once

#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"

namespace convoy {

inline constexpr int kTenViews = 10;

// A crop, and how many of the views it is.
struct View {
  Crop crop;
  int count = 1;
  bool operator==(const View& other) const;
};

// views = 1: the centre crop. views = 10 (Krizhevsky et al. 2012, section 4.1): the crops at the four corners
// of the stored image and at its centre, then the reflections of these five left to right. Views that are the
// same crop are one element with their number: if the crop is as large as the stored image, the ten views are
// the image and its reflection, five times each.
[[nodiscard]] std::vector<View> test_views(const InputSpec& input, int views);

}  // namespace convoy
