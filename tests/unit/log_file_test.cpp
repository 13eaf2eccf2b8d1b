// Files of lines outlast times in which they cannot be written.
#include "lib/runs/log_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <new>
#include <string>

#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

// Files can have no more than so many bytes while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  FileSizeLimit(FileSizeLimit&&) = delete;
  FileSizeLimit& operator=(FileSizeLimit&&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class Log : public ::testing::Test {
 protected:
  [[nodiscard]] std::string content() const { return read_text_file(path_, 1 << 20); }
  TemporaryFolder folder_;
  std::string path_ = folder_ / "log";
};

TEST_F(Log, KeepsLinesThatCannotBeWritten) {
  // The limit may be within a line, which is then completed.
  for (const rlim_t limit : {5, 7, 10, 12}) {
    LogFile log(path_, "head\n");
    {
      const FileSizeLimit full(limit);
      for (const char* const line : {"one\n", "two\n", "three\n"}) log.add(line);
      EXPECT_EQ(log.failure(), "File too large");
      EXPECT_EQ(log.missing(), limit < 9 ? 3U : 2U);
      log.sync();
      EXPECT_EQ(log.failure(), "File too large");
      EXPECT_EQ(content().size(), limit);
    }
    log.add("four\n");
    EXPECT_EQ(log.failure(), "");
    EXPECT_EQ(log.missing(), 0U);
    EXPECT_EQ(content(), "head\none\ntwo\nthree\nfour\n");
  }
}

TEST_F(Log, WritesWhatWaitsWhenItIsSynced) {
  LogFile log(path_, "head\n");
  {
    const FileSizeLimit full(5);
    log.add("one\n");
  }
  log.sync();
  EXPECT_EQ(log.failure(), "");
  EXPECT_EQ(content(), "head\none\n");
}

TEST_F(Log, KeepsNoMoreThanALimit) {
  const std::string line(std::size_t{4} << 20, 'x');
  LogFile log(path_, "head\n");
  const std::size_t kept = kMaxUnwrittenLog / (line.size() + 1);
  {
    const FileSizeLimit full(5);
    for (std::size_t i = 0; i < kept + 3; ++i) log.add(line + "\n");
    EXPECT_EQ(log.missing(), kept + 3);
  }
  log.sync();
  EXPECT_EQ(log.failure(), "");
  EXPECT_EQ(log.missing(), 3U) << "which are lost";
  EXPECT_EQ(fs::file_size(path_), 5 + kept * (line.size() + 1));
}

TEST_F(Log, IsMadeAgainIfItIsDeleted) {
  LogFile log(path_, "head\n");
  log.add("one\n");
  log.sync();
  log.add("two\n");
  fs::remove(path_);
  EXPECT_EQ(log.missing(), 1U);
  log.add("three\n");
  EXPECT_EQ(log.failure(), "");
  EXPECT_EQ(content(), "head\none\ntwo\nthree\n");
  fs::remove(path_);
  log.sync();
  log.add("four\n");
  EXPECT_EQ(content(), "head\none\ntwo\nthree\nfour\n");
}

TEST_F(Log, IsMadeAgainWithItsFolder) {
  const std::string folder = folder_ / "runs";
  path_ = folder + "/log";
  fs::create_directory(folder);
  LogFile log(path_, "head\n");
  log.add("one\n");
  fs::remove_all(folder);
  log.add("two\n");
  EXPECT_EQ(log.failure(), "No such file or directory");
  EXPECT_EQ(log.missing(), 2U);
  fs::create_directory(folder);
  log.add("three\n");
  EXPECT_EQ(log.failure(), "");
  EXPECT_EQ(content(), "head\none\ntwo\nthree\n");
}

TEST_F(Log, LeavesAnotherFileOfItsNameAlone) {
  LogFile log(path_, "head\n");
  fs::remove(path_);
  {
    OutputFile other(path_, OutputFile::Content::text);
    other.write("another\n");
    other.commit();
  }
  log.add("one\n");
  EXPECT_EQ(log.failure(), "another file has taken its place");
  EXPECT_EQ(content(), "another\n");
  fs::remove(path_);
  log.sync();
  EXPECT_EQ(content(), "head\none\n");
}

TEST_F(Log, WhichIsMovedIsWrittenOn) {
  LogFile log(path_, "head\n");
  fs::rename(path_, path_ + ".1");
  log.add("one\n");
  EXPECT_EQ(log.failure(), "");
  path_ += ".1";
  EXPECT_EQ(content(), "head\none\n");
}

TEST_F(Log, OfAStreamKeepsWhatCannotBeWritten) {
  fs::create_symlink("/dev/full", path_);
  EXPECT_THROW(LogFile(path_, "head\n"), OutputError);
  LogFile log(path_, "");
  log.add("one\n");
  log.add("two\n");
  EXPECT_EQ(log.failure(), "No space left on device");
  EXPECT_EQ(log.missing(), 2U);
}

TEST(FailureToWrite, IsOfTheFileAndNotOfTheNet) {
  EXPECT_EQ(failure_to_write([] {}), "");
  EXPECT_EQ(failure_to_write([] { throw OutputError("a", "full"); }), "full");
  EXPECT_EQ(failure_to_write([] { throw Error("a", "no such folder"); }), "no such folder");
  EXPECT_EQ(failure_to_write([] { throw std::bad_alloc(); }), "out of memory");
  EXPECT_THROW((void)failure_to_write([] { throw NotFiniteError("net", "diverged"); }), NotFiniteError);
}

}  // namespace
}  // namespace convoy
