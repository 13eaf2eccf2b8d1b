#include "lib/prep/class_use.h"

#include "lib/base/count.h"

namespace convoy {
namespace {

constexpr std::size_t kNamed = 5;

}  // namespace

void ClassUse::add(std::int32_t label) {
  if (label != kNoLabel) ++images_.at(static_cast<std::size_t>(label));
}

std::string ClassUse::note(const std::vector<ClassInfo>& classes, bool numbered) const {
  std::size_t unused = 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    if (images_[i] > 0) continue;
    ++unused;
    if (unused <= kNamed) names.push_back(classes[i].id);
  }
  if (unused == 0 || unused == images_.size()) return {};
  std::string text = count_of(unused, "class") + " of " + std::to_string(images_.size()) +
                     (unused == 1 ? " has" : " have") + " no images: " + first_of(names, unused);
  if (numbered && images_[0] == 0 && images_.size() > 1 && images_[1] > 0) {
    text += " (labels count from 0; these seem to begin at 1)";
  }
  return text;
}

}  // namespace convoy
