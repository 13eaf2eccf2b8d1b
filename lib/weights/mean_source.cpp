#include "lib/weights/mean_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>

#include "formats/caffemodel.h"
#include "formats/tensor_values.h"
#include "lib/base/content.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/shards/mean.h"

namespace convoy {
namespace {

std::size_t pixels_of(const Extent& extent) {
  return static_cast<std::size_t>(extent.height) * static_cast<std::size_t>(extent.width);
}

// Sets the extent from a shape of C, H, W, or of C alone, or with ones in front. Throws Error if it is no
// image.
void set_extent(std::vector<std::uint64_t> shape, GivenMean& mean) {
  while (shape.size() > 3 && shape.front() == 1) shape.erase(shape.begin());
  if (shape.size() == 1) shape.resize(3, 1);
  const auto side = [](std::uint64_t extent) {
    return extent >= 1 && extent <= static_cast<std::uint64_t>(kMaxImageSide);
  };
  if (shape.size() != 3 || !std::ranges::all_of(shape, side)) {
    throw Error(mean.place, "a mean of " + shape_text(shape) + ", expected channels, height, width");
  }
  mean.extent = {static_cast<int>(shape[1]), static_cast<int>(shape[2]), static_cast<int>(shape[0])};
}

void read_safetensors(SafetensorsFile file, const MemoryLimit& memory, GivenMean& mean) {
  refuse_weights(file);
  const TensorView& tensor = file.get(kMeanTensor);
  require_counted_memory(sizeof(float) * tensor.elements(), memory, mean.place, "values of the mean");
  set_extent(tensor.shape, mean);
  mean.values = float_values(tensor, mean.place);
}

// Of another size by linear interpolation. from: [H, W]. Places outside count as the nearest inside.
void resize_plane(std::span<const float> from, const Extent& size, std::span<float> into,
                  const Extent& wanted) {
  struct Tap {
    std::size_t low = 0;
    std::size_t high = 0;
    double part = 0.0;  // of the higher one
  };
  const auto taps = [](int there, int here) {
    std::vector<Tap> all;
    for (int i = 0; i < here; ++i) {
      const double at = std::clamp((i + 0.5) * there / here - 0.5, 0.0, static_cast<double>(there - 1));
      const double low = std::floor(at);
      const auto index = static_cast<std::size_t>(low);
      all.push_back({index, std::min(index + 1, static_cast<std::size_t>(there - 1)), at - low});
    }
    return all;
  };
  const std::vector<Tap> rows = taps(size.height, wanted.height);
  const std::vector<Tap> columns = taps(size.width, wanted.width);
  const auto width = static_cast<std::size_t>(size.width);
  std::size_t at = 0;
  for (const Tap& row : rows) {
    for (const Tap& column : columns) {
      const auto along = [&](std::size_t y) {
        const double low = from[y * width + column.low];
        return low + column.part * (static_cast<double>(from[y * width + column.high]) - low);
      };
      const double low = along(row.low);
      into[at++] = static_cast<float>(low + row.part * (along(row.high) - low));
    }
  }
}

// The given mean as one of `stored`.
std::vector<float> fitted(const GivenMean& given, const std::string& channels, const Extent& stored) {
  const bool one_pixel = given.extent.height == 1 && given.extent.width == 1;
  const bool resizes = given.extent != stored && (given.caffe || one_pixel);
  if (given.extent.channels != stored.channels || (given.extent != stored && !resizes)) {
    throw Error(given.place,
                "a mean of " + text_of(given.extent) + " for stored images of " + text_of(stored));
  }
  const std::size_t from = pixels_of(given.extent);
  const std::size_t to = pixels_of(stored);
  const auto count = static_cast<std::size_t>(stored.channels);
  const bool reversed = given.caffe && channels != "rgb";
  std::vector<float> mean(count * to);
  for (std::size_t c = 0; c < count; ++c) {
    const std::size_t there = reversed ? count - 1 - c : c;
    const auto plane = std::span(given.values).subspan(there * from, from);
    const auto into = std::span(mean).subspan(c * to, to);
    if (resizes) {
      resize_plane(plane, given.extent, into, stored);
    } else {
      std::ranges::copy(plane, into.begin());
    }
  }
  return mean;
}

}  // namespace

GivenMean read_given_mean(const std::string& path, const MemoryLimit& memory) {
  GivenMean mean;
  if (path.empty()) return mean;
  mean.place = display_name(path);
  if (path == "none") return mean;
  MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  const auto content = content_of(as_u8(bytes));
  if (is_safetensors(bytes) || (content && content->is != Expected::caffe_mean)) {
    read_safetensors(SafetensorsFile(std::move(file), Expected::mean, memory), memory, mean);
  } else {
    const CaffeBlob blob = read_caffe_blob(bytes, mean.place);
    require_counted_memory(sizeof(float) * blob.elements, memory, mean.place, "values of the mean");
    set_extent(blob.shape, mean);
    mean.values = blob.values();
    mean.caffe = true;
  }
  if (!all_finite(mean.values)) throw Error(mean.place, "a mean that is not finite");
  return mean;
}

std::vector<float> mean_of(const ForeignWeights& weights, const GivenMean& given, const std::string& channels,
                           const InputSpec& input) {
  const Extent& stored = input.stored;
  const auto elements = static_cast<std::size_t>(stored.elements());
  if (!given.place.empty()) {
    return given.values.empty() ? std::vector<float>(elements) : fitted(given, channels, stored);
  }
  std::vector<float> mean;
  if (!weights.input.constant.empty()) {
    for (const double value : weights.input.constant) {
      mean.insert(mean.end(), pixels_of(stored), static_cast<float>(value));
    }
  } else if (!weights.mean.empty()) {
    mean = weights.mean;
  } else {
    throw Error(weights.place,
                "it does not say what is subtracted from pixels: give --mean=FILE, --mean=none, "
                "or --normalize=MEANS:DEVIATIONS");
  }
  if (mean.size() != elements) {
    throw Error(weights.place, "a mean of " + std::to_string(mean.size()) + " values for stored images of " +
                                   text_of(stored));
  }
  if (!all_finite(mean)) throw Error(weights.place, "a mean that is not finite");
  return mean;
}

}  // namespace convoy
