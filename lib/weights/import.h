// Makes weights of convoy of those that other programs wrote.
#pragma once

#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/base/memory.h"
#include "lib/weights/foreign.h"
#include "lib/weights/mean_source.h"

namespace convoy {

// What the user says about a file of another program; what is empty comes from the file.
struct ImportRules {
  std::string net;        // the text
  std::string net_place;  // where it is from, for messages
  GivenMean mean;
  std::vector<ClassInfo> classes;
  std::string normalize;  // "M,M,M:S,S,S", as parse_normalize() takes it
  std::string channels;   // "rgb" or "bgr"
};

// A net with its parameters, in the order of parameters_of(model.net).
struct ImportedWeights {
  Model model;
  std::vector<std::vector<float>> parameters;
  Metadata metadata;  // of the run, if it was convoy's
};

// Sets what torchvision.transforms.Normalize does to pixels divided by 255, (x - mean) / deviation: one
// number or as many as the net has channels on either side of the colon, deviations above 0. Throws
// UsageError.
void parse_normalize(const std::string& text, ForeignInput& input);

// The parameters of the net, each from the tensor of its name, whose shape must be that of the net or differ
// from it in extents of 1 alone. The first layer gets the input's scale and order of channels: with
// x = (p - mean) * scale, the products w * x are (w * scale) * (p - mean), also where padding is, since that
// is 0 in either. Throws Error that names every tensor that is missing, misshapen or not finite; warns of
// tensors that the net does not have.
[[nodiscard]] ImportedWeights import_weights(ForeignWeights weights, const ImportRules& rules,
                                             Console& console, const MemoryLimit& memory);

}  // namespace convoy
