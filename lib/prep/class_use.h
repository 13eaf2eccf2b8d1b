// Which classes of a table have images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/dataset_info.h"

namespace convoy {

// Counts the images of each class.
class ClassUse {
 public:
  explicit ClassUse(std::size_t classes) : images_(classes) {}
  // Counts an image. kNoLabel is none of a class.
  void add(std::int32_t label);
  // One sentence that names the classes without images, the first few of many; empty if all have some, or if
  // no image has a class. numbered: labels were given as numbers. If class 0 has no images, they then seem to
  // begin at 1.
  [[nodiscard]] std::string note(const std::vector<ClassInfo>& classes, bool numbered) const;

 private:
  std::vector<std::uint64_t> images_;
};

}  // namespace convoy
