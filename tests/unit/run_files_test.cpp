// The names of the files that a run writes, and whether they can be written.
#include "lib/runs/run_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "lib/base/error.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

TEST(RunFiles, NamesCheckpointsAfterTheOutput) {
  EXPECT_EQ(default_checkpoint("a/w.safetensors"), "a/w.checkpoint.safetensors");
  EXPECT_EQ(default_checkpoint("w"), "w.checkpoint.safetensors");
  for (const char* stream : {"-", "/dev/stdout", "/dev/null"}) EXPECT_EQ(default_checkpoint(stream), "");
}

TEST(RunFiles, FindsOutEarlyWhatCannotBeWritten) {
  const TemporaryFolder folder;
  const auto hold = [](const std::string& path) { return hold_output(path, OutputFile::Content::binary); };
  EXPECT_THROW((void)hold(folder / "no/such/file"), Error);
  EXPECT_THROW((void)hold(folder.path()), Error) << "a folder";
  EXPECT_NO_THROW((void)hold("/dev/null"));
  EXPECT_NO_THROW((void)hold(""));
  EXPECT_NO_THROW((void)hold(folder / "new"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "trying leaves nothing behind";
}

}  // namespace
}  // namespace convoy
