#include "tests/bench/gpu/random_shard.h"

#include <cstdint>
#include <random>
#include <vector>

#include "formats/shard.h"

namespace convoy::bench {

void write_random_shard(const std::string& path, int images, int side, int channels, int classes) {
  DatasetInfo info;
  info.width = info.height = side;
  info.channels = channels;
  info.preprocessing.size = side;
  info.preprocessing.gray = channels == 1;
  for (int i = 0; i < classes; ++i) info.classes.push_back({std::to_string(i), ""});
  // Parts of one random block, each from another offset: drawing gigabytes takes longer than writing them.
  const auto bytes = static_cast<std::size_t>(side) * static_cast<std::size_t>(side * channels);
  std::vector<std::uint8_t> noise(bytes + 65536);
  std::mt19937 random(1);
  for (std::uint8_t& value : noise) value = static_cast<std::uint8_t>(random());
  OutputFile out(path, OutputFile::Content::binary);
  ShardWriter writer(out, info);
  for (int n = 0; n < images; ++n) {
    const std::span<const std::uint8_t> image(noise.data() + n * 251 % 65536, bytes);
    writer.add(n % classes, std::to_string(n), image);
  }
  writer.finish();
  out.commit();
}

}  // namespace convoy::bench
