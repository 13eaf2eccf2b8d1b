// From a file to prepared pixels: twice and afresh, behind other images, compressed, on one thread and on
// four, the result depends on nothing but the image and the settings.
#include "lib/prep/prepare.h"

#include "formats/image_stream.h"
#include "lib/base/parallel.h"
#include "lib/prep/pool.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/png_repair.h"
#include "tests/support/archives.h"

namespace convoy::fuzz {
namespace {

const std::vector<Bytes>& others() {
  static const std::vector<Bytes> images = small_jpegs();
  return images;
}

Preprocessing settings_of(Input input) {
  constexpr std::array kSizes = {0, 8, 16, 33};
  return {.size = kSizes.at(pick(input, 0, kSizes.size())),
          .gray = pick(input, 1, 2) != 0,
          .exif = pick(input, 2, 2) != 0,
          .background = {9, 200, 40}};
}

std::vector<std::string> prepared_on(int threads, Input input, const Preprocessing& how) {
  ImageMemory memory(MemoryLimit{.bytes = std::uint64_t{1} << 28}, 0, 0, threads);
  PreparerPool pool(how, kSmall, memory);
  std::size_t number = 0;
  std::vector<std::string> results;
  ordered_parallel_map(
      threads,
      [&]() -> std::optional<ImageInput> {
        if (number == 8) return std::nullopt;
        ImageInput next;
        next.place = std::to_string(number);
        next.bytes = number % 2 == 0 ? bytes_of(input) : others()[pick(input, number, others().size())];
        ++number;
        admit(next, memory);
        return next;
      },
      [&](ImageInput&& image) {
        const auto pixels = outcome([&] { return pool.prepare(image).pixels; });
        return pixels.value ? std::string(text_of(*pixels.value)) : pixels.refusal;
      },
      [&](std::string&& result) { results.push_back(std::move(result)); });
  return results;
}

void fuzz(Input input) {
  const Preprocessing how = settings_of(input);
  Preparer fresh(how, kSmall);
  const auto alone = outcome([&] { return fresh.prepare(input, "x"); });
  require(outcome([&] { return fresh.prepare(input, "x"); }) == alone, "the second time differs");
  Preparer used(how, kSmall);
  static_cast<void>(outcome([&] { return used.prepare(others()[pick(input, 3, others().size())], "y"); }));
  require(outcome([&] { return used.prepare(input, "x"); }) == alone, "behind another image it differs");
  if (alone.value) {
    require(alone.value->channels == (how.gray ? 1 : 3), "the result has other channels");
    require(how.size == 0 || (alone.value->width == how.size && alone.value->height == how.size),
            "the result has another size");
    if (detect_content(input) != ContentKind::compressed) {
      const Bytes packed = test::pack(bytes_of(input), test::Packing::gzip);
      require(outcome([&] { return used.prepare(packed, "x"); }) == alone, "compressed it differs");
    }
  }
  // Threads cost as much as a hundred images: one input in sixteen.
  if (pick(input, 4, 16) != 0) return;
  require(prepared_on(1, input, how) == prepared_on(4, input, how), "on four threads it differs");
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all = small_jpegs();
  for (Bytes& png : small_pngs()) all.push_back(std::move(png));
  all.push_back(test::pack(all[0], test::Packing::gzip));
  return all;
}

const AddReader kReader(
    {.name = "prepare", .fuzz = fuzz, .seeds = seeds, .repair = repair_png, .longest = 4096});

}  // namespace
}  // namespace convoy::fuzz
