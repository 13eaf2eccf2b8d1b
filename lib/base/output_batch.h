// Many files of one folder, written so that none is ever half there under its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace convoy {

// Writes new files, each of which appears under its name whole and on disk, as with OutputFile; but many are
// put on disk together, which takes a fraction of the time. The first file gets its name at once, and then
// more and more of them wait for one another. Those that have not got their names are
// removed by the destructor, or by whatever ends the process. Use from one thread.
class OutputBatch {
 public:
  OutputBatch();
  OutputBatch(const OutputBatch&) = delete;
  OutputBatch& operator=(const OutputBatch&) = delete;
  OutputBatch(OutputBatch&&) = delete;
  OutputBatch& operator=(OutputBatch&&) = delete;
  ~OutputBatch();

  // Throws OutputError, also if a file that waits has a name that is taken.
  void add(const std::string& path, std::span<const std::byte> bytes);
  // Notes a new folder: commit() puts its name on disk too.
  void add_folder(const std::string& path);
  // Gives all files their names, and puts these on disk. Throws OutputError.
  void commit();

 private:
  struct File {
    std::string path;
    std::string temporary;
  };
  void name_all();

  std::set<std::string> folders_;  // with new names
  unsigned mode_;
  std::vector<File> waiting_;
  std::size_t most_ = 1;     // files that wait
  std::uint64_t bytes_ = 0;  // of the files that wait
};

}  // namespace convoy
