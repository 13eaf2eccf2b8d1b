#include "lib/runs/views.h"

#include <algorithm>

#include "lib/runs/sampling.h"

namespace convoy {
namespace {

bool same_crop(const Crop& a, const Crop& b) {
  return a.top == b.top && a.left == b.left && a.mirror == b.mirror;
}

}  // namespace

bool View::operator==(const View& other) const { return count == other.count && same_crop(crop, other.crop); }

std::vector<View> test_views(const InputSpec& input, int views) {
  const Crop center = center_crop(input);
  if (views == 1) return {{.crop = center}};
  const std::int32_t bottom = input.stored.height - input.crop.height;
  const std::int32_t right = input.stored.width - input.crop.width;
  std::vector<View> result;
  for (const bool mirror : {false, true}) {
    for (const auto& [top, left] :
         {std::pair{0, 0}, {0, right}, {bottom, 0}, {bottom, right}, {center.top, center.left}}) {
      Crop crop = center;
      crop.top = top;
      crop.left = left;
      crop.mirror = mirror;
      const auto before =
          std::ranges::find_if(result, [&](const View& view) { return same_crop(view.crop, crop); });
      if (before == result.end()) {
        result.push_back({.crop = crop});
      } else {
        ++before->count;
      }
    }
  }
  return result;
}

}  // namespace convoy
