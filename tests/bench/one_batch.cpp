// one_batch NET SHARD fp32|bf16 BATCH STEPS: trains on the first images of a shard again and again, loaded
// once. This is the reference for training from shards. Prints images per second, the median over all steps
// but the first two.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/processors.h"
#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "lib/net/init.h"
#include "lib/runs/loader.h"

namespace convoy {
namespace {

constexpr std::size_t kWarmUp = 2;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double images_per_second(const std::string& net_file, const std::string& shard, Element precision, int batch,
                         std::size_t steps) {
  const NetSpec spec = parse_net(read_text_file(net_file, kMaxNetBytes), net_file);
  const Dataset data({shard}, [](const Damage& damage) { throw Error(damage.where(), damage.reason); });
  const TrainingStream stream{.input = spec.input, .records = data.size(), .batch = batch};
  Batch images;
  load_batch(data, training_samples(stream, 0)(), default_threads(), images);
  const auto net = compile_cpu(spec, {.batch = batch, .mode = Mode::train, .precision = precision});
  initialize_parameters(*net, 1);
  const SgdRule rule{.learning_rate = 1e-9};
  std::vector<double> seconds;
  for (std::size_t step = 0; step < kWarmUp + steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    (void)net->train_step(view_of(images), rule);
    if (step < kWarmUp) continue;
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return batch / median(seconds);
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: one_batch NET SHARD fp32|bf16 BATCH STEPS\n", stderr);
    return 2;
  }
  try {
    const auto precision = std::string(argv[3]) == "bf16" ? convoy::Element::bf16 : convoy::Element::f32;
    std::printf("%.1f\n", convoy::images_per_second(argv[1], argv[2], precision, std::stoi(argv[4]),
                                                    std::stoul(argv[5])));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "one_batch: %s\n", error.what());
    return 1;
  }
  return 0;
}
