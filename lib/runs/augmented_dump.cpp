#include "lib/runs/augmented_dump.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "formats/png.h"
#include "lib/base/count.h"
#include "lib/base/output_batch.h"
#include "lib/base/parallel.h"
#include "lib/base/signals.h"
#include "lib/base/stop_wait.h"
#include "lib/base/text.h"
#include "lib/runs/loader.h"
#include "lib/runs/sampling.h"
#include "lib/runs/trainer.h"
#include "lib/shards/extract_names.h"

namespace convoy {
namespace {

constexpr const char* kOption = "--dump-augmented";
constexpr std::string_view kDigits = "0123456789";

int digits_of(std::uint64_t largest) { return static_cast<int>(std::to_string(largest).size()); }

// The number with zeros before it, so that names sort as numbers do.
std::string padded(std::uint64_t number, int digits) {
  return format("%0*llu", digits, static_cast<unsigned long long>(number));
}

struct Picture {
  std::string path;
  Image image;
  std::vector<std::uint8_t> bytes;
};

// Makes pictures of the images of a run.
class Pictures {
 public:
  Pictures(const RunInputs& inputs, std::string folder, std::uint64_t last_step)
      : inputs_(inputs),
        folder_(std::move(folder)),
        step_digits_(digits_of(last_step)),
        place_digits_(digits_of(static_cast<std::uint64_t>(inputs.options.batch) - 1)),
        record_digits_(digits_of(inputs.training.size() - 1)) {}

  // Bytes that a picture takes until it is written.
  [[nodiscard]] std::uint64_t need() const {
    constexpr std::uint64_t kPerValue = sizeof(float) + 1 + 2;  // as computed, as an image, and encoded
    return kPerValue * static_cast<std::uint64_t>(input().crop.elements());
  }
  // Of the images [begin, end) of the batch of a step.
  [[nodiscard]] std::vector<Picture> of(const Batch& batch, std::uint64_t step, std::size_t begin,
                                        std::size_t end) const {
    const Extent& crop = input().crop;
    const int count = static_cast<int>(end - begin);
    const AugmentShape shape{.stored_height = input().stored.height,
                             .stored_width = input().stored.width,
                             .out = {count, crop.channels, crop.height, crop.width, 1}};
    std::vector<float> seen(static_cast<std::size_t>(shape.out.elements()));
    cpu::augment(shape, std::span(batch.images).subspan(begin, end - begin),
                 std::span(batch.crops).subspan(begin, end - begin), inputs_.model.mean.data(), seen.data());
    std::vector<Picture> pictures;
    for (std::size_t i = begin; i < end; ++i) {
      const auto elements = static_cast<std::size_t>(shape.out.image_elements());
      pictures.push_back(
          {.path = path(batch, step, i),
           .image = picture_of(std::span(seen).subspan((i - begin) * elements, elements), batch.crops[i]),
           .bytes = {}});
    }
    return pictures;
  }

 private:
  [[nodiscard]] const InputSpec& input() const { return inputs_.model.net.input; }

  [[nodiscard]] std::string path(const Batch& batch, std::uint64_t step, std::size_t i) const {
    const auto label = static_cast<std::size_t>(batch.labels[i]);
    return folder_ + "/step" + padded(step, step_digits_) + "-" + padded(i, place_digits_) + "-record" +
           padded(batch.records[i], record_digits_) + "-label" + std::to_string(label) + "-" +
           safe_file_name(inputs_.model.dataset.classes.at(label).id) + ".png";
  }

  // seen: [C, H, W] of the crop, without the mean.
  [[nodiscard]] Image picture_of(std::span<const float> seen, const Crop& place) const {
    const Extent& crop = input().crop;
    const Extent& stored = input().stored;
    Image image{crop.width, crop.height, crop.channels, std::vector<std::uint8_t>(seen.size())};
    std::size_t at = 0;
    for (int c = 0; c < crop.channels; ++c) {
      for (int h = 0; h < crop.height; ++h) {
        const std::int64_t row =
            (std::int64_t{c} * stored.height + place.top + h) * stored.width + place.left;
        for (int w = 0; w < crop.width; ++w, ++at) {
          const int column = place.mirror ? crop.width - 1 - w : w;
          const float value = seen[at] + inputs_.model.mean[static_cast<std::size_t>(row + column)];
          const std::int64_t pixel = (std::int64_t{h} * crop.width + w) * crop.channels + c;
          image.pixels[static_cast<std::size_t>(pixel)] =
              static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0F, 255.0F)));
        }
      }
    }
    return image;
  }

  const RunInputs& inputs_;
  std::string folder_;
  int step_digits_;
  int place_digits_;
  int record_digits_;
};

}  // namespace

