// Whether two names or descriptors are of one file.
#pragma once

#include <sys/stat.h>

#include <compare>

namespace convoy {

// Equal for all names and descriptors of one file, folder, FIFO or device.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  explicit FileIdentity(const struct stat& info) : device(info.st_dev), inode(info.st_ino) {}
  auto operator<=>(const FileIdentity&) const = default;
};

}  // namespace convoy
