// shownet: weights, logs and results -> pictures.
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/tool.h"
#include "lib/pictures/picture_kinds.h"
#include "lib/pictures/render.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

const ToolInfo kInfo{.name = "shownet",
                     .usage = picture_usage(),
                     .summary = "Draws what a net has learnt, and how: as PNG, SVG or PDF."};
constexpr SharedOptions kShared{.output = true};

int run(const Options& options, Console& console) {
  const RejectRules reject_rules = options.reject_rules();
  const PictureKind& kind = read_picture_kind(options);
  const Page page = read_page(options);
  const PictureFormat format = read_picture_format(options);
  const std::vector<std::string> inputs = picture_inputs(options);
  check_outputs(options.outputs(), inputs);
  const Fonts fonts;
  OutputFile out(options.text("output"),
                 format == PictureFormat::svg ? OutputFile::Content::text : OutputFile::Content::binary);

  const MemoryLimit memory = options.memory_limit();
  Rejects rejects(reject_rules, console);
  const Drawing drawing = kind.draw({.options = options,
                                     .inputs = inputs,
                                     .page = page,
                                     .fonts = fonts,
                                     .memory = memory,
                                     .console = console,
                                     .rejects = rejects});
  const std::vector<std::byte> picture = render(drawing, fonts, format, page.scale, memory);
  out.write(picture);
  out.commit();
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare_picture_options,
                          convoy::run);
}
