// lib/prep/image_source: every kind of operand yields the same images, with names, labels and classes.
#include "lib/prep/image_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "formats/png.h"
#include "formats/shard_layout.h"
#include "lib/base/error.h"
#include "lib/prep/walk.h"
#include "tests/support/archives.h"
#include "tests/support/error_message.h"
#include "tests/support/images.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::make_tar;
using test::Packing;
using test::write_file;
using Bytes = std::vector<std::uint8_t>;
using Files = std::vector<std::pair<std::string, Bytes>>;

Bytes png(unsigned seed) { return encode_png(test::smooth_image(6, 5, 3, seed)); }

// "name label" of every image, or "name! reason".
struct Result {
  std::vector<std::string> images;
  std::vector<std::string> classes;
  std::vector<Bytes> bytes;
};

Result read(InputOptions options) {
  ImageSource inputs(std::move(options));
  Result result;
  for (const ClassInfo& info : inputs.classes()) {
    result.classes.push_back(info.id + (info.name.empty() ? "" : "=" + info.name));
  }
  while (auto input = inputs.next()) {
    result.images.push_back(input->failure.empty() ? input->name + " " + std::to_string(input->label)
                                                   : input->name + "! " + input->failure);
    if (input->failure.empty() && std::filesystem::exists(input->path)) {
      const auto file = read_file(input->path, 1 << 20);
      input->bytes.assign(as_u8(file).begin(), as_u8(file).end());
    }
    if (input->failure.empty()) result.bytes.push_back(input->bytes);
  }
  return result;
}

using Strings = std::vector<std::string>;

class Inputs : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const Bytes& bytes) {
    write_file(folder_ / name, bytes);
    return folder_ / name;
  }
  std::string write_text(const std::string& name, const std::string& text) {
    return write(name, Bytes(text.begin(), text.end()));
  }
  test::TemporaryFolder folder_;
  Files images_ = {{"top/dog/2.png", png(1)}, {"top/cat/b/1.png", png(2)}, {"top/cat/a.png", png(3)}};
};

TEST_F(Inputs, FoldersAreClasses) {
  for (const auto& [path, bytes] : images_) write(path, bytes);
  write("top/.hidden", {1});
  write("top/loose.png", png(4));
  const Result result = read({.operands = {folder_ / "top"}});
  EXPECT_EQ(result.classes, (Strings{"cat", "dog"}));
  EXPECT_EQ(result.images, (Strings{"cat/a.png 0", "cat/b/1.png 0", "dog/2.png 1", "loose.png -1"}));
  EXPECT_EQ(result.bytes[0], images_[2].second);
}

TEST_F(Inputs, AFolderThatLeadsBackIsLeftOutAlone) {
  write("top/cat/1.png", png(1));
  write("top/dog/2.png", png(2));
  std::filesystem::create_directory_symlink("..", std::string(folder_ / "top/cat/loop"));
  // Two paths to one folder are no loop.
  std::filesystem::create_directory_symlink("cat", std::string(folder_ / "top/again"));
  const Result result = read({.operands = {folder_ / "top"}});
  const std::string reason = "! leads back to a folder that it lies in";
  EXPECT_EQ(result.images, (Strings{"again/1.png 0", "again/loop" + reason, "cat/1.png 1",
                                    "cat/loop" + reason, "dog/2.png 2"}));
}

