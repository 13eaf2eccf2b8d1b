// The metadata of shards, means and checkpoints as JSON: parse(print(x)) is x.
#include "formats/dataset_info.h"

#include "lib/base/json.h"
#include "lib/runs/training_options.h"
#include "tests/fuzz/common/reader.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

void fuzz(Input input) {
  const std::string_view text = text_of(input);
  const auto info = outcome([&] { return parse_dataset_info(text, "x", "x"); });
  if (info.value) {
    check_dataset_info(*info.value, "x");
    require(parse_dataset_info(to_json(*info.value).dump(), "x", "x") == *info.value,
            "a data set that is written and read differs");
    require(describe_difference(*info.value, *info.value, CompareCodec::yes).empty(), "x differs from x");
  }
  const auto json = outcome([&] { return parse_json(text, "x"); });
  if (!json.value) {
    require(!info.value, "what is no JSON says something of a data set");
    return;
  }
  if (const auto how = outcome([&] { return preprocessing_from_json(*json.value, "x"); }); how.value) {
    require(preprocessing_from_json(to_json(*how.value), "x") == *how.value,
            "preprocessing that is written and read differs");
  }
  if (const auto options = outcome([&] { return training_options_from_json(*json.value, "x"); });
      options.value) {
    const nlohmann::json written = to_json(*options.value);
    const TrainingOptions again = training_options_from_json(parse_json(written.dump(), "x"), "x");
    require(to_json(again) == written, "training options that are written and read differ");
    require(resume_differences(*options.value, again).empty(),
            "a run cannot be resumed with its own options");
  }
}

std::vector<Bytes> seeds() {
  TrainingOptions options;
  options.set("lr", "0.003");
  options.set("steps", "77");
  return {bytes_of(to_json(test::small_info(5, 4, 3, 4)).dump()),
          bytes_of(to_json(test::small_info(5, 4, 1, 0, Codec::jpeg)).dump()),
          bytes_of(to_json(Preprocessing{.size = 0, .gray = true, .exif = true}).dump()),
          bytes_of(to_json(options).dump()), bytes_of(to_json(TrainingOptions()).dump())};
}

const AddReader kReader({.name = "dataset_info", .fuzz = fuzz, .seeds = seeds, .longest = 2048});

}  // namespace
}  // namespace convoy::fuzz
