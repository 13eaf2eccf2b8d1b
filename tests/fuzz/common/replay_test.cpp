// Replays the inputs of tests/fuzz/inputs/NAME, and the seeds, through the readers: what a fuzzer found once
// stays mended. FUZZ_INPUTS names another folder of that form, such as build/fuzz/corpus.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/fuzz/common/reader.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

namespace fs = std::filesystem;

fs::path inputs_folder() {
  const char* const other = std::getenv("FUZZ_INPUTS");
  return other == nullptr ? "tests/fuzz/inputs" : other;
}

std::vector<fs::path> inputs_of(const Reader& reader) {
  std::vector<fs::path> files;
  const fs::path folder = inputs_folder() / reader.name;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class Replay : public ::testing::TestWithParam<Reader> {
 protected:
  // Runs the input as it is, and with its checksums made right: they may be others than when it was kept.
  static void run(const Bytes& input, const std::string& name) {
    SCOPED_TRACE(name);
    EXPECT_NO_THROW(GetParam().fuzz(input));
    if (GetParam().repair == nullptr) return;
    Bytes repaired = input;
    GetParam().repair(repaired);
    if (repaired == input) return;
    EXPECT_NO_THROW(GetParam().fuzz(repaired)) << "repaired";
  }
};

TEST_P(Replay, Inputs) {
  const std::vector<fs::path> files = inputs_of(GetParam());
  ASSERT_FALSE(files.empty()) << "make fuzz-merge keeps some in " << inputs_folder() / GetParam().name;
  for (const fs::path& file : files) run(test::bytes_of_file(file.string()), file.string());
}

TEST_P(Replay, Seeds) {
  const std::vector<Bytes> seeds = GetParam().seeds();
  ASSERT_FALSE(seeds.empty());
  for (std::size_t i = 0; i < seeds.size(); ++i) run(seeds[i], "seed " + std::to_string(i));
  run({}, "nothing");
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, ::testing::ValuesIn(readers()),
                         [](const auto& tested) { return tested.param.name; });

// A folder without a reader would never be replayed.
TEST(FuzzInputs, BelongToReaders) {
  for (const auto& entry : fs::directory_iterator("tests/fuzz/inputs")) {
    const auto is_its = [&](const Reader& reader) { return reader.name == entry.path().filename(); };
    EXPECT_TRUE(std::ranges::any_of(readers(), is_its)) << entry.path();
  }
}

}  // namespace
}  // namespace convoy::fuzz
