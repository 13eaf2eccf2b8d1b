// A net as a table of its layers, with bars for what each costs.
#pragma once

#include <string>

#include "formats/net.h"
#include "lib/pictures/sketch.h"

namespace convoy {

// The layer's line as the table shows it: "conv 11x11, stride 4".
[[nodiscard]] std::string layer_text(const LayerSpec& layer);

// name: of the net, for the title.
[[nodiscard]] Drawing draw_net(const NetSpec& net, const std::string& name, const Page& page,
                               const Fonts& fonts);

}  // namespace convoy
