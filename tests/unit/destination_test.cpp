// Where outputs go, by whatever names.
#include "lib/base/destination.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using Kind = Destination::Kind;
using test::error_of;
using test::TemporaryFolder;

// A descriptor such as one that a process is started with.
Fd inherited(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CREAT, 0600));
  EXPECT_TRUE(fd.valid());
  return fd;
}

TEST(Destination, KnowsDescriptorsByAnyName) {
  const TemporaryFolder folder;
  const Fd fd = inherited(folder / "file", O_WRONLY);
  const std::string number = std::to_string(fd.get());
  fs::create_symlink("/proc/self/fd/" + number, folder / "link");
  fs::create_symlink("link", folder / "link-to-link");
  fs::create_directory_symlink("/proc/self/fd", folder / "fd");
  for (const std::string& name :
       {"/dev/fd/" + number, "//dev/./fd/" + number, "/proc/self/fd/" + number,
        "/proc/thread-self/fd/" + number, "/proc/" + std::to_string(::getpid()) + "/fd/" + number,
        folder / "link", folder / "link-to-link", folder / "fd" + "/" + number}) {
    const Destination to = Destination::of(name);
    EXPECT_EQ(to.kind, Kind::descriptor) << name;
    EXPECT_EQ(to.descriptor, fd.get()) << name;
    EXPECT_EQ(to.name, name);
    EXPECT_EQ(to.identity(), Destination::of(folder / "file").identity()) << name;
  }
  for (const auto& [name, descriptor] : {std::pair("-", 1), std::pair("/dev/stdout", 1),
                                         std::pair("/dev/stderr", 2), std::pair("/dev/stdin", 0)}) {
    EXPECT_EQ(Destination::of(name).kind, Kind::descriptor) << name;
    EXPECT_EQ(Destination::of(name).descriptor, descriptor) << name;
    EXPECT_FALSE(is_replaced(name));
  }
}

TEST(Destination, RefusesDescriptorsThatTheProcessWasNotStartedWith) {
  const TemporaryFolder folder;
  const Fd own(::open((folder / "file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (const std::string& name : {"/dev/fd/" + std::to_string(own.get()), std::string("/proc/self/fd/999"),
                                  std::string("/dev/fd/99999")}) {
    EXPECT_EQ(error_of([&] { static_cast<void>(Destination::of(name)); }), name + ": Bad file descriptor");
  }
}

TEST(Destination, IsAFileUnderItsOwnNameOrAtTheEndOfLinks) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "old";
  fs::create_directories(folder / "a/b");
  fs::create_symlink("b/../../new", folder / "a/one");
  fs::create_symlink(folder / "a/one", folder / "two");
  fs::create_symlink("file", folder / "three");
  EXPECT_EQ(Destination::of(folder / "file").path, folder / "file");
  EXPECT_EQ(Destination::of(folder / "three").path, folder / "file");
  const Destination to = Destination::of(folder / "two");
  EXPECT_EQ(to.kind, Kind::file);
  EXPECT_EQ(to.name, folder / "two");
  EXPECT_EQ(fs::weakly_canonical(to.path), fs::weakly_canonical(folder / "new"));
  EXPECT_EQ(to.identity(), Destination::of(folder / "a/../new").identity());
  EXPECT_NE(to.identity(), Destination::of(folder / "other").identity());
  EXPECT_EQ(Destination::of(folder / "three").identity(), Destination::of(folder / "file").identity());
  // What is not there yet, by its path from the current folder.
  const std::string missing = "no-file-of-this-name";
  for (const std::string& other : {"./" + missing, (fs::current_path() / missing).string()}) {
    EXPECT_EQ(Destination::of(missing).identity(), Destination::of(other).identity());
  }
  EXPECT_TRUE(is_replaced(folder / "two"));
  EXPECT_TRUE(is_replaced(folder / "1"));
}

TEST(Destination, RefusesLinksThatLeadInACircle) {
  const TemporaryFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_EQ(error_of([&] { static_cast<void>(Destination::of(folder / "a")); }),
            folder / "a" + ": Too many levels of symbolic links");
}

TEST(Destination, IsSpecialIfItIsNoFileOfItsOwn) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  fs::create_symlink("fifo", folder / "link");
  for (const std::string& name :
       {folder / "fifo", folder / "link", folder.path(), std::string("/dev/null")}) {
    EXPECT_EQ(Destination::of(name).kind, Kind::special) << name;
    EXPECT_FALSE(is_replaced(name));
  }
  EXPECT_EQ(Destination::of(folder / "fifo").identity(), Destination::of(folder / "link").identity());
  EXPECT_EQ(Destination::of("/dev/null").identity(), "") << "any number of outputs may go there";
}

TEST(Destination, LeavesTheDescriptorsOfOtherProcessesToThem) {
  const TemporaryFolder folder;
  const Fd file = inherited(folder / "file", O_WRONLY);
  constexpr int kElsewhere = 200;
  ASSERT_EQ(::dup2(file.get(), kElsewhere), kElsewhere);
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ::close(kElsewhere);
  const std::string folder_of_child = "/proc/" + std::to_string(child) + "/fd/";
  EXPECT_EQ(Destination::of(folder_of_child + std::to_string(file.get())).kind, Kind::descriptor)
      << "one that both processes have";
  const std::string name = folder_of_child + std::to_string(kElsewhere);
  EXPECT_EQ(Destination::of(name).kind, Kind::special);
  ASSERT_EQ(::write(file.get(), "older\n", 6), 6);
  OutputFile out(name, OutputFile::Content::text);
  out.write("new\n");
  out.commit();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(read_text_file(folder / "file", 100), "older\nnew\n");
}

TEST(OutputFiles, ShareTheOffsetOfTheirDescriptor) {
  const TemporaryFolder folder;
  const Fd fd = inherited(folder / "file", O_WRONLY);
  for (const char* text : {"one ", "two "}) {
    OutputFile out("/proc/self/fd/" + std::to_string(fd.get()), OutputFile::Content::binary);
    out.write(text);
    out.commit();
  }
  ASSERT_EQ(::write(fd.get(), "three", 5), 5);
  EXPECT_EQ(read_text_file(folder / "file", 100), "one two three");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(OutputFiles, RefuseADescriptorThatIsOpenForReading) {
  const TemporaryFolder folder;
  const Fd fd = inherited(folder / "file", O_RDONLY);
  const std::string name = "/dev/fd/" + std::to_string(fd.get());
  EXPECT_EQ(error_of([&] { OutputFile(name, OutputFile::Content::text); }), name + ": Bad file descriptor");
}

}  // namespace
}  // namespace convoy
