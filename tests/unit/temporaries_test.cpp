// lib/base/temporaries and what removes them: whatever ends a process removes its temporary files, and no
// others.
#include "lib/base/temporaries.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "lib/base/early_exit.h"
#include "lib/base/parallel.h"
#include "lib/base/signals.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

class Temporaries : public ::testing::Test {
 protected:
  // Creates `count` files; returns the name of the last.
  std::string create(int count) {
    std::string name;
    for (int i = 0; i < count; ++i) {
      name = folder_ / "t.XXXXXX";
      const int fd = create_temporary(name);
      if (fd < 0) throw std::runtime_error("no temporary file");
      ::close(fd);
    }
    return name;
  }
  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  }
  test::TemporaryFolder folder_;
};

// Uses the whole stack, long before it has gone as deep as that.
[[nodiscard]] int overflow(int depth) {  // NOLINT(misc-no-recursion)
  volatile char frame[4096];
  frame[0] = 1;
  return depth == 0 ? 0 : overflow(depth - 1) + frame[0];
}

TEST_F(Temporaries, AreRecordedUntilTheyAreForgotten) {
  const std::string first = create(1);
  const std::string second = create(1);
  EXPECT_TRUE(is_kept_temporary(first));
  EXPECT_EQ(kept_temporaries().size(), 2U);
  forget_temporary(first);
  EXPECT_FALSE(is_kept_temporary(first));
  EXPECT_TRUE(is_kept_temporary(second));
  std::filesystem::remove(second);
  forget_temporary(second);
  EXPECT_TRUE(kept_temporaries().empty());
}

TEST_F(Temporaries, ThatCannotBeCreatedAreNotRecorded) {
  std::string name = folder_ / "missing/t.XXXXXX";
  EXPECT_EQ(create_temporary(name), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_TRUE(kept_temporaries().empty());
}

TEST_F(Temporaries, GoAtExitHoweverManyThereAre) {
  const auto end = [&] {
    const EarlyExit early_exit("some-tool");
    create(1000);
    std::exit(1);
  };
  EXPECT_EXIT(end(), ::testing::ExitedWithCode(1), "^some-tool: ended by a library, .*smaller -j\n$");
  EXPECT_EQ(entries(), 0);
}

TEST_F(Temporaries, StayAtExitOfAProcessThatDidNotMakeThem) {
  const std::string name = create(1);
  const auto end = [&] {
    remove_temporaries_on_signals("some-tool");
    std::abort();
  };
  EXPECT_EXIT(end(), ::testing::KilledBySignal(SIGABRT), "");
  EXPECT_EQ(entries(), 1);
  forget_temporary(name);
}

TEST_F(Temporaries, GoIfTheProcessFaults) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer has handlers of its own";
  for (const int signal_number :
       {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS, SIGTRAP, SIGSYS, SIGQUIT, SIGXCPU, SIGRTMIN + 1}) {
    const auto end = [&] {
      remove_temporaries_on_signals("some-tool");
      create(100);
      std::raise(signal_number);
    };
    EXPECT_EXIT(end(), ::testing::KilledBySignal(signal_number), "");
    EXPECT_EQ(entries(), 0) << signal_number;
  }
}

TEST_F(Temporaries, GoWhileAnotherThreadMakesMore) {
  for (int round = 0; round < 5; ++round) {
    const auto end = [&] {
      remove_temporaries_on_signals("some-tool");
      std::atomic<int> made = 0;
      const std::jthread maker = start_thread([&] {
        while (true) {
          create(1);
          ++made;
        }
      });
      while (made < 500) std::this_thread::yield();
      ::pthread_kill(::pthread_self(), SIGTERM);
    };
    EXPECT_EXIT(end(), ::testing::KilledBySignal(SIGTERM), "");
    EXPECT_EQ(entries(), 0);
  }
}

TEST_F(Temporaries, GoIfAnExceptionIsNotCaught) {
  const auto end = [&] {
    remove_temporaries_on_signals("some-tool");
    create(3);
    std::thread([] { throw std::runtime_error("lost"); }).join();
  };
  EXPECT_EXIT(end(), ::testing::KilledBySignal(SIGABRT), "lost");
  EXPECT_EQ(entries(), 0);
}

TEST_F(Temporaries, GoIfAStackOverflows) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer has handlers of its own";
  const auto here = [&] {
    const SignalStack stack;
    remove_temporaries_on_signals("some-tool");
    create(3);
    std::exit(overflow(INT_MAX));
  };
  EXPECT_EXIT(here(), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EQ(entries(), 0);
  const auto in_thread = [&] {
    remove_temporaries_on_signals("some-tool");
    create(3);
    start_thread([] { std::exit(overflow(INT_MAX)); }).join();
  };
  EXPECT_EXIT(in_thread(), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EQ(entries(), 0);
}

}  // namespace
}  // namespace convoy
