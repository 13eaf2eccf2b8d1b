#include "lib/net/init.h"

#include <algorithm>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/philox.h"

namespace convoy {

void draw_parameter(const ParameterInfo& info, std::size_t index, std::uint64_t seed,
                    std::span<float> values) {
  if (info.init == 0.0) {
    std::fill(values.begin(), values.end(), static_cast<float>(info.constant));
    return;
  }
  // A stream counts its words in 32 bits.
  if (values.size() > std::uint64_t{1} << 32) throw Error(info.name, "too many elements to draw");
  const PhiloxStream stream{.seed = seed, .epoch = 0, .record = index, .purpose = Purpose::init, .layer = 0};
  const auto count = static_cast<std::int64_t>(values.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t block = 0; block < (count + 3) / 4; ++block) {
    const PhiloxBlock words = stream.block(static_cast<std::uint32_t>(block));
    const NormalPair low = normal_pair(words[0], words[1]);
    const NormalPair high = normal_pair(words[2], words[3]);
    const double draws[] = {low.first, low.second, high.first, high.second};
    const std::int64_t here = std::min<std::int64_t>(4, count - block * 4);
    for (std::int64_t i = 0; i < here; ++i) {
      values[static_cast<std::size_t>(block * 4 + i)] = static_cast<float>(info.init * draws[i]);
    }
  }
}

void initialize_parameters(CompiledNet& net, std::uint64_t seed) {
  const std::vector<ParameterInfo> parameters = parameters_of(net.net());
  std::vector<float> values;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    values.resize(parameters[i].elements());
    draw_parameter(parameters[i], i, seed, values);
    net.set_parameter(i, values);
  }
}

}  // namespace convoy
