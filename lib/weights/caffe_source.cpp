#include "lib/weights/caffe_source.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace convoy {
namespace {

// A matrix [rows, columns] as [columns, rows].
std::vector<float> transposed(const std::vector<float>& values, std::size_t rows, std::size_t columns) {
  std::vector<float> turned(values.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) turned[c * rows + r] = values[r * columns + c];
  }
  return turned;
}

bool is_product(const CaffeLayer& layer) { return layer.type == "InnerProduct"; }

// Adds the weights and the biases of a convolution or a product.
void add_learned(const CaffeLayer& layer, const std::string& name, const std::shared_ptr<MappedFile>& file,
                 ForeignWeights& weights) {
  const CaffeBlob& kernel = layer.blobs.front();
  std::vector<std::uint64_t> shape = kernel.shape;
  const bool turn = is_product(layer) && layer.transposed && shape.size() == 2;
  if (turn) std::swap(shape[0], shape[1]);
  // The file must stay mapped while its values may be read.
  weights.tensors.push_back({name + ".weight", shape, [file, kernel, turn] {
                               std::vector<float> values = kernel.values();
                               return turn ? transposed(values, kernel.shape[0], kernel.shape[1]) : values;
                             }});
  if (layer.blobs.size() > 1) {
    const CaffeBlob& bias = layer.blobs[1];
    weights.tensors.push_back({name + ".bias", bias.shape, [file, bias] { return bias.values(); }});
  } else {
    const std::uint64_t outputs = layer.outputs;
    weights.tensors.push_back({name + ".bias", {outputs}, [outputs] { return std::vector<float>(outputs); }});
  }
}

// What the layers that read images do to pixels. Those of training come first in a file and are the same.
void take_input(const CaffeModel& model, ForeignInput& input) {
  input.reversed = true;
  for (const CaffeLayer& layer : model.layers) {
    if (layer.scale != 1.0F && input.scale.empty()) input.scale = {static_cast<double>(layer.scale)};
    if (!layer.mean_values.empty() && input.constant.empty()) {
      input.constant.assign(layer.mean_values.rbegin(), layer.mean_values.rend());
    }
  }
}

}  // namespace

std::string caffe_layer_name(const std::string& name) {
  std::string own = name;
  for (char& c : own) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '-') c = '_';
  }
  if (own.empty() || !((own[0] >= 'a' && own[0] <= 'z') || (own[0] >= 'A' && own[0] <= 'Z')))
    own.insert(0, "_");
  if (own.size() > kMaxLayerName) own.resize(kMaxLayerName);
  return own;
}

ForeignWeights from_caffemodel(const std::shared_ptr<MappedFile>& file, const std::optional<Extent>& stored) {
  ForeignWeights weights;
  weights.place = file->name();
  const CaffeModel model = read_caffemodel(file->bytes(), file->name());
  for (const CaffeLayer& layer : model.layers) {
    if (layer.blobs.empty()) continue;
    const std::string name = caffe_layer_name(layer.name);
    if (layer.type == "Convolution" || is_product(layer)) {
      add_learned(layer, name, file, weights);
      continue;
    }
    for (std::size_t i = 0; i < layer.blobs.size(); ++i) {
      const CaffeBlob& blob = layer.blobs[i];
      weights.tensors.push_back(
          {name + "." + std::to_string(i), blob.shape, [file, blob] { return blob.values(); }});
    }
  }
  if (weights.tensors.empty()) throw Error(weights.place, "no layer of it has parameters");
  take_input(model, weights.input);
  weights.derive_net = [model, stored, place = weights.place] {
    return caffe_net_text(model, stored, place);
  };
  return weights;
}

}  // namespace convoy
