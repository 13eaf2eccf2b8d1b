// The control groups of this process: what a container or a service manager lets it have.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace convoy {

// Calls look(folder, unified) for the folder of each control group whose limits on `controller` ("memory",
// "cpu") hold for this process: its own group and those above it. unified: whether the files are those of
// version 2. In a container the mount may show only the group itself, whatever its path is outside: the
// mount's own folder is looked at in any case. Folders may be missing. root: stands before /proc and /sys in
// tests, and is otherwise empty.
void for_each_control_group(std::string_view controller,
                            const std::function<void(const std::filesystem::path&, bool unified)>& look,
                            const std::string& root = {});

}  // namespace convoy
