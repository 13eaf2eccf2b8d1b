// Weights, checkpoints and means: parse(write(x)) is x.
#include "formats/weights.h"

#include "formats/color_statistics.h"
#include "lib/base/json.h"
#include "lib/runs/checkpoint.h"
#include "lib/shards/mean.h"
#include "tests/fuzz/common/safetensors_repair.h"
#include "tests/support/fake_net.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

std::vector<std::vector<float>> copied(const std::vector<std::span<const float>>& tensors) {
  std::vector<std::vector<float>> values;
  values.reserve(tensors.size());
  for (const std::span<const float> tensor : tensors) values.emplace_back(tensor.begin(), tensor.end());
  return values;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

void check_checkpoint(const WeightsFile& file, const WeightsFile& again) {
  const auto checkpoint = outcome([&] { return read_checkpoint(file).state; });
  require(checkpoint.value == outcome([&] { return read_checkpoint(again).state; }).value,
          "the state of a run differs once it is written and read");
  if (!checkpoint.value) return;
  require(resume_differences(read_checkpoint(file).options, read_checkpoint(again).options).empty(),
          "the options of a run differ once they are written and read");
}

void check_weights(const std::string& path) {
  const WeightsFile file(path);
  const auto momenta = outcome([&] { return copied(file.momenta()); });
  std::vector<std::vector<float>> parameters;
  for (std::size_t i = 0; i < file.parameters().size(); ++i) {
    parameters.emplace_back(file.parameter(i).begin(), file.parameter(i).end());
  }
  Metadata metadata;
  for (const char* const key : {kMetaOptions, kMetaSeed, kMetaCheckpoint}) {
    if (const auto value = file.metadata(key)) metadata[key] = *value;
  }
  const std::string copy = scratch("weights");
  write_weights(copy, {.model = file.model(),
                       .parameters = parameters,
                       .momenta = momenta.value.value_or(std::vector<std::vector<float>>()),
                       .metadata = metadata});
  const WeightsFile again(copy);
  require(again.model().net.text == file.model().net.text, "the net differs");
  require(again.model().dataset == file.model().dataset, "what is known of the data set differs");
  require(same_bits(again.model().mean, file.model().mean), "the mean differs");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    require(same_bits(again.parameter(i), parameters[i]), "a parameter differs");
  }
  check_checkpoint(file, again);
}

void check_mean(const std::string& path) {
  const MeanFile file = read_mean_file(path);
  const std::string copy = scratch("mean");
  OutputFile out(copy, OutputFile::Content::binary);
  write_mean_file(out, file);
  out.commit();
  const MeanFile again = read_mean_file(copy);
  require(again.sums == file.sums && again.preprocessing == file.preprocessing,
          "a mean that is written and read differs");
}

void check_colors(const std::string& path) {
  const ColorStatistics colors = read_color_statistics(SafetensorsFile(path, Expected::mean));
  const std::string copy = scratch("colors");
  OutputFile out(copy, OutputFile::Content::binary);
  write_safetensors(out, color_tensors(colors), {});
  out.commit();
  require(read_color_statistics(SafetensorsFile(copy, Expected::mean)) == colors,
          "statistics of colours that are written and read differ");
}

void fuzz(Input input) {
  const std::string path = file_with(input);
  if (outcome([&] { return WeightsFile(path).parameters().size(); }).value) check_weights(path);
  if (outcome([&] { return read_mean_file(path).sums; }).value) check_mean(path);
  const auto colors = [&] { return read_color_statistics(SafetensorsFile(path, Expected::mean)); };
  if (outcome(colors).value) check_colors(path);
}

std::vector<Bytes> seeds() {
  test::FakeNet net(8);
  Model model{
      .net = net.net(), .dataset = test::small_info(5, 5, 1, 3), .mean = std::vector<float>(25, 0.5F)};
  TrainingOptions options;
  options.set("steps", "7");
  const TrainingState state{
      .step = 3, .records = 9, .fingerprint = 77, .logged = {.images = 2, .loss_sum = 0.3}};
  std::vector<Bytes> all;
  save_weights(scratch("seed"), model, options, net);
  all.push_back(test::bytes_of_file(scratch("seed")));
  save_checkpoint(scratch("seed"), model, options, state, net);
  all.push_back(test::bytes_of_file(scratch("seed")));
  ImageSummer summer(3, 2, 3);
  const std::vector<std::uint8_t> pixels = {0, 1, 2, 255, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 200};
  const std::vector<std::span<const std::uint8_t>> images = {pixels, pixels};
  summer.add(images);
  OutputFile out(scratch("seed"), OutputFile::Content::binary);
  write_mean_file(out, {.sums = summer.sums(), .preprocessing = {}});
  out.commit();
  all.push_back(test::bytes_of_file(scratch("seed")));
  return all;
}

const AddReader kReader(
    {.name = "weights", .fuzz = fuzz, .seeds = seeds, .repair = repair_safetensors, .longest = 8192});

}  // namespace
}  // namespace convoy::fuzz
