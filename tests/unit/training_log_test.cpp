// The log does not overwrite files that are not logs.
#include "lib/runs/training_log.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

TEST(TrainingLog, KeepsOtherFilesOfThatName) {
  const TemporaryFolder folder;
  const std::string path = folder / "notes.txt";
  {
    OutputFile out(path, OutputFile::Content::text);
    out.write("my notes\n");
    out.commit();
  }
  EXPECT_THROW(TrainingLog(path, 5), Error);
  EXPECT_EQ(read_text_file(path, 1 << 20), "my notes\n");
}

}  // namespace
}  // namespace convoy
