// PNG: what is decoded, encoded and decoded again is the same, and a file that is cut is refused or gives the
// same.
#include "formats/png.h"

#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/png_repair.h"

namespace convoy::fuzz {
namespace {

constexpr Rgb kBackground = {250, 128, 3};

void fuzz(Input input) {
  PngExtra extra;
  const auto decode = [&](Input bytes) { return decode_png(bytes, "x", kSmall, kBackground, &extra); };
  const auto image = outcome([&] { return decode(input); });
  require(outcome([&] { return decode(input); }) == image, "the second time differs");
  if (!image.value) return;
  require(extra.orientation >= 1 && extra.orientation <= 8, "no orientation");
  require(decode(encode_png(*image.value)) == *image.value, "an image that is encoded and decoded differs");
  const auto cut = outcome([&] { return decode(input.first(pick(input, 0, input.size()))); });
  require(!cut.value || *cut.value == *image.value, "a file that is cut gives other pixels");
  Bytes longer = bytes_of(input);
  longer.insert(longer.end(), 9, 0xA5);
  require(outcome([&] { return decode(longer); }) == image, "bytes behind the image change it");
}

const AddReader kReader(
    {.name = "png", .fuzz = fuzz, .seeds = small_pngs, .repair = repair_png, .longest = 4096});

}  // namespace
}  // namespace convoy::fuzz
