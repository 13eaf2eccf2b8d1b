// Which classes are taken for which.
#pragma once

#include <string>
#include <vector>

#include "lib/pictures/results.h"
#include "lib/pictures/sketch.h"

namespace convoy {

// The class that was taken for another most often, as a share of its images.
struct ConfusedPair {
  std::uint32_t truth = 0;
  std::uint32_t predicted = 0;
  std::uint64_t count = 0;
  double share = 0;  // of the images of the class
};
// At most `most` of them, the greatest share first; among equals the greater count first, then the order
// of the classes.
[[nodiscard]] std::vector<ConfusedPair> most_confused(const ConfusionTable& table, std::size_t most);

// Each row of the matrix is a class, shaded by the roots of the shares of its images. names: of the classes,
// as many as the table has. Where there are more classes than pixels, a cell is several neighbouring classes.
[[nodiscard]] Drawing draw_confusion(const ConfusionTable& table, const std::vector<std::string>& names,
                                     const Page& page, const Fonts& fonts);

}  // namespace convoy
