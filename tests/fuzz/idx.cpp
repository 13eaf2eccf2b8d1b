// IDX: the same images and labels from memory, in pieces, with the size of the file known or not, and
// compressed.
#include "formats/idx.h"

#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/pieces.h"
#include "tests/support/archives.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kMostImages = 1000;

struct Read {
  std::vector<Image> images;
  std::vector<std::int32_t> labels;
  std::string error;
  bool operator==(const Read&) const = default;
};

Read read(ByteSource& source, std::uint64_t file_bytes) {
  Read result;
  const auto done = outcome([&] {
    IdxReader reader(source, "x", file_bytes);
    if (is_idx_labels(reader.header())) {
      result.labels = read_idx_labels(reader).values;
      return true;
    }
    IdxImages images(std::move(reader), kSmall);
    while (auto image = images.next()) {
      result.images.push_back(std::move(*image));
      if (result.images.size() == kMostImages) break;
    }
    return true;
  });
  result.error = done.refusal;
  return result;
}

void fuzz(Input input) {
  MemorySource whole(input);
  const Read first = read(whole, 0);
  Pieces pieces(input);
  require(read(pieces, 0) == first, "in pieces it differs");
  if (!is_idx(input)) return;
  MemorySource known(input);
  const Read sized = read(known, input.size());
  require(sized.error.empty() == first.error.empty() || first.images.size() == kMostImages,
          "the verdict depends on whether the size is known: '" + sized.error + "', '" + first.error + "'");
  if (sized.error.empty()) require(sized == first, "the content depends on whether the size is known");
  const Bytes packed = test::pack(bytes_of(input), test::Packing::gzip);
  Pieces compressed(packed);
  const Read unpacked = read(compressed, packed.size());
  require(unpacked.images == first.images && unpacked.labels == first.labels &&
              unpacked.error.empty() == first.error.empty(),
          "compressed it differs: '" + unpacked.error + "', '" + first.error + "'");
}

std::vector<Bytes> seeds() {
  const auto idx = [](std::uint8_t type, const std::vector<std::uint32_t>& dims, std::size_t bytes) {
    Bytes file = {0, 0, type, static_cast<std::uint8_t>(dims.size())};
    for (const std::uint32_t dim : dims) {
      file.resize(file.size() + 4);
      put_big_endian(file, file.size() - 4, dim);
    }
    for (std::size_t i = 0; i < bytes; ++i) file.push_back(static_cast<std::uint8_t>(i % 3));
    return file;
  };
  const Bytes images = idx(0x08, {2, 3, 4}, 24);
  Bytes wide = idx(0x0C, {2, 2, 2}, 0);
  for (std::size_t i = 0; i < 8; ++i) {
    wide.resize(wide.size() + 4);
    put_big_endian(wide, wide.size() - 4, static_cast<std::uint32_t>(i * 30));
  }
  return {images,
          wide,
          idx(0x08, {5}, 5),
          idx(0x09, {2, 2, 2, 3}, 24),
          idx(0x08, {1, 3, 2, 2}, 12),
          idx(0x08, {3, 8}, 24),
          idx(0x0B, {2, 1, 1}, 4),
          test::pack(images, test::Packing::gzip)};
}

const AddReader kReader({.name = "idx", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
