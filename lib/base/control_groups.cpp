#include "lib/base/control_groups.h"

#include <fstream>

namespace convoy {

namespace fs = std::filesystem;

void for_each_control_group(std::string_view controller,
                            const std::function<void(const fs::path&, bool unified)>& look,
                            const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "0::/a/b", or "9:cpu,memory:/a/b"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find("," + std::string(controller) + ",") == std::string::npos) continue;
    fs::path mount = root + "/sys/fs/cgroup";
    if (!unified) mount /= controller;  // a link to "cpu,cpuacct" where controllers share a mount
    fs::path group = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    for (; group.has_relative_path(); group = group.parent_path()) look(mount / group, unified);
    look(mount, unified);
  }
}

}  // namespace convoy
