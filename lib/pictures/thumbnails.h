// The images that a table of results names, small.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "formats/image.h"
#include "lib/base/console.h"
#include "lib/base/memory.h"

namespace convoy {

// An image as it is drawn, or why it is not.
struct Thumbnail {
  Image image;          // 3 channels; no larger than the square that is wanted
  std::string truth;    // ID of the class that its shard says; empty: none
  std::string failure;  // empty: the image is there
};

struct ThumbnailRules {
  // Operands as predict takes them; empty: each name is that of a file.
  std::vector<std::string> sources = {};
  int side = 0;  // pixels of the square that it is drawn in
  MemoryLimit memory = {};
};

// Images by their names; several of one name are in the order in which they were found.
using Thumbnails = std::map<std::string, std::vector<Thumbnail>>;

// Finds `wanted`[name] images of each name. Those that are not found have a failure that says so. Photographs
// are rescaled and cropped to the central square; images of less than half the side are not changed, so that
// they can be enlarged pixel by pixel. Throws Error if a source cannot be read.
[[nodiscard]] Thumbnails find_thumbnails(const std::map<std::string, std::uint64_t>& wanted,
                                         const ThumbnailRules& rules);

// The largest whole number of times that the image fits into the square.
[[nodiscard]] int zoom_for(const Image& image, int side);

}  // namespace convoy
