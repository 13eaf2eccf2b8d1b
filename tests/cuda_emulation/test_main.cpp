// main() of the tests on the emulated device: prints the seed of the schedule if a test fails.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/cuda_emulation/scheduler.h"

namespace {

class SeedOnFailure : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::printf("schedule of the emulated device: CONVOY_EMULATION_SEED=%llu\n",
                static_cast<unsigned long long>(convoy::emulation::schedule_seed()));
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(std::make_unique<SeedOnFailure>().release());
  return RUN_ALL_TESTS();
}
