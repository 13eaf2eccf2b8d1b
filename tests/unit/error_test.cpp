// lib/base/error: every error keeps the parts of its message, however odd the names in them are.
#include "lib/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>

#include "lib/base/file.h"

namespace convoy {
namespace {

struct Parts {
  std::string place;
  std::string where;
  std::string reason;
  std::string what;
};
bool operator==(const Parts& a, const Parts& b) {
  return a.place == b.place && a.where == b.where && a.reason == b.reason && a.what == b.what;
}

Parts parts_of(const Error& error) { return {error.place(), error.where(), error.reason(), error.what()}; }

TEST(Errors, KeepPlaceAndReason) {
  for (const std::string place : {"a.png", "a: offset 3", "b): c", "x:1:2: y", ": ", "a: record 3 (b): c"}) {
    EXPECT_EQ(parts_of(Error(place, "JPEG: cut")), (Parts{place, place, "JPEG: cut", place + ": JPEG: cut"}));
    const FormatError format(place, 16, "no chunk");
    EXPECT_EQ(parts_of(format),
              (Parts{place, place + ": offset 16", "no chunk", place + ": offset 16: no chunk"}));
    EXPECT_EQ(format.offset(), 16U);
    const TextError text(place, 3, 7, "a second TAB");
    EXPECT_EQ(parts_of(text), (Parts{place, place + ":3:7", "a second TAB", place + ":3:7: a second TAB"}));
    EXPECT_EQ(text.line(), 3U);
    EXPECT_EQ(text.column(), 7U);
    EXPECT_EQ(parts_of(TextError(place, 3, 0, "empty")),
              (Parts{place, place + ":3", "empty", place + ":3: empty"}));
  }
}

TEST(Errors, NeedNoPlace) {
  EXPECT_EQ(parts_of(Error("no images")), (Parts{"", "", "no images", "no images"}));
  EXPECT_EQ(parts_of(Error("", "no images")), (Parts{"", "", "no images", "no images"}));
}

TEST(Errors, QuoteNoMoreThanALine) {
  const std::string huge(std::size_t{1} << 20, 'x');
  const Error error("a.shard", "codec '" + huge + "' is neither raw nor jpeg");
  EXPECT_EQ(error.reason().size(), 1000U);
  EXPECT_TRUE(error.reason().starts_with("codec 'xxx"));
  EXPECT_TRUE(error.reason().ends_with("xxx' is neither raw nor jpeg"));
  EXPECT_EQ(error.what(), "a.shard: " + error.reason());
  EXPECT_EQ(std::string(UsageError("--lr", huge).what()).size(), 1000U + 6);
  EXPECT_EQ(std::string(UsageError(huge).what()).size(), 1000U);
}

TEST(Errors, OfTheSystemSayWhatItSays) {
  try {
    throw_errno("a: b", ENOENT);
  } catch (const Error& error) {
    EXPECT_EQ(parts_of(error),
              (Parts{"a: b", "a: b", "No such file or directory", "a: b: No such file or directory"}));
  }
}

// Code that leaves an image or a record out catches Error, and must not catch these.
static_assert(!std::is_base_of_v<Error, SystemError>);
static_assert(!std::is_base_of_v<Error, OutputError>);

TEST(Errors, OfTheMachineAreNoneOfTheData) {
  for (const int code : {ENOMEM, EMFILE, ENFILE, EAGAIN, ENOSPC, EDQUOT, EIO, ESTALE, ETIMEDOUT, ENOBUFS}) {
    EXPECT_THROW(throw_errno("a.png", code), SystemError) << code;
    EXPECT_THROW(throw_system_failure("a.png", {code, std::generic_category()}), SystemError) << code;
  }
  for (const int code : {ENOENT, EACCES, EPERM, ELOOP, ENOTDIR, ENAMETOOLONG, EINVAL, EISDIR, ENXIO}) {
    EXPECT_THROW(throw_errno("a.png", code), Error) << code;
    EXPECT_NO_THROW(throw_system_failure("a.png", {code, std::generic_category()})) << code;
  }
  EXPECT_NO_THROW(throw_system_failure("a.png", {}));
  try {
    throw_errno("a: b", EIO);
  } catch (const SystemError& error) {
    EXPECT_EQ(error.place(), "a: b");
    EXPECT_EQ(error.reason(), "Input/output error");
    EXPECT_STREQ(error.what(), "a: b: Input/output error");
  }
}

// Whoever goes on with another file after the one must not do so after the other.
TEST(Errors, OfStorageAreToldFromExhaustion) {
  for (const int code : {EIO, ENODATA, ESTALE, ETIMEDOUT})
    EXPECT_THROW(throw_errno("a", code), StorageError) << code;
  for (const int code : {ENOMEM, EMFILE, EAGAIN, ENOSPC}) {
    try {
      throw_errno("a", code);
    } catch (const SystemError& error) {
      EXPECT_EQ(dynamic_cast<const StorageError*>(&error), nullptr) << code;
    }
  }
}

TEST(UsageErrors, NameTheirOption) {
  const UsageError value("--steps", "'x: y' is not a whole number");
  EXPECT_EQ(value.option(), "--steps");
  EXPECT_STREQ(value.what(), "--steps: 'x: y' is not a whole number");
  const UsageError sentence = UsageError::about("--json", "--json needs --info");
  EXPECT_EQ(sentence.option(), "--json");
  EXPECT_STREQ(sentence.what(), "--json needs --info");
  EXPECT_EQ(UsageError("the run would be too long").option(), "");
}

}  // namespace
}  // namespace convoy
