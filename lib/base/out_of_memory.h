// What a tool does if memory runs out where no exception can be caught.
#pragma once

#include <string_view>

namespace convoy {

// What is said if memory runs out all the same, though it was planned: other programs take it, or it is of a
// kind that is not counted.
inline constexpr std::string_view kOutOfMemory =
    "out of memory: try a smaller --max-memory, or fewer threads (-j)";

// Lets std::terminate() end the process as an error in run_tool() does, if a std::bad_alloc leads there: from
// a destructor, from a thread, or while an error is reported. It removes the temporary files, says
// kOutOfMemory and ends with status 1. Anything else ends in the handler that was there before.
void report_memory_at_terminate(std::string_view tool);

}  // namespace convoy
