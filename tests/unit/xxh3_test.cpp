// lib/base/xxh3: values of XXH3-64 by xxhsum, and bytes that come in parts.
#include "lib/base/xxh3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "lib/base/file.h"

namespace convoy {
namespace {

TEST(Xxh3, IsThatOfXxhsum) {
  EXPECT_EQ(xxh3({}), 0x2d06800538d394c2U);
  EXPECT_EQ(xxh3(as_bytes_of("abc")), 0x78af5f94892f3950U);
  EXPECT_EQ(Xxh3().value(), xxh3({}));
}

TEST(Xxh3, DoesNotDependOnTheParts) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(5000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xFFU);
  for (std::size_t length = 0; length <= bytes.size(); length += 1 + length / 16) {
    Xxh3 hash;
    for (std::span<const std::byte> rest = std::span(bytes).first(length); !rest.empty();) {
      const std::size_t part = std::min<std::size_t>(rest.size(), random() % 700);
      hash.add(rest.first(part));
      rest = rest.subspan(part);
    }
    EXPECT_EQ(hash.value(), xxh3(std::span(bytes).first(length))) << length;
    EXPECT_EQ(hash.value(), xxh3(std::span(bytes).first(length))) << "asked twice";
  }
}

}  // namespace
}  // namespace convoy
