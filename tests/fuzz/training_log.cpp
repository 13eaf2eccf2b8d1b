// Logs of training runs: what a resumed run keeps ends with its step, and is kept again as it is.
#include "lib/runs/training_log.h"

#include <filesystem>

#include "tests/fuzz/common/reader.h"
#include "tests/support/archives.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

void fuzz(Input input) {
  const std::string path = scratch("log");
  test::write_file(path, bytes_of(input));
  const auto rows = outcome([&] { return find_log_rows(path).has_value(); });
  const std::uint64_t step = pick(input, 0, 20);
  if (!outcome([&] { return TrainingLog(path, step), true; }).value) {
    require(test::bytes_of_file(path) == bytes_of(input), "a file that is no log has been changed");
    require(!rows.value.has_value(), "a log whose rows were found is refused");
    return;
  }
  require(rows.value.has_value(), "a file that is no log has been taken for one: " + rows.refusal);
  const auto kept = find_log_rows(path);
  require(!kept || kept->last_step <= step, "a row behind the step is kept");
  const Bytes once = test::bytes_of_file(path);
  static_cast<void>(TrainingLog(path, step));
  require(test::bytes_of_file(path) == once, "resumed twice, a log differs");
}

std::vector<Bytes> seeds() {
  const std::string path = scratch("seed");
  std::filesystem::remove(path);
  TrainingLog log(path, std::nullopt);
  for (const unsigned step : {3U, 6U, 9U, 12U}) {
    log.add({.step = step,
             .epoch = step / 6.0,
             .set = step % 2 == 0 ? "val" : "train",
             .totals = {},
             .learning_rate = 0.1});
  }
  Bytes whole = test::bytes_of_file(path);
  Bytes cut = whole;
  cut.resize(cut.size() - 5);
  return {whole, cut, bytes_of("notes\n")};
}

const AddReader kReader({.name = "training_log", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
