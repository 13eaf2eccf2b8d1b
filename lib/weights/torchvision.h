// torchvision's AlexNet, known by the names of its tensors.
#pragma once

#include "lib/weights/foreign.h"

namespace convoy {

// torchvision.transforms.Normalize for the weights of torchvision, of pixels from 0 to 1: (x - mean) / std,
// for R, G, B.
inline constexpr double kTorchvisionMean[] = {0.485, 0.456, 0.406};    // NOLINT: a plain table
inline constexpr double kTorchvisionStddev[] = {0.229, 0.224, 0.225};  // NOLINT

// If the tensors are exactly those of torchvision.models.alexnet (features.0.weight to classifier.6.bias),
// gives them the names conv1.weight to fc8.bias, and sets the net, with as many classes as the last layer
// has, and the normalisation of the input.
void recognise_torchvision(ForeignWeights& weights);

}  // namespace convoy
