// Where an output goes: to a file that is replaced as a whole, or through something that stays.
#pragma once

#include <sys/stat.h>

#include <string>

namespace convoy {

struct Destination {
  enum class Kind {
    file,        // a regular file with a name of its own, or a name that is still free
    descriptor,  // a descriptor that this process was started with, by any name: -, /dev/stdout, /dev/fd/3
    special,     // a FIFO, a device, a folder, or a descriptor of another process: opened where it is
  };
  Kind kind = Kind::file;
  std::string name;     // for messages: as the user gave it, "stdout" for "-"
  std::string path;     // of a file: behind all links, which stay; of what is special: as the user gave it
  int descriptor = -1;  // of Kind::descriptor

  // Follows symbolic links, also to a name that is still free. Throws Error(name, reason) if they lead in a
  // circle, and for a descriptor that is not open.
  [[nodiscard]] static Destination of(const std::string& output);
  [[nodiscard]] static Destination of_descriptor(int descriptor);

  // Equal for two outputs that would end in one file or stream, whatever they are called; empty for character
  // devices, which any number of outputs may share.
  [[nodiscard]] std::string identity() const;
};

// Equal for two paths or descriptors of one file or FIFO.
[[nodiscard]] std::string file_identity(const struct stat& info);
// Whether the output is a file that is replaced as a whole when it is complete.
[[nodiscard]] bool is_replaced(const std::string& output);

}  // namespace convoy