TEST_F(Inputs, WhatIsNoRegularFileIsLeftOutAlone) {
  write("top/cat/1.png", png(1));
  ASSERT_EQ(::mkfifo(std::string(folder_ / "top/cat/fifo").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/null", std::string(folder_ / "top/cat/device"));
  std::filesystem::create_symlink("nothing", std::string(folder_ / "top/cat/link"));
  const Result result = read({.operands = {folder_ / "top"}});
  EXPECT_EQ(result.images, (Strings{"cat/1.png 0", "cat/device! not a regular file",
                                    "cat/fifo! not a regular file", "cat/link 0"}));
}

TEST_F(Inputs, FoldersNestedTooDeepAreLeftOutAlone) {
  std::string path = "top";
  for (int depth = 1; depth <= kMaxFolderDepth; ++depth) path += "/d";
  write(path + "/1.png", png(1));
  write("top/e/2.png", png(2));
  const Result result = read({.operands = {folder_ / "top"}});
  ASSERT_EQ(result.images.size(), 2U);
  EXPECT_NE(result.images[0].find("! folders nested more than 64 deep"), std::string::npos);
  EXPECT_EQ(result.images[1], "e/2.png 0");
}

TEST_F(Inputs, ClassesOfSeveralFoldersAreOneTable) {
  write("one/b/1.png", png(1));
  write("two/a/1.png", png(2));
  const Result result = read({.operands = {folder_ / "one", folder_ / "two/"}});
  EXPECT_EQ(result.classes, (Strings{"a", "b"}));
  EXPECT_EQ(result.images, (Strings{"b/1.png 1", "a/1.png 0"}));
}

TEST_F(Inputs, TheTableMayBeGiven) {
  write("top/dog/2.png", png(1));
  write("top/cow/1.png", png(2));
  InputOptions options{.operands = {folder_ / "top"}};
  options.labels.classes = std::vector<ClassInfo>{{"dog", "Dog"}, {"cat", ""}};
  const Result result = read(options);
  EXPECT_EQ(result.classes, (Strings{"dog=Dog", "cat"}));
  EXPECT_EQ(result.images, (Strings{"cow/1.png! 'cow' is no class of the table", "dog/2.png 0"}));
}

TEST_F(Inputs, ArchivesAreFolders) {
  for (const Packing packing : {Packing::plain, Packing::gzip, Packing::zstd}) {
    const std::string path = write("x.bin", make_tar(images_, packing));
    const Result result = read({.operands = {path}});
    EXPECT_EQ(result.classes, (Strings{"cat", "dog"}));
    EXPECT_EQ(result.images, (Strings{"top/dog/2.png 1", "top/cat/b/1.png 0", "top/cat/a.png 0"}));
    EXPECT_EQ(result.bytes[2], images_[2].second);
    // If the table is given, nothing is read in advance, and the labels are the same.
    InputOptions options{.operands = {path}};
    options.labels.classes = std::vector<ClassInfo>{{"cat", ""}, {"dog", ""}};
    EXPECT_EQ(read(options).images, result.images);
  }
}

TEST_F(Inputs, FlatArchivesHaveNoClasses) {
  const std::string path = write("x.tar", make_tar({{"val/1.png", png(1)}, {"val/2.png", png(2)}}));
  const Result result = read({.operands = {path}});
  EXPECT_TRUE(result.classes.empty());
  EXPECT_EQ(result.images, (Strings{"val/1.png -1", "val/2.png -1"}));
}

TEST_F(Inputs, ArchivesInArchivesAreClasses) {
  const Bytes dogs = make_tar({{"d1.JPEG", png(1)}, {"d2.JPEG", png(2)}});
  const Bytes cats = make_tar({{"./c1.JPEG", png(3)}}, Packing::gzip);
  for (const std::string prefix : {"", "train/"}) {
    const Files outer = {{prefix + "n02.tar", dogs}, {prefix + "n01.tar.gz", cats}};
    const std::string path = write("outer", make_tar(outer));
    const Result result = read({.operands = {path}});
    EXPECT_EQ(result.classes, (Strings{"n01", "n02"}));
    EXPECT_EQ(result.images, (Strings{"n02/d1.JPEG 1", "n02/d2.JPEG 1", "n01/c1.JPEG 0"}));
    EXPECT_EQ(result.bytes[2], png(3));
  }
}

TEST_F(Inputs, ACompressedImageIsAnImage) {
  const Bytes packed = test::pack(png(1), Packing::gzip);
  write("top/a/1.JPEG", packed);
  write("x.tar", make_tar({{"top/a/1.JPEG", packed}, {"top/b/2.JPEG", png(2)}}));
  const Result archive = read({.operands = {folder_ / "x.tar"}});
  EXPECT_EQ(archive.images, (Strings{"top/a/1.JPEG 0", "top/b/2.JPEG 1"}));
  EXPECT_EQ(archive.bytes[0], png(1));
  EXPECT_EQ(read({.operands = {folder_ / "top/a/1.JPEG"}}).images.size(), 1U);
}

TEST_F(Inputs, DamageInAnInnerArchiveCostsThat) {
  Bytes damaged = make_tar({{"a.png", png(1)}, {"b.png", png(2)}});
  damaged[1024 + 10] ^= 0xFF;  // in the header of b.png (one block of header, one of data before it)
  const std::string path =
      write("outer", make_tar({{"n1.tar", damaged}, {"n2.tar", make_tar({{"c.png", png(3)}})}}));
  const Result result = read({.operands = {path}});
  ASSERT_EQ(result.images.size(), 3U);
  EXPECT_EQ(result.images[0], "n1/a.png 0");
  EXPECT_NE(result.images[1].find("! n1.tar: "), std::string::npos) << result.images[1];
  EXPECT_EQ(result.images[2], "n2/c.png 1");
}

TEST_F(Inputs, ACutArchiveIsSaidOnceItsImagesAreRead) {
  Bytes bytes = make_tar({{"a/1.png", png(1)}, {"b/2.png", png(2)}});
  bytes.resize(1024 + 512 + 50);  // in the data of the second
  const std::string path = write("x.tar", bytes);
  const std::string behind = write("b.png", png(4));
  const Result result = read({.operands = {path, behind}});
  ASSERT_GE(result.images.size(), 3U) << ::testing::PrintToString(result.images);
  EXPECT_EQ(result.images.front().substr(0, 7), "a/1.png");
  EXPECT_NE(result.images[1].find('!'), std::string::npos);
  EXPECT_EQ(result.images.back(), behind + " -1");
}

TEST_F(Inputs, ListsGiveLabels) {
  const std::string a = write("a.png", png(1));
  const std::string list = write_text("list", a + "\t2\n" + a + " 0\n" + a + "\nmissing.png\t1\n");
  const Result result = read({.files_from = list});
  EXPECT_EQ(result.classes, (Strings{"0", "1", "2"}));
  EXPECT_EQ(result.images, (Strings{a + " 2", a + " 0", a + " -1", "missing.png 1"}));
}

TEST_F(Inputs, ListsWithNamesNeedTheTable) {
  const std::string a = write("a.png", png(1));
  const std::string list = write_text("list", a + "\tdog\n" + a + "\t0\n");
  InputOptions options{.files_from = list};
  EXPECT_THROW(read(options), TextError);
  options.labels.classes = std::vector<ClassInfo>{{"cat", ""}, {"dog", ""}};
  EXPECT_EQ(read(options).images, (Strings{a + " 1", a + " 0"}));
  options.labels.classes->pop_back();
  EXPECT_THROW(read(options), TextError);
}

TEST_F(Inputs, NumbersAndNamesDoNotMix) {
  write("top/dog/2.png", png(1));
  const std::string list = write_text("list", folder_ / "top/dog/2.png" + "\t0\n");
  EXPECT_THROW(read({.operands = {folder_ / "top"}, .files_from = list}), Error);
}

TEST_F(Inputs, PatternsTakeClassesFromNames) {
  const std::string path =
      write("x.tar",
            make_tar({{"n02_dog_1.png", png(1)}, {"n01_cat.png", png(2)}, {"README", {1}}, {"x.png", {1}}}));
  InputOptions options{.operands = {path}};
  options.labels.class_pattern = "(n[0-9]+)_([a-z]+)";
  const Result result = read(options);
  EXPECT_EQ(result.classes, (Strings{"n01=cat", "n02=dog"}));
  EXPECT_EQ(result.images,
            (Strings{"n02_dog_1.png 1", "n01_cat.png 0", "x.png! the name does not match --class-pattern"}));
  options.labels.class_pattern = "n[0-9]+";
  EXPECT_THROW(read(options), UsageError);
  options.labels.class_pattern = "(n[0-9+";
  EXPECT_THROW(read(options), UsageError);
}

TEST_F(Inputs, LabelTablesGoByName) {
  const std::string path =
      write("x.tar", make_tar({{"val/1.png", png(1)}, {"val/2.png", png(2)}, {"val/3.png", png(3)}}));
  InputOptions options{.operands = {path}};
  options.labels.labels_file = write_text("truth", "2.png\t1\nval/1.png 4\n");
  EXPECT_EQ(read(options).images,
            (Strings{"val/1.png 4", "val/2.png 1", "val/3.png! no label in " + options.labels.labels_file}));
  EXPECT_EQ(read(options).classes.size(), 5U);
  options.labels.labels_file = write_text("truth", "2.png\n");
  EXPECT_THROW(read(options), TextError);
  options.labels.labels_file = write_text("truth", "2.png 1\n2.png 1\n");
  EXPECT_THROW(read(options), TextError);
}

// An IDX file of unsigned bytes.
Bytes idx(const Bytes& dims, const Bytes& values) {
  Bytes file{0, 0, 8, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint8_t dim : dims) file.insert(file.end(), {0, 0, 0, dim});
  file.insert(file.end(), values.begin(), values.end());
  return file;
}

TEST_F(Inputs, IdxPairsAreNumbered) {
  const std::string images = write("i", idx({4, 2, 2}, Bytes(16, 7)));
  const std::string labels = write("l", idx({4}, {0, 1, 2, 0}));
  const Result result = read({.operands = {images, labels}, .idx = true});
  EXPECT_EQ(result.classes, (Strings{"0", "1", "2"}));
  EXPECT_EQ(result.images, (Strings{images + ":0 0", images + ":1 1", images + ":2 2", images + ":3 0"}));
  InputOptions two{.operands = {images, labels}, .idx = true};
  two.labels.classes = std::vector<ClassInfo>{{"x", ""}, {"y", ""}};
  EXPECT_EQ(read(two).images[2], images + ":2! label 2 is out of range: the table has 2 classes, from 0");
}

TEST_F(Inputs, IdxLabelsFollowTheirImages) {
  const std::string one = write("one", idx({2, 1, 2}, {1, 2, 3, 4}));
  const std::string two = write("two", idx({2, 1, 2}, {5, 6, 7, 8}));
  const std::string labels = write("labels", idx({2, 3}, {4, 9, 9, 1, 9, 9}));
  const auto source = [](const Strings& operands) {
    return ImageSource({.operands = operands, .idx = true}).notes();
  };
  // Images whose labels do not follow have none.
  EXPECT_EQ(read({.operands = {one}, .idx = true}).images, (Strings{one + ":0 -1", one + ":1 -1"}));
  const Result both = read({.operands = {one, two, labels, one}, .idx = true});
  EXPECT_EQ(both.images, (Strings{one + ":0 -1", one + ":1 -1", two + ":0 4", two + ":1 1", one + ":0 -1",
                                  one + ":1 -1"}));
  EXPECT_EQ(both.classes.size(), 5U);
  EXPECT_EQ(source({one, two, labels}), (Strings{labels + ": of 3 columns, the first is the class",
                                                 one + ": no labels follow: its images have no class"}));
  const std::string either = write("either", idx({1, 3, 2, 3}, Bytes(18, 0)));
  EXPECT_EQ(source({either}), (Strings{either + ": 1 x 3 x 2 x 3 is read as number, height, width, channels",
                                       either + ": no labels follow: its images have no class"}));
  // A table of labels by name serves those.
  InputOptions named{.operands = {one}, .idx = true};
  named.labels.labels_file = write_text("table", "one:0 3\none:1 0\n");
  EXPECT_EQ(read(named).images, (Strings{one + ":0 3", one + ":1 0"}));
  EXPECT_EQ(ImageSource(named).notes(), Strings{});
  // A file for each class.
  InputOptions files{.operands = {two, one}, .idx = true};
  files.labels.class_pattern = "([a-z]+):";
  const Result classes = read(files);
  EXPECT_EQ(classes.classes, (Strings{"one", "two"}));
  EXPECT_EQ(classes.images, (Strings{two + ":0 1", two + ":1 1", one + ":0 0", one + ":1 0"}));
}

TEST_F(Inputs, IdxFilesThatDoNotFitAreNamed) {
  const std::string images = write("images", idx({2, 1, 2}, {1, 2, 3, 4}));
  const std::string labels = write("labels", idx({2}, {1, 2}));
  const std::string three = write("three", idx({3}, {0, 1, 2}));
  const auto error = [](const Strings& operands, std::size_t classes = 0) {
    InputOptions options{.operands = operands, .idx = true};
    if (classes > 0) options.labels.classes = std::vector<ClassInfo>{{"x", ""}, {"y", ""}, {"z", ""}};
    if (classes > 0) options.labels.classes->resize(classes);
    return test::error_of([&] { read(options); });
  };
  EXPECT_EQ(
      error({labels, images}),
      labels + ": labels (2) where images, of 3 or 4 dimensions, are expected: labels follow their images");
  EXPECT_EQ(error({images, labels, three}),
            three + ": labels (3) behind " + labels + ", which has those of " + images);
  EXPECT_EQ(error({images, three}), three + ": 3 labels for the 2 images of " + images);
  EXPECT_EQ(error({images, folder_ / "gone"}), (folder_ / "gone") + ": No such file or directory");
  // The last of two classes has the number 2, so that each label would be that of the class behind.
  EXPECT_EQ(error({images, labels}, 2),
            labels +
                ": labels from 1 to 2, but the table has 2 classes, from 0: subtract "
                "1, or begin the table with a line for class 0");
  EXPECT_EQ(error({images, labels}, 3), "");
  // Half a set is no set: what is wrong with an image ends the run.
  const std::string wide = write("wide", {0, 0, 11, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 1, 0});
  EXPECT_EQ(error({images, wide}),
            wide + ": offset 18: the value 256 (1 in little-endian order) of image 0 is not from 0 to 255");
}

TEST_F(Inputs, IdxImagesAreOperandsWithoutLabels) {
  const Bytes bytes = idx({2, 1, 2}, {1, 2, 3, 4});
  const Bytes cut(bytes.begin(), bytes.end() - 1);
  const auto unlabelled = [](const std::string& path) {
    return read({.operands = {path}, .labelled = false, .shards_and_lists = true}).images;
  };
  for (const auto packing : {Packing::plain, Packing::gzip, Packing::zstd}) {
    const std::string path = write("images", packing == Packing::plain ? bytes : test::pack(bytes, packing));
    EXPECT_EQ(unlabelled(path), (Strings{path + ":0 -1", path + ":1 -1"}));
    EXPECT_EQ(read({.operands = {path}}).images, Strings{path + "! an IDX file: give --idx"});
  }
  const std::string path = write("cut", test::pack(cut, Packing::gzip));
  EXPECT_EQ(unlabelled(path),
            (Strings{path + ":0 -1", path + "! the header promises 4 values, the file has 3"}));
  const std::string labels = write("labels", idx({2}, {1, 2}));
  EXPECT_EQ(unlabelled(labels).size(), 1U);
  EXPECT_TRUE(unlabelled(labels)[0].starts_with(labels + "! not images: 1 dimension (2)"));
}

// A FIFO is read in the same way as standard input.
class Pipe {
 public:
  Pipe(const std::string& path, Bytes bytes)
      : writer_([path, bytes = std::move(bytes)] {
          std::ofstream file(path, std::ios::binary);
          file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        }) {}

 private:
  std::jthread writer_;
};

TEST_F(Inputs, IdxFilesThroughPipes) {
  const std::string images = folder_ / "fifo";
  const std::string labels = folder_ / "other";
  ASSERT_EQ(::mkfifo(images.c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(labels.c_str(), 0600), 0);
  const Bytes bytes = idx({2, 1, 2}, {1, 2, 3, 4});
  {
    const Pipe pipe(images, bytes);
    EXPECT_EQ(read({.operands = {images}, .labelled = false, .shards_and_lists = true}).images,
              (Strings{images + ":0 -1", images + ":1 -1"}));
  }
  const Pipe pipe(images, test::pack(bytes, Packing::gzip));
  const Pipe other(labels, idx({2}, {1, 0}));
  EXPECT_EQ(read({.operands = {images, labels}, .idx = true}).images,
            (Strings{images + ":0 1", images + ":1 0"}));
}

TEST_F(Inputs, PipesOfImagesAndArchives) {
  const std::string fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Bytes two = png(1);
  const Bytes second = test::make_jpeg(test::smooth_image(9, 9, 3), {});
  two.insert(two.end(), second.begin(), second.end());
  {
    const Pipe pipe(fifo, two);
    const Result result = read({.operands = {fifo}});
    EXPECT_EQ(result.images, (Strings{fifo + ":1 -1", fifo + ":2 -1"}));
    EXPECT_EQ(result.bytes[1], second);
  }
  {
    const Pipe pipe(fifo, test::pack(two, Packing::gzip));
    EXPECT_EQ(read({.operands = {fifo}}).images.size(), 2U);
  }
  for (const Packing packing : {Packing::plain, Packing::gzip}) {
    const Pipe pipe(fifo, make_tar(images_, packing));
    const Result result = read({.operands = {fifo}});
    EXPECT_EQ(result.classes, (Strings{"cat", "dog"}));
    EXPECT_EQ(result.images, (Strings{"top/dog/2.png 1", "top/cat/b/1.png 0", "top/cat/a.png 0"}));
  }
  {
    const Pipe pipe(fifo, {});
    EXPECT_EQ(read({.operands = {fifo}}).images, (Strings{fifo + "! empty input"}));
  }
  {
    Bytes damaged = test::pack(two, Packing::gzip);
    damaged.resize(damaged.size() - 20);
    const Pipe pipe(fifo, damaged);
    const Result result = read({.operands = {fifo}});
    EXPECT_NE(result.images.back().find('!'), std::string::npos);
  }
}

TEST_F(Inputs, WhatIsMissingIsSaidInItsPlace) {
  const std::string a = write("a.png", png(1));
  const std::string gone = folder_ / "gone";
  const Result result = read({.operands = {a, gone, a}});
  EXPECT_EQ(result.images, (Strings{a + " -1", gone + "! No such file or directory", a + " -1"}));
}

TEST_F(Inputs, ListsAreToldFromOtherTextsAndReadStrictly) {
  const std::string a = write("a.png", png(1));
  const auto read_one = [&](const std::string& text) {
    return read({.operands = {write_text("list", text)}, .labelled = false, .shards_and_lists = true}).images;
  };
  const std::string list = folder_ / "list";
  EXPECT_EQ(read_one(a + "\n" + a + "\n"), (Strings{a + " -1", a + " -1"}));
  for (const std::string& text : {a + "\r\n", a + " \n", " " + a + "\n", "\xEF\xBB\xBF" + a + "\n"}) {
    const Strings images = read_one(text);
    ASSERT_EQ(images.size(), 1U);
    EXPECT_TRUE(images[0].starts_with(list + "! ")) << images[0];
    EXPECT_EQ(images[0].find("neither"), std::string::npos) << images[0];
  }
  EXPECT_EQ(read_one("gone.png\n" + a + "\n"),
            (Strings{list + "! neither image nor list: a text whose first line names no file ('gone.png')"}));
  EXPECT_EQ(read_one(std::string("gone\0", 5)),
            (Strings{list + " -1"}));  // read as an image, which fails with a reason
}

TEST_F(Inputs, LinesOfAListAreThePlaceOfWhatIsWrongInIt) {
  const std::string a = write("a.png", png(1));
  const std::string list = write_text("list", a + "\n" + a + "\r\n");
  ImageSource inputs({.operands = {list}, .labelled = false, .shards_and_lists = true});
  const auto input = inputs.next();
  ASSERT_TRUE(input);
  EXPECT_EQ(input->name, list);
  EXPECT_EQ(input->place, list + ":2:" + std::to_string(a.size() + 1));
  EXPECT_TRUE(input->failure.starts_with("carriage return")) << input->failure;
  EXPECT_FALSE(inputs.next());
}

TEST_F(Inputs, FailuresKeepPlaceAndReasonHoweverOddTheName) {
  const auto first = [](InputOptions options) {
    ImageSource source(std::move(options));
    return source.next().value_or(ImageInput());
  };
  const DatasetInfo info = test::small_info(7, 5, 3, 4);
  for (const std::string name : {"a: offset 3", "b): c", "x:1:2: y", "a: record 0 (b): offset 4: c"}) {
    const std::string gone = folder_ / ("gone" + name);
    const ImageInput missing = first({.operands = {gone}});
    EXPECT_EQ(missing.place, gone);
    EXPECT_EQ(missing.failure, "No such file or directory");

    Bytes tar = make_tar({{"inner.tar.gz", make_tar(images_, Packing::gzip)}});
    std::fill(tar.begin() + 512 + 10, tar.begin() + 512 + 40, 0xFF);
    const std::string outer = write(name, tar);
    const ImageInput inner = first({.operands = {outer}});
    EXPECT_EQ(inner.place, outer);
    EXPECT_TRUE(inner.failure.starts_with("inner.tar.gz: ")) << inner.failure;

    const InputOptions with_shards{.operands = {folder_ / name}, .labelled = false, .shards_and_lists = true};
    test::write_shard(folder_ / name, info, test::numbered_records(info, 0, 2));
    Bytes bytes = test::bytes_of_file(folder_ / name);
    bytes[kChunkAlignment] ^= 1U;  // of the first payload
    write(name, bytes);
    const ImageInput record = first(with_shards);
    EXPECT_EQ(record.place, record_place(folder_ / name, 0, "record0") + ": offset 4096");
    EXPECT_EQ(record.failure, kPayloadDamaged);

    bytes.resize(kChunkHeaderBytes / 2);
    write(name, bytes);
    const ImageInput cut = first(with_shards);
    EXPECT_EQ(cut.place, folder_ / name);
    EXPECT_EQ(cut.failure, "offset 0: not a shard (input ends inside a chunk header)");
  }
}

TEST_F(Inputs, NamesOfFilesInAPipeAreTakenForAMistake) {
  const std::string a = write("a.png", png(1));
  const std::string fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto read_pipe = [&](const std::string& text) {
    const Pipe pipe(fifo, Bytes(text.begin(), text.end()));
    return read({.operands = {fifo}}).images;
  };
  const std::string bytes = "! " + std::to_string(a.size() + 1) + " bytes that are neither JPEG nor PNG";
  EXPECT_EQ(read_pipe(a + "\n"),
            (Strings{fifo + ":1" + bytes + " (names of files? --files-from=" + fifo + ")"}));
  EXPECT_EQ(read_pipe("x\n"), (Strings{fifo + ":1! 2 bytes that are neither JPEG nor PNG"}));
}

TEST_F(Inputs, ImagesOfClassesThatNoTableCanHoldAreRefusedAndTheOthersGoOn) {
  write("top/caf\xE9/1.png", png(1));
  write("top/dog/2.png", png(2));
  const std::string top = folder_ / "top";
  const Result folder = read({.operands = {top}});
  EXPECT_EQ(folder.classes, (Strings{"dog"}));
  EXPECT_EQ(folder.images,
            (Strings{"caf\xE9/1.png! 'caf\xE9' cannot be a class: the name is not UTF-8", "dog/2.png 0"}));
  const std::string tar = write("x.tar", make_tar({{"a\nb/1.png", png(1)}, {"c/1.png", png(1)}}));
  const Result archive = read({.operands = {tar}});
  EXPECT_EQ(archive.classes, (Strings{"c"}));
  EXPECT_EQ(archive.images,
            (Strings{"a\nb/1.png! 'a\nb' cannot be a class: the name has a control character", "c/1.png 0"}));
  // A readable name that no table can hold is refused like an ID.
  const std::string named = write("named/a\tb_1.png", png(1));
  InputOptions options{.operands = {named}};
  options.labels.class_pattern = "([a-z])[^_/]*(\t[a-z])_[0-9]";
  EXPECT_EQ(read(options).images,
            (Strings{named + "! '\tb' cannot be a class: the name has a control character"}));
}

TEST_F(Inputs, ClassesAreExpectedOfFoldersArchivesListsAndATable) {
  const std::string a = write("top/a.png", png(1));
  const auto expects = [&](InputOptions options) {
    ImageSource inputs(std::move(options));
    while (inputs.next()) continue;
    return inputs.expects_classes();
  };
  EXPECT_TRUE(expects({.operands = {folder_ / "top"}}));
  EXPECT_FALSE(expects({.operands = {a}}));
  EXPECT_TRUE(expects({.files_from = write_text("list", a + "\n")}));
  InputOptions with_table{.operands = {a}};
  with_table.labels.classes = std::vector<ClassInfo>{{"x", ""}};
  EXPECT_TRUE(expects(with_table));
}

TEST_F(Inputs, WithoutLabelsNothingIsLookedThrough) {
  const std::string path = write("x.tar", make_tar(images_));
  const Result result = read({.operands = {path}, .labelled = false});
  EXPECT_TRUE(result.classes.empty());
  EXPECT_EQ(result.images, (Strings{"top/dog/2.png -1", "top/cat/b/1.png -1", "top/cat/a.png -1"}));
}

}  // namespace
}  // namespace convoy
