// lib/shards/outputs: names of outputs from a pattern.
#include "lib/shards/outputs.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace convoy {
namespace {

TEST(OutputPattern, NamesOutputs) {
  EXPECT_EQ(OutputPattern("x-%05d.shard", true, false).name("", 12), "x-00012.shard");
  EXPECT_EQ(OutputPattern("%d", true, false).name("", 12), "12");
  EXPECT_EQ(OutputPattern("%s/%s-%02d%%", true, true).name("val", 123), "val/val-123%");
  EXPECT_EQ(OutputPattern("50%d", false, false).name("", 0), "50%d");
  for (const char* bad : {"x", "-", "%", "%5d", "%00d", "%99d", "%x", "%1s", "a%d%", "%s%d"}) {
    EXPECT_THROW(OutputPattern(bad, true, false), UsageError) << bad;
  }
  EXPECT_THROW(OutputPattern("%d", true, true), UsageError);
}

}  // namespace
}  // namespace convoy
