// Locks that keep two processes from writing one output.
#include "lib/base/output_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;

// Another process, which holds an output until it is killed.
class Holder {
 public:
  explicit Holder(const std::string& output) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    process_ = ::fork();
    if (process_ == 0) {
      const OutputLock lock(output);
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  Holder(Holder&&) = delete;
  Holder& operator=(Holder&&) = delete;
  ~Holder() { kill(); }
  void kill() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  [[nodiscard]] std::string refusal() const {
    return "another run is writing it (process " + std::to_string(process_) + ")";
  }

 private:
  pid_t process_ = 0;
};

std::size_t entries(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder.path()), {}));
}

TEST(OutputLock, IsHeldByOneProcessUntilItEnds) {
  const TemporaryFolder folder;
  fs::create_symlink("x", folder / "link");
  Holder other(folder / "x");
  for (const std::string& name : {folder / "x", folder / "link", folder / "./x"}) {
    EXPECT_EQ(error_of([&] { OutputFile(name, OutputFile::Content::text); }), name + ": " + other.refusal());
  }
  EXPECT_NO_THROW(OutputLock(folder / "y"));
  other.kill();
  EXPECT_NO_THROW(OutputLock(folder / "x"));
  EXPECT_EQ(entries(folder), 1U) << "what the killed process left is removed";
}

TEST(OutputLock, LeavesNothingBehind) {
  const TemporaryFolder folder;
  {
    OutputFile out(folder / "x", OutputFile::Content::text);
    EXPECT_EQ(entries(folder), 2U) << "the temporary file and the lock";
    out.commit();
    EXPECT_EQ(entries(folder), 1U);
  }
  EXPECT_EQ(entries(folder), 1U);
}

TEST(OutputLock, StaysWithTheProcessThatHasIt) {
  const TemporaryFolder folder;
  OutputLock lock(folder / "x");
  for (int i = 0; i < 2; ++i) {
    OutputFile out(folder / "x", OutputFile::Content::text);
    out.commit();
    EXPECT_TRUE(fs::exists(folder / ".x.convoy-lock")) << "the output does not take the run's lock with it";
  }
  const OutputLock moved = std::move(lock);
  EXPECT_TRUE(fs::exists(folder / ".x.convoy-lock"));
}

TEST(OutputLock, IsDoneWithoutWhereItCannotBeMade) {
  const TemporaryFolder folder;
  fs::create_directory(folder / ".x.convoy-lock");
  OutputFile out(folder / "x", OutputFile::Content::text);
  out.write("text");
  out.commit();
  EXPECT_EQ(read_text_file(folder / "x", 10), "text");
  EXPECT_NO_THROW(OutputLock(folder / "no/such/folder"));
  EXPECT_NO_THROW(OutputLock("/dev/null"));
  EXPECT_NO_THROW(OutputLock("-"));
}

}  // namespace
}  // namespace convoy
