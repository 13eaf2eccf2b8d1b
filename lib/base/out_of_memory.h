// What a tool does if memory runs out where no exception can be caught.
#pragma once

#include <string_view>

namespace convoy {

// Lets std::terminate() end the process as an error in run_tool() does, if a std::bad_alloc leads there: from
// a destructor, from a thread, or while an error is reported. It removes the temporary files, says "TOOL: out
// of memory" and ends with status 1. Anything else ends in the handler that was there before.
void report_memory_at_terminate(std::string_view tool);

}  // namespace convoy
