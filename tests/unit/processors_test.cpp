// How many threads a program starts by default: from texts of the environment, and from files as the kernel
// writes them.
#include "lib/base/processors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

TEST(ThreadsFrom, TakesTheFirstNumber) {
  EXPECT_EQ(threads_from("4"), 4);
  EXPECT_EQ(threads_from(" 4 "), 4);
  EXPECT_EQ(threads_from("4,2"), 4);
  EXPECT_EQ(threads_from("16 , 2"), std::nullopt);
  for (const char* none : {"", " ", "0", "-1", "four", "4x", "4 2", "99999999999"}) {
    EXPECT_EQ(threads_from(none), std::nullopt) << none;
  }
  EXPECT_EQ(threads_from(nullptr), std::nullopt);
}

class Quota : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::optional<double> quota() const { return processor_quota(folder_.path()); }
  test::TemporaryFolder folder_;
};

TEST_F(Quota, IsNoneWithoutGroups) {
  EXPECT_EQ(quota(), std::nullopt);
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(Quota, OfVersion2IsTheLeastOfAllLevels) {
  write("proc/self/cgroup", "0::/system.slice/run.scope\n");
  write("sys/fs/cgroup/system.slice/run.scope/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("sys/fs/cgroup/system.slice/run.scope/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(Quota, IsThatOfTheMountIfThePathIsOneOutsideOfAContainer) {
  write("proc/self/cgroup", "0::/../../docker/4f2a\n");
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(Quota, OfVersion1HasAFileForEachNumber) {
  write("proc/self/cgroup", "11:memory:/docker/4f2a\n4:cpu,cpuacct:/docker/4f2a\n");
  write("sys/fs/cgroup/cpu/docker/4f2a/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/docker/4f2a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/cpu/docker/4f2a/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(Quota, IsNoneInFilesOfAnotherForm) {
  write("proc/self/cgroup", "0::/\nnonsense\n3:\n");
  for (const char* text : {"", "max\n", "100000\n", "0 100000\n", "100000 0\n", "-5 100000\n", "a b\n"}) {
    write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace convoy
