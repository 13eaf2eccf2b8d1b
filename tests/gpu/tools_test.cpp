// The programs themselves, which are in the same folder as this test, on a real GPU: each device continues
// what the other one wrote.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/net/backends.h"
#include "tests/support/net_runs.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Outcome {
  int status = 0;
  std::string output;
  std::string errors;
};

// 200 gray 12x12 images of four classes (rows and columns of stripes, under noise), their mean, and a net.
class GpuTools : public ::testing::Test {
 protected:
  void SetUp() override {
    constexpr int kImages = 200;
    constexpr int kSide = 12;
    TestRandom random(3);
    std::ofstream images(folder_ / "images.idx", std::ios::binary);
    std::ofstream labels(folder_ / "labels.idx", std::ios::binary);
    images << std::string("\0\0\x08\x03\0\0\0\xC8\0\0\0\x0C\0\0\0\x0C", 16);
    labels << std::string("\0\0\x08\x01\0\0\0\xC8", 8);
    for (int n = 0; n < kImages; ++n) {
      const int label = n % 4;
      for (int i = 0; i < kSide * kSide; ++i) {
        const int line = label % 2 == 0 ? i / kSide : i % kSide;
        const int stripe = line / (label / 2 + 1) % 2;
        images.put(static_cast<char>(60 + 80 * stripe + random.below(60)));
      }
      labels.put(static_cast<char>(label));
    }
    images.close();
    labels.close();
    std::ofstream(folder_ / "small.net")
        << "input 10x10x1 from=12x12\nconv c1 8 3x3 pad=1 init=0.05\nrelu\nmaxpool 2x2 stride=2\n"
           "fc f1 16 init=0.05\nrelu\ndropout 0.25\nfc f2 4 init=0.05\nsoftmax\n";
    done("imgprep", "-q --size=none --gray --idx images.idx labels.idx -o set.shard");
    done("shardpack", "-q --shuffle -o train.shard set.shard");
    done("meanimg", "-q -o mean.safetensors train.shard");
  }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  // Runs `tool arguments` in the test's folder.
  [[nodiscard]] Outcome run(const std::string& tool, const std::string& arguments) const {
    const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const std::string command = "cd '" + folder_.path() + "' && '" + (programs / tool).string() + "' " +
                                arguments + " > output 2> errors < /dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): the shell is wanted
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(path("output")), text_of(path("errors"))};
  }
  Outcome done(const std::string& tool, const std::string& arguments) const {
    Outcome outcome = run(tool, arguments);
    EXPECT_EQ(outcome.status, 0) << tool << " " << arguments << "\n" << outcome.errors;
    return outcome;
  }
  // Trains for `steps` steps on the device, from scratch or from a checkpoint. Writes the weights to
  // OUTPUT.safetensors and the last step's checkpoint to OUTPUT.checkpoint.
  void train(const std::string& device, int steps, const std::string& output,
             const std::string& options = "") const {
    done("train",
         "--net=small.net --mean=mean.safetensors --batch=16 --lr=0.002 --flip=off --precision=fp32 "
         "--device=" +
             device + " --steps=" + std::to_string(steps) + " --checkpoint=" + output + ".checkpoint -o " +
             output + ".safetensors " + options + " train.shard");
  }
  // The relative difference of the two files' weights, for the parameter that differs most.
  [[nodiscard]] double distance(const std::string& got, const std::string& want) const {
    const WeightsFile a(path(got + ".safetensors"));
    const WeightsFile b(path(want + ".safetensors"));
    double largest = 0.0;
    for (std::size_t i = 0; i < b.parameters().size(); ++i) {
      largest = std::max(largest, relative_distance(a.parameter(i), b.parameter(i)));
    }
    return largest;
  }
  // The value with this name in eval's report.
  static double value_of(const std::string& report, const std::string& name) {
    const std::size_t at = ("\n" + report).find("\n" + name + "\t");
    EXPECT_NE(at, std::string::npos) << report;
    return at == std::string::npos ? -1.0 : std::stod(report.substr(at + name.size() + 1));
  }

 private:
  test::TemporaryFolder folder_;
};

class OnTheOtherDevice : public GpuTools, public ::testing::WithParamInterface<const char*> {};

// Ten steps on one device and ten on the other must end where twenty steps on a CPU end. Measured on a CPU:
// runs with one thread and with two end 4e-7 apart; 19 steps and 20 steps end 0.07 apart.
TEST_P(OnTheOtherDevice, TrainResumes) {
  const std::string first = GetParam();
  const std::string second = first == "cpu" ? "cuda" : "cpu";
  train("cpu", 20, "alone");
  train(first, 10, "half");
  train(second, 20, "whole", "--resume=half.checkpoint");
  EXPECT_LT(distance("whole", "alone"), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(From, OnTheOtherDevice, ::testing::Values("cpu", "cuda"),
                         [](const auto& tested) { return std::string(tested.param); });

// With weights from either device. A loss is a mean of logarithms, to which the error of the scores is added.
TEST_F(GpuTools, EvalSaysTheSameOnBothDevices) {
  for (const std::string trained : {"cpu", "cuda"}) {
    train(trained, 20, trained);
    const std::string arguments = "-q -w " + trained + ".safetensors train.shard --precision=fp32 --device=";
    const std::string cpu = done("eval", arguments + "cpu").output;
    const std::string gpu = done("eval", arguments + "cuda").output;
    EXPECT_EQ(value_of(gpu, "images"), 200);
    EXPECT_NEAR(value_of(gpu, "loss"), value_of(cpu, "loss"), 1e-4);
    EXPECT_NEAR(value_of(gpu, "top1_error"), value_of(cpu, "top1_error"), 1.0 / 200 + 1e-6)
        << "an image at most";
  }
}

TEST_F(GpuTools, AutoTakesTheGpuAndNamesIt) {
  const std::string device = "device cuda:0 (" + cuda_device_name(0) + ")";
  const Outcome trained =
      done("train", "--net=small.net --mean=mean.safetensors --steps=1 -o w.safetensors train.shard");
  EXPECT_NE(trained.errors.find(device), std::string::npos) << trained.errors;
  for (const std::string tool : {"eval", "predict"}) {
    const Outcome outcome = done(tool, "-w w.safetensors train.shard");
    EXPECT_NE(outcome.errors.find(device), std::string::npos) << tool << ": " << outcome.errors;
  }
  const Outcome refused = run("eval", "-w w.safetensors --device=cuda:99 train.shard");
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.errors.find("counted from 0"), std::string::npos) << refused.errors;
}

}  // namespace
}  // namespace convoy
