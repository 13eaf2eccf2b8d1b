// How much memory is left, from files as the kernel writes them; and what nets take of it.
#include "lib/base/memory.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/base/error.h"
#include "lib/net/backends.h"
#include "lib/net/memory_need.h"
#include "tests/support/sanitized.h"
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

TEST_F(Memory, LimitIsWhatTheMachineHasHoweverMuchIsFree) {
  EXPECT_EQ(machine_memory(root_).bytes, UINT64_MAX) << "nothing is known";
  write("proc/meminfo", kMeminfo);
  EXPECT_EQ(machine_memory(root_).bytes, 24684412U * std::uint64_t{1024});
  EXPECT_EQ(machine_memory(root_).text(), "23.5 GiB (the memory of this machine)");
  write("proc/self/cgroup", "0::/a.slice/b.scope\n");
  write("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
  write("sys/fs/cgroup/a.slice/memory.max", "9000000\n");
  write("sys/fs/cgroup/a.slice/memory.current", "8999999\n");
  EXPECT_EQ(machine_memory(root_).bytes, 9000000U);
  EXPECT_EQ(machine_memory(root_).source, "this process's control group");
  write("proc/self/cgroup", "5:memory:/docker/1\n");
  write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "8000000\n");
  EXPECT_EQ(machine_memory(root_).bytes, 8000000U);
}

TEST_F(Memory, IsKnownHere) {
  EXPECT_GT(available_memory().value().bytes, 0U);
  EXPECT_LT(machine_memory().bytes, UINT64_MAX);
  EXPECT_GE(machine_memory().bytes, available_memory().value().bytes);
}

// What the process has allocated, and not freed.
std::uint64_t allocated_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

const NetSpec& mixed_net() {
  static const NetSpec net = parse_net(
      "input 48x48x3\nconv c1 24 5x5 pad=2\nrelu\nlrn\nmaxpool 2x2 stride=2\nconv c2 40 3x3 pad=1\nrelu\n"
      "lrn groups=4\nlrn-map\navgpool 2x2 stride=2\nfc f1 256\nrelu\ndropout 0.5\nfc f2 10\nsoftmax\n",
      "test.net");
  return net;
}

// The plan of the net, and what compiling it then allocates.
struct Taken {
  MemoryNeed planned;
  std::uint64_t bytes = 0;
};
Taken compile_and_measure(CompileOptions options) {
  Taken taken;
  std::uint64_t before = 0;
  options.on_planned = [&](const PlannedMemory& plan) {
    taken.planned = plan.need;
    before = allocated_bytes();
  };
  const auto compiled = compile_cpu(mixed_net(), options);
  taken.bytes = allocated_bytes() - before;
  return taken;
}

TEST(MemoryNeed, IsWhatTheNetTakes) {
  if (test::kSanitized) GTEST_SKIP() << "AddressSanitizer's allocator does not tell what is allocated";
  // Of each buffer: a header, rounded to a page. glibc maps a huge page more for one that is aligned to huge
  // pages, and nobody touches that.
  constexpr std::uint64_t kRounding = 100 * std::uint64_t{8192};
  constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
  std::uint64_t parameters = 0;
  std::uint64_t largest = 0;
  for (const ParameterInfo& parameter : parameters_of(mixed_net())) {
    parameters += parameter.elements() * sizeof(float);
    largest = std::max(largest, parameter.elements() * sizeof(float));
  }
  for (const Mode mode : {Mode::train, Mode::infer}) {
    for (const int batch : {1, 64, 256}) {
      CompileOptions options;
      options.mode = mode;
      options.threads = 2;
      options.batch = batch;
      const Taken taken = compile_and_measure(options);
      // Copies that exist while parameters are saved or loaded, and the model's mean.
      const std::uint64_t later =
          (mode == Mode::train ? 2 * parameters : largest) + std::uint64_t{48} * 48 * 3 * sizeof(float);
      const std::uint64_t large = mode == Mode::train ? 12 : 4;  // buffers
      const std::uint64_t planned = taken.planned.total() - later;
      EXPECT_GE(taken.bytes + kRounding, planned) << "mode " << static_cast<int>(mode) << " batch " << batch;
      EXPECT_LE(taken.bytes, planned + kRounding + large * kHugePage)
          << "mode " << static_cast<int>(mode) << " batch " << batch;
    }
  }
}

TEST(MemoryNeed, CountsWhatTheCallerHolds) {
  CompileOptions options;
  options.batch = 10;
  options.held_per_image = 1000;
  EXPECT_EQ(compile_and_measure(options).planned.images, 10000U);
}

TEST(MemoryNeed, IsRefusedBeyondTheLimit) {
  CompileOptions options;
  options.batch = 64;
  const MemoryNeed need = compile_and_measure(options).planned;
  options.memory = {.bytes = need.total(), .source = "here"};
  EXPECT_NO_THROW((void)compile_cpu(mixed_net(), options));
  const auto refusal = [&](std::uint64_t bytes) -> std::string {
    options.memory.bytes = bytes;
    try {
      (void)compile_cpu(mixed_net(), options);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  const std::string half = refusal(need.total() / 2);
  EXPECT_EQ(half.find("net: a batch of 64 needs "), 0U) << half;
  const auto fits = half.find(": --batch=");
  ASSERT_NE(fits, std::string::npos) << half;
  options.batch = std::stoi(half.substr(fits + 10));
  EXPECT_GT(options.batch, 8);
  EXPECT_EQ(refusal(need.total() / 2), "none") << "what would fit does not: " << half;
  options.batch = 64;
  EXPECT_NE(refusal(10000).find("not even a batch of 1 fits"), std::string::npos) << refusal(10000);
}

TEST(MemoryNeed, OfNetsBeyondAllNumbersIsRefusedBeforeAnythingIsPlanned) {
  // 2^31 activations a layer, of 2^20 images, in 200 layers; and fc layers of 2^31 weights.
  std::string text = "input 32768x65535x1\n";
  for (int i = 0; i < 100; ++i) text += "conv c" + std::to_string(i) + " 1 1x1\nlrn\n";
  const NetSpec wide = parse_net(text + "maxpool 32768x65535 stride=1\nfc f 2\nsoftmax\n", "wide.net");
  const NetSpec deep = parse_net("input 45x45x1\nfc f1 1048576\nfc f2 2000\nfc f3 2\nsoftmax\n", "deep.net");
  for (const NetSpec& net : {wide, deep}) {
    for (const Mode mode : {Mode::train, Mode::infer}) {
      CompileOptions options;
      options.mode = mode;
      options.batch = 1 << 20;
      options.memory = {.bytes = std::uint64_t{1} << 40, .source = "here"};
      EXPECT_GT(least_memory(net, options).total(), options.memory.bytes);
      EXPECT_THROW((void)compile_cpu(net, options), Error);
    }
  }
}

}  // namespace
}  // namespace convoy
