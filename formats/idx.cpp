#include "formats/idx.h"

#include <algorithm>

#include "formats/archive.h"
#include "formats/image_stream.h"
#include "lib/base/checked.h"
#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kDimBytes = 4;
constexpr std::size_t kMaxDims = 8;
constexpr std::uint8_t kUnsignedByte = 0x08;

}  // namespace

IdxArray parse_idx(std::vector<std::uint8_t> bytes, std::string_view place) {
  if (bytes.size() < kMagicBytes || bytes[0] != 0 || bytes[1] != 0) {
    throw FormatError(place, 0, "not an IDX file: it does not begin with two zero bytes");
  }
  if (bytes[2] != kUnsignedByte) {
    throw FormatError(place, 2, "IDX type " + std::to_string(bytes[2]) + " is not 8, unsigned byte");
  }
  const std::size_t dims = bytes[3];
  if (dims == 0 || dims > kMaxDims) {
    throw FormatError(place, 3, std::to_string(dims) + " dimensions are not from 1 to 8");
  }
  const std::size_t header = kMagicBytes + dims * kDimBytes;
  if (bytes.size() < header) throw FormatError(place, bytes.size(), "the file ends in its header");
  IdxArray array;
  std::uint64_t values = 1;
  for (std::size_t at = kMagicBytes; at < header; at += kDimBytes) {
    std::uint32_t dim = 0;
    for (std::size_t i = 0; i < kDimBytes; ++i) dim = dim << 8 | bytes[at + i];
    const auto product = checked_mul(values, dim);
    if (!product || *product > kMaxIdxBytes) throw FormatError(place, at, "dimensions too large");
    values = *product;
    array.dims.push_back(dim);
  }
  if (bytes.size() - header != values) {
    throw FormatError(place, std::min<std::uint64_t>(bytes.size(), header + values),
                      "the header promises " + std::to_string(values) + " values, the file has " +
                          std::to_string(bytes.size() - header));
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  array.values = std::move(bytes);
  return array;
}

IdxArray read_idx(const std::string& path) {
  InputFile file(path);
  FileSource source(file);
  if (detect_content(source.peek(kDetectBytes)) != ContentKind::compressed) {
    return parse_idx(read_all(source, file.name(), kMaxIdxBytes), file.name());
  }
  ArchiveReader reader(source, file.name());
  if (!reader.is_plain()) throw Error(file.name(), "an archive where an IDX file is expected");
  if (!reader.next()) throw Error(file.name(), "nothing inside");
  return parse_idx(read_all(reader.content(), file.name(), kMaxIdxBytes), file.name());
}

Image IdxPair::image(std::uint64_t index) const {
  const std::size_t bytes =
      static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  const auto first = pixels.begin() + static_cast<std::ptrdiff_t>(bytes * index);
  return {width, height, channels, {first, first + static_cast<std::ptrdiff_t>(bytes)}};
}

IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path,
                      const ImageLimits& limits) {
  IdxArray images = read_idx(images_path);
  const std::size_t dims = images.dims.size();
  const std::uint32_t channels = dims == 4 ? images.dims[3] : 1;
  if ((dims != 3 && dims != 4) || (channels != 1 && channels != 3)) {
    throw Error(images_path, "not images: " + std::to_string(dims) +
                                 " dimensions instead of number, height, width and perhaps 1 or 3 channels");
  }
  check_image_size(images.dims[2], images.dims[1], images_path, limits);
  IdxArray labels = read_idx(labels_path);
  if (labels.dims.size() != 1) {
    throw Error(labels_path,
                "not labels: " + std::to_string(labels.dims.size()) + " dimensions instead of 1");
  }
  if (labels.dims[0] != images.dims[0]) {
    throw Error(labels_path, count_of(labels.dims[0], "label") + " for the " +
                                 count_of(images.dims[0], "image") + " of " + images_path);
  }
  return {images.dims[0],
          static_cast<int>(images.dims[1]),
          static_cast<int>(images.dims[2]),
          static_cast<int>(channels),
          std::move(images.values),
          std::move(labels.values)};
}

}  // namespace convoy
