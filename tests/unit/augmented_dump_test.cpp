// What --dump-augmented asks for, and which files an earlier dump may have left.
#include "lib/runs/augmented_dump.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace convoy {
namespace {

TEST(DumpRequest, IsAFolderAndPerhapsANumber) {
  const auto request = [](const char* text) {
    const DumpRequest parsed = DumpRequest::parse(text);
    return parsed.folder + " " + std::to_string(parsed.images);
  };
  EXPECT_EQ(request("seen"), "seen 64");
  EXPECT_EQ(request("a/b:7"), "a/b 7");
  EXPECT_EQ(request("a:7:1000000"), "a:7 1000000");
  EXPECT_EQ(request("c:/seen"), "c:/seen 64") << "what follows the colon is no number";
  for (const char* bad : {"", ":3", "a:0", "a:1000001", "a:", "a:99999999999999999999"}) {
    EXPECT_THROW((void)DumpRequest::parse(bad), UsageError) << bad;
  }
}

TEST(DumpedNames, AreThoseOfADumpAlone) {
  for (const char* name : {"step1-0-record0-label0-a.png", "step0001-007-record00123-label5-n01440764.png",
                           "step9-1-record2-label3-a-b.png.png"}) {
    EXPECT_TRUE(is_dumped_name(name)) << name;
  }
  for (const char* name : {"", "a.png", "step-0-record0-label0-a.png", "step1-0-record0-label0-a.jpg",
                           "step1-0-record0-label0.png", "step1-0-record0-label-a.png",
                           "step1-0record0-label0-a.png", "xstep1-0-record0-label0-a.png"}) {
    EXPECT_FALSE(is_dumped_name(name)) << name;
  }
}

}  // namespace
}  // namespace convoy
