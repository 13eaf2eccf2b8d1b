// Writes weights of convoy for other programs.
#pragma once

#include <string>

#include "formats/safetensors.h"
#include "lib/weights/import.h"

namespace convoy {

// Writes a file that eval and predict read, and commits it.
void export_weights(ImportedWeights weights, const std::string& output);

// Writes the same tensors and metadata with parameters of the type F32, F16 or BF16, each rounded once, to
// the nearest; the mean stays F32. Throws Error naming a tensor with a value that is too large for the type.
void export_safetensors(const ImportedWeights& weights, DType type, const std::string& output);

}  // namespace convoy
