// How much memory is left, from files as the kernel writes them; and what nets take of it.
#include "lib/base/memory.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/net/backends.h"
#include "lib/net/memory_need.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

class Memory : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::uint64_t bytes() const {
    const auto found = available_memory(root_);
    return found ? found->bytes : 0;
  }
  TemporaryFolder folder_;
  std::string root_ = folder_.path();
};

constexpr const char* kMeminfo = "MemTotal:       24684412 kB\nMemFree: 1000 kB\nMemAvailable:   20000 kB\n";

TEST_F(Memory, IsWhatIsFreeOnTheMachine) {
  EXPECT_FALSE(available_memory(root_)) << "nothing is known";
  write("proc/meminfo", kMeminfo);
  ASSERT_TRUE(available_memory(root_));
  EXPECT_EQ(bytes(), 20000U * 1024);
  EXPECT_EQ(available_memory(root_)->limit, "free on this machine");
}

TEST_F(Memory, IsWhatTheControlGroupsLeave) {
  write("proc/meminfo", kMeminfo);
  write("proc/self/cgroup", "0::/a.slice/b.scope\n");
  EXPECT_EQ(bytes(), 20000U * 1024) << "no files of groups";
  write("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
  write("sys/fs/cgroup/a.slice/b.scope/memory.current", "1000000\n");
  EXPECT_EQ(bytes(), 20000U * 1024);
  // The limit of a group above.
  write("sys/fs/cgroup/a.slice/memory.max", "9000000\n");
  write("sys/fs/cgroup/a.slice/memory.current", "5000000\n");
  EXPECT_EQ(bytes(), 4000000U);
  EXPECT_EQ(available_memory(root_)->limit, "left to this process's control group");
  // Files that nobody needs now are not in the way.
  write("sys/fs/cgroup/a.slice/memory.stat", "anon 1\ninactive_file 3000000\n");
  EXPECT_EQ(bytes(), 7000000U);
  // A container that sees its own group as the mount, under another path than outside.
  write("proc/self/cgroup", "0::/../../somewhere\n");
  write("sys/fs/cgroup/memory.max", "2000000\n");
  write("sys/fs/cgroup/memory.current", "2500000\n");
  ASSERT_TRUE(available_memory(root_));
  EXPECT_EQ(bytes(), 0U) << "more is used than allowed";
}

TEST_F(Memory, ReadsControlGroupsOfTheFirstVersion) {
  write("proc/meminfo", kMeminfo);
  write("proc/self/cgroup", "12:cpu,cpuacct:/x\n5:memory:/docker/1\n");
  write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "8000000\n");
  write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "6000000\n");
  write("sys/fs/cgroup/memory/docker/1/memory.stat", "cache 9\ntotal_inactive_file 1000000\n");
  EXPECT_EQ(bytes(), 3000000U);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000000\n");
  EXPECT_EQ(bytes(), 3000000U);
}

TEST_F(Memory, IsKnownHere) { EXPECT_GT(available_memory().value().bytes, 0U); }

// What the process has allocated, and not freed.
double allocated_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

TEST(MemoryNeed, IsAboutWhatTheNetTakes) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's allocator does not tell what is allocated";
#endif
  const NetSpec net = parse_net(
      "input 48x48x3\nconv c1 24 5x5 pad=2\nrelu\nlrn\nmaxpool 2x2 stride=2\nconv c2 40 3x3 pad=1\nrelu\n"
      "avgpool 2x2 stride=2\nfc f1 256\nrelu\ndropout 0.5\nfc f2 10\nsoftmax\n",
      "test.net");
  for (const Mode mode : {Mode::train, Mode::infer}) {
    CompileOptions options;
    options.mode = mode;
    options.threads = 1;
    const auto growth = [&](int batch) {
      options.batch = batch;
      const double before = allocated_bytes();
      const auto compiled = compile_cpu(net, options);
      return allocated_bytes() - before;
    };
    (void)growth(1);  // what oneDNN keeps
    const double image = (growth(256) - growth(64)) / 192;
    const auto need = static_cast<double>(memory_need(net, options).image_bytes);
    EXPECT_GT(image, (mode == Mode::train ? 0.8 : 0.6) * need) << "mode " << static_cast<int>(mode);
    EXPECT_LT(image, 1.5 * need) << "mode " << static_cast<int>(mode);
  }
}

TEST(MemoryNeed, CountsParametersMomentaGradientsAndWhatSavesThem) {
  const NetSpec net = parse_net("input 2x2x1\nfc f 3\nsoftmax\n", "test.net");
  CompileOptions options;
  EXPECT_EQ(memory_need(net, options).fixed_bytes, 15U * 5 * 4);
  options.mode = Mode::infer;
  EXPECT_EQ(memory_need(net, options).fixed_bytes, 15U * 4);
}

}  // namespace
}  // namespace convoy
