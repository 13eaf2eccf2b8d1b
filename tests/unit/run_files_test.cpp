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
  EXPECT_EQ(default_checkpoint("-"), "");
}

TEST(RunFiles, FindsOutEarlyWhatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_THROW(check_writable(folder / "no/such/file"), Error);
  EXPECT_THROW(check_writable(folder.path()), Error) << "a folder";
  EXPECT_NO_THROW(check_writable("/dev/null"));
  EXPECT_NO_THROW(check_writable(folder / "new"));
  EXPECT_FALSE(std::filesystem::exists(folder / "new")) << "trying leaves nothing behind";
}

}  // namespace
}  // namespace convoy
