// A net of convoy as an ONNX file.
#pragma once

#include <string>

#include "lib/weights/import.h"

namespace convoy {

// Writes the net with its weights, and with what predict does before and behind it: the graph's input,
// "images", is [N, C, H, W] of floats, stored images with values 0 to 255 in the order RGB; it cuts the crop
// from their middle, subtracts the mean, and ends with "probabilities", [N, classes]. Every layer becomes
// operators of the opset 13, at most a few. The metadata hold the net (convoy.net) and the class table
// (convoy.dataset). Throws Error naming a layer that ONNX has no operators for. The weights are used up.
void export_onnx(ImportedWeights weights, const std::string& output);

}  // namespace convoy
