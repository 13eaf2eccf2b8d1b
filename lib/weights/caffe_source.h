// Weights of Caffe: a .caffemodel, and the net that its layers are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/caffemodel.h"
#include "formats/net.h"
#include "lib/base/file.h"
#include "lib/weights/foreign.h"

namespace convoy {

// The tensors of a .caffemodel that lies in `file`: NAME.weight and NAME.bias of each convolution and
// product, where NAME is that of the layer with '_' in place of what the name of a layer of convoy cannot
// have; of any other layer NAME.0, NAME.1 and so on. A layer without biases gets zeros. The order of the
// channels is BGR, as Caffe's tools have it, and pixels are scaled and their channels' means subtracted as
// the file says. stored: of the images, if it is known; else they are as large as the net's input.
[[nodiscard]] ForeignWeights from_caffemodel(const std::shared_ptr<MappedFile>& file,
                                             const std::optional<Extent>& stored);

// The net's layers as a text in the format of convoy-net(5). Throws Error naming the layer that convoy has
// none for, and if the layers are not one chain, or do not say the size of their input.
[[nodiscard]] std::string caffe_net_text(const CaffeModel& model, const std::optional<Extent>& stored,
                                         const std::string& place);

// The name of a layer of Caffe as one of convoy.
[[nodiscard]] std::string caffe_layer_name(const std::string& name);

}  // namespace convoy