DumpRequest DumpRequest::parse(std::string_view text) {
  DumpRequest request{.folder = std::string(text)};
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos &&
      text.find_first_not_of(kDigits, colon + 1) == std::string_view::npos) {
    request.folder = text.substr(0, colon);
    request.images =
        static_cast<std::uint64_t>(parse_integer(text.substr(colon + 1), kOption, 1, kMaxDumpedImages));
  }
  if (request.folder.empty()) throw UsageError(kOption, "names no folder");
  return request;
}

bool is_dumped_name(std::string_view name) {
  const auto skip = [&](std::string_view word) {
    if (!name.starts_with(word)) return false;
    name.remove_prefix(word.size());
    const std::size_t digits = std::min(name.find_first_not_of(kDigits), name.size());
    name.remove_prefix(digits);
    return digits > 0;
  };
  return skip("step") && skip("-") && skip("-record") && skip("-label") && name.starts_with("-") &&
         name.ends_with(".png");
}

std::unique_ptr<AugmentedDump> AugmentedDump::asked_for(const Options& options, Beginning beginning) {
  if (!options.given("dump-augmented")) return nullptr;
  const bool replaces = beginning == Beginning::overwriting || beginning == Beginning::resumed_if_fits;
  return std::make_unique<AugmentedDump>(DumpRequest::parse(options.text("dump-augmented")), replaces);
}

AugmentedDump::AugmentedDump(const DumpRequest& request, bool replaces)
    : images_(request.images),
      folder_(request.folder, replaces ? OutputFolder::Replaceable(is_dumped_name) : nullptr) {}

void AugmentedDump::write(const RunInputs& inputs, std::uint64_t first_step, const MemoryLimit& memory,
                          Rejects& rejects, Console& console) {
  const auto batch_size = static_cast<std::uint64_t>(inputs.options.batch);
  const Pictures pictures(inputs, folder_.path(), first_step + (images_ + batch_size - 1) / batch_size);
  const int threads = threads_that_fit(inputs.options.threads, 0, pictures.need(), memory, folder_.path(),
                                       "the images that are dumped");
  folder_.clear();
  folder_.add_folder(folder_.path());
  OutputBatch files;
  const SampleSource source = training_samples(stream_of(inputs), first_step);
  Batch batch;
  std::uint64_t written = 0;
  std::uint64_t step = first_step;
  for (std::uint64_t left = images_; left > 0;) {
    std::vector<Sample> samples = source();
    samples.resize(std::min<std::uint64_t>(left, samples.size()));
    left -= samples.size();
    load_batch(inputs.training, samples, inputs.options.threads, batch);
    for (const Damage& damage : batch.damaged) rejects.add(damage);
    ++step;
    for (std::size_t begin = 0; begin < batch.size();) {
      if (const int signal = SignalWatch::stop_signal(); signal != 0) throw Stopped(signal);
      const std::size_t end = std::min(batch.size(), begin + static_cast<std::size_t>(threads));
      std::vector<Picture> part = pictures.of(batch, step, begin, end);
      std::size_t next = 0;
      ordered_parallel_map(
          threads,
          [&]() -> std::optional<Picture> {
            if (next == part.size()) return std::nullopt;
            return std::move(part[next++]);
          },
          [](Picture&& picture) {
            picture.bytes = encode_png(picture.image);
            return std::move(picture);
          },
          [&](Picture&& picture) {
            folder_.add_file(picture.path);
            files.add(picture.path, std::as_bytes(std::span(picture.bytes)));
            ++written;
          });
      begin = end;
    }
  }
  for (const std::string& one : folder_.folders()) files.add_folder(one);
  files.commit();
  folder_.keep();
  console.note(folder_.path() + ": " + count_of(written, "image") + " as the net sees them");
}

}  // namespace convoy
