// The first images of a run as the net sees them, for people to look at.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/console.h"
#include "lib/base/memory.h"
#include "lib/base/options.h"
#include "lib/base/output_folder.h"
#include "lib/runs/earlier_run.h"
#include "lib/runs/run_outputs.h"
#include "lib/shards/rejects.h"

namespace convoy {

inline constexpr std::uint64_t kDefaultDumpedImages = 64;
inline constexpr std::int64_t kMaxDumpedImages = 1'000'000;

// What --dump-augmented=DIR[:N] asks for. A colon and digits at the end are N.
struct DumpRequest {
  std::string folder;
  std::uint64_t images = kDefaultDumpedImages;
  // Throws UsageError.
  [[nodiscard]] static DumpRequest parse(std::string_view text);
};

// Whether a dump would give a file this name: "step0001-007-record00123-label5-n01440764.png".
[[nodiscard]] bool is_dumped_name(std::string_view name);

class AugmentedDump {
 public:
  // What --dump-augmented asks for, if it is given, else nullptr. A run that may replace what an earlier one
  // left replaces its dump, too. Throws as the constructor does, and UsageError.
  [[nodiscard]] static std::unique_ptr<AugmentedDump> asked_for(const Options& options, Beginning beginning);
  // Holds the folder. Throws Error unless it is new or empty, or, if `replaces`, has nothing but an
  // earlier dump.
  AugmentedDump(const DumpRequest& request, bool replaces);

  // Writes the images that the run takes from step `first_step` on, each as a PNG file: cropped, reflected
  // and with its colour noise, after which the mean is added again, and values are rounded and limited to
  // 0..255. Damaged records are rejects, and are not replaced by other images. All files appear whole, and
  // none stays if this throws.
  void write(const RunInputs& inputs, std::uint64_t first_step, const MemoryLimit& memory, Rejects& rejects,
             Console& console);

 private:
  std::uint64_t images_;
  OutputFolder folder_;
};

}  // namespace convoy
