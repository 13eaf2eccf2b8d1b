// Weights of other programs, before they are those of a net of convoy.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/memory.h"

namespace convoy {

// How an image's pixels, 0 to 255, become what the file's net expects of channel c, in convoy's order of the
// channels (RGB): (pixel - mean) * scale[c], where the mean is an image of its own. The file's own order of
// the channels may be the reverse (BGR, as in Caffe).
struct ForeignInput {
  bool reversed = false;
  std::vector<double> scale;  // [C]; empty: 1 for each channel
  std::vector<double>
      constant;  // [C], the mean of each channel, if it is the same for all pixels; else empty
};

// One tensor, whose values are read when they are needed, so that no more than one is held twice.
struct ForeignTensor {
  std::string name;  // as the file calls it
  std::vector<std::uint64_t> shape;
  std::function<std::vector<float>()> read;  // row-major; may throw what the file's reader throws
};

struct ForeignWeights {
  std::string place;  // the file's name, for messages
  std::vector<ForeignTensor> tensors;
  // What the file itself says, where it does.
  std::string net;  // a text in the format of convoy-net(5); empty: nothing
  // Makes such a text of what the file says about its layers; throws Error if it cannot. Empty: it has none.
  std::function<std::string()> derive_net;
  std::optional<DatasetInfo> dataset;     // of weights of convoy
  std::vector<float> mean;                // likewise
  std::optional<ColorStatistics> colors;  // likewise
  Metadata metadata;                      // likewise: all that does not belong to the model or the file
  ForeignInput input;
};

// Reads a file, whose kind is known by its content: safetensors of any program, with torchvision's AlexNet
// and convoy's own weights among them, or a .caffemodel. stored: the size of the stored images, if the mean
// tells it. Throws Error, also if it is of another kind.
[[nodiscard]] ForeignWeights read_foreign(const std::string& path, const std::optional<Extent>& stored,
                                          const MemoryLimit& memory);

// Pairs FROM<TAB>TO, one a line: tensors called FROM in the file are TO in the net.
struct Rename {
  std::string from;
  std::string to;
  std::uint64_t line = 0;
};
inline constexpr std::uint64_t kMaxRenameBytes = std::uint64_t{16} << 20;
// Throws TextError for lines of another form, and for a name that occurs twice on the same side.
[[nodiscard]] std::vector<Rename> parse_renames(std::string_view text, std::string_view place);
// Gives the tensors their other names. Throws TextError for one that the file does not have, and for two
// tensors that then have the same name.
void rename_tensors(ForeignWeights& weights, const std::vector<Rename>& renames, std::string_view place);

}  // namespace convoy
