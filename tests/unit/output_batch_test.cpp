// lib/base/output_batch: many files that appear whole under their names.
#include "lib/base/output_batch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "lib/base/file.h"
#include "lib/base/temporaries.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

class Batch : public ::testing::Test {
 protected:
  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  }
  [[nodiscard]] std::string path(int number) const { return folder_ / std::to_string(number); }
  test::TemporaryFolder folder_;
};

TEST_F(Batch, GivesEachFileItsNameAndContent) {
  OutputBatch batch;
  for (int i = 0; i < 3000; ++i) batch.add(path(i), as_bytes_of(std::to_string(i)));
  batch.commit();
  EXPECT_EQ(entries(), 3000);
  EXPECT_TRUE(kept_temporaries().empty());
  for (const int i : {0, 1, 32, 33, 1056, 1057, 2999})
    EXPECT_EQ(read_text_file(path(i), 10), std::to_string(i));
  std::ofstream(folder_ / "other") << "x";
  EXPECT_EQ(std::filesystem::status(path(0)).permissions(),
            std::filesystem::status(folder_ / "other").permissions());
}

TEST_F(Batch, RemovesWhatHasNoName) {
  {
    OutputBatch batch;
    for (int i = 0; i < 5; ++i) batch.add(path(i), as_bytes_of("x"));
    EXPECT_EQ(entries(), 5);
  }
  EXPECT_EQ(entries(), 1) << "one file has its name at once";
  EXPECT_TRUE(kept_temporaries().empty());
}

TEST_F(Batch, ReplacesNothing) {
  std::ofstream(path(1)) << "older";
  OutputBatch batch;
  batch.add(path(0), as_bytes_of("x"));
  batch.add(path(1), as_bytes_of("x"));
  EXPECT_THROW(batch.commit(), OutputError);
  EXPECT_EQ(read_text_file(path(1), 10), "older");
}

}  // namespace
}  // namespace convoy
