// lib/base/file: files appear whole or not at all, limits on what is read, mapped files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

class Files : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Files, AppearOnlyOnCommit) {
  std::ofstream(path("out")) << "old";
  {
    OutputFile out(path("out"), OutputFile::Content::binary);
    out.write("new");
    out.flush();
    EXPECT_EQ(read_text_file(path("out"), 100), "old");
  }
  EXPECT_EQ(read_text_file(path("out"), 100), "old");
  EXPECT_EQ(entries(), 1U) << "an abandoned temporary file is removed";
  OutputFile out(path("out"), OutputFile::Content::binary);
  out.write("new");
  out.commit();
  EXPECT_EQ(read_text_file(path("out"), 100), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, KeepTheModeOfWhatTheyReplace) {
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chmod(path("out").c_str(), 0640), 0);
  OutputFile out(path("out"), OutputFile::Content::text);
  out.commit();
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

TEST_F(Files, ReportAFullDisk) {
  OutputFile out("/dev/full", OutputFile::Content::binary);
  out.write("x");
  EXPECT_THROW(out.commit(), OutputError);
}

TEST_F(Files, ReportThatTheyCannotTakeTheirName) {
  {
    OutputFile out(path("out"), OutputFile::Content::binary);
    out.write("new");
    std::filesystem::create_directory(path("out"));
    EXPECT_THROW(out.commit(), OutputError);
  }
  EXPECT_EQ(entries(), 1U) << "the temporary file is removed";
}

TEST_F(Files, HaveAnyNameThatTheSystemTakes) {
  for (const std::size_t bytes : {248, 249, 255}) {
    const std::string name = path(std::string(bytes, 'n'));
    OutputFile out(name, OutputFile::Content::text);
    out.write("x");
    EXPECT_EQ(entries(), 1U) << "the temporary file";
    out.commit();
    EXPECT_EQ(read_text_file(name, 10), "x");
    std::filesystem::remove(name);
  }
  EXPECT_THROW(OutputFile(path(std::string(256, 'n')), OutputFile::Content::text), Error);
}

TEST_F(Files, RefuseWhatIsLargerThanTheLimit) {
  std::ofstream(path("in")) << "12345";
  EXPECT_EQ(read_text_file(path("in"), 5), "12345");
  EXPECT_THROW((void)read_text_file(path("in"), 4), Error);
  EXPECT_THROW((void)read_text_file(folder_.path(), 4), Error);
}

TEST_F(Files, MapsWhatWasWritten) {
  std::ofstream(path("in")) << "12345";
  MappedFile mapped(path("in"));
  EXPECT_EQ(as_text(mapped.bytes()), "12345");
  const MappedFile moved = std::move(mapped);
  EXPECT_EQ(as_text(moved.bytes()), "12345");
  std::ofstream(path("empty")) << "";
  EXPECT_TRUE(MappedFile(path("empty")).bytes().empty());
}

TEST_F(Files, OfTheKernelAreMappedWithTheBytesThatTheyHave) {
  EXPECT_EQ(as_text(MappedFile("/proc/version").bytes()), read_text_file("/proc/version", 10000));
  EXPECT_THROW(MappedFile("/proc/self/mem"), SystemError) << "reading fails, although it has no size";
}

TEST_F(Files, CutShortWhileMappedEndTheToolWithAMessageAndNoTemporary) {
  std::ofstream(path("mapped")) << std::string(100000, 'x');
  const auto read_what_is_gone = [&] {
    remove_temporaries_on_signals("some-tool");
    const MappedFile mapped(path("mapped"));
    OutputFile out(path("out"), OutputFile::Content::binary);
    std::filesystem::resize_file(path("mapped"), 10);
    const volatile std::byte last = mapped.bytes().back();
    static_cast<void>(last);
  };
  EXPECT_EXIT(read_what_is_gone(), ::testing::KilledBySignal(SIGBUS),
              "^some-tool: a file that is being read was cut short or cannot be read\n$");
  EXPECT_EQ(entries(), 1U);
}

}  // namespace
}  // namespace convoy
