// What a kind of picture is asked for on the command line, and how it reads its options.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/console.h"
#include "lib/base/memory.h"
#include "lib/base/options.h"
#include "lib/pictures/drawing.h"
#include "lib/pictures/fonts.h"
#include "lib/pictures/sketch.h"
#include "lib/shards/rejects.h"

namespace convoy {

// What a picture is drawn of.
struct PictureRequest {
  const Options& options;
  std::vector<std::string> inputs;  // operands after the kind; "-" if there are none
  Page page;
  const Fonts& fonts;
  MemoryLimit memory;
  Console& console;
  Rejects& rejects;
};

// The value of an option that counts filters or images, at least 1; 0 if it is not given.
[[nodiscard]] std::uint64_t count_option(const Options& options, const std::string& name);

// The kinds that are drawn of what eval and predict write.
[[nodiscard]] Drawing picture_of_predictions(const PictureRequest& request);
[[nodiscard]] Drawing picture_of_neighbours(const PictureRequest& request);
[[nodiscard]] Drawing picture_of_confusion(const PictureRequest& request);

}  // namespace convoy
