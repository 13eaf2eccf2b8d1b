// meanimg: shards -> the mean image and the colour statistics.
#include <optional>
#include <string>
#include <vector>

#include "formats/png.h"
#include "formats/safetensors_checksum.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/tool.h"
#include "lib/shards/mean.h"
#include "lib/shards/mean_pass.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

const ToolInfo kInfo{.name = "meanimg",
                     .usage = "[OPTION]... [SHARD]...\n--merge [OPTION]... MEAN...",
                     .summary =
                         "Computes the mean image of shards, the mean of each channel, and the "
                         "directions and standard deviations in which colours vary.",
                     .exclusive = {{"merge", "on-error"}, {"merge", "rejects"}, {"merge", "max-rejects"}}};
constexpr SharedOptions kShared{.output = true, .files_from = true, .threads = true};

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("merge", po::bool_switch(), "operands are files of meanimg: add them up");
  add("png", output_option("FILE"), "write the mean as a picture, too");
  add_rejects_options(options, {.on_error = "what to do about a damaged record",
                                .rejects = "list the records left out, one a line"});
}

MeanFile read_mean(const std::string& path, const MemoryLimit& memory, Console& console) {
  MeanFile mean = read_mean_file(path, memory);
  note_checksum(mean.has_checksum, display_name(path), console);
  return mean;
}

MeanFile merge(const std::vector<std::string>& inputs, const MemoryLimit& memory, Console& console) {
  MeanFile total = read_mean(inputs.front(), memory, console);
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const MeanFile more = read_mean(inputs[i], memory, console);
    if (more.preprocessing != total.preprocessing) {
      throw Error(inputs[i], "its images were prepared differently from those of " + inputs.front());
    }
    add_sums(total.sums, more.sums, inputs[i]);
  }
  return total;
}

MeanFile sum_shards(const std::vector<std::string>& inputs, const Options& options, Console& console,
                    Rejects& rejects) {
  Progress progress(console, 0, "images");
  SummedImages summed = sum_images(inputs, {.threads = options.threads(), .memory = options.memory_limit()},
                                   rejects.on_damage(), [&](std::uint64_t done, std::uint64_t total) {
                                     progress.set_total(total);
                                     if (total > 0) rejects.expect(total);
                                     progress.update(done, rejects.summary());
                                   });
  progress.finish();
  rejects.conclude(summed.sums.count, "record");
  if (summed.sums.count == 0) throw Error(inputs.front(), "no images");
  return {std::move(summed.sums), summed.info.preprocessing};
}

int run(const Options& options, Console& console) {
  const RejectRules reject_rules = options.reject_rules();
  const std::vector<std::string> inputs = options.inputs();
  // --merge may replace one of the means that it reads.
  check_outputs(options.outputs(), inputs, options.flag("merge") ? Replacing::inputs : Replacing::nothing);
  // Opened first, so that a terminal or a missing folder is an error before the work, not after it.
  OutputFile out(options.text("output"), OutputFile::Content::binary);
  std::optional<OutputFile> png;
  if (options.given("png")) png.emplace(options.text("png"), OutputFile::Content::binary);

  Rejects rejects(reject_rules, console);
  const MeanFile mean = options.flag("merge") ? merge(inputs, options.memory_limit(), console)
                                              : sum_shards(inputs, options, console, rejects);
  write_mean_file(out, mean);
  if (png) {
    const std::vector<std::uint8_t> picture = encode_png(mean_picture(mean.sums));
    png->write(std::as_bytes(std::span(picture)));
    png->commit();
  }
  out.commit();
  console.note(rejects.beside("mean of " + count_of(mean.sums.count, "image")));
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
