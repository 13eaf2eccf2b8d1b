#include "lib/data/prepare_resize.h"

#include <zimg.h>

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/error.h"

namespace convoy {
namespace {

// Each of them holds some 100 KB of coefficients.
constexpr std::size_t kGraphsKept = 48;

[[noreturn]] void fail() {
  std::array<char, 256> reason{};
  zimg_get_last_error(reason.data(), reason.size());
  throw Error("zimg", reason.data());
}

struct FreeGraph {
  void operator()(zimg_filter_graph* graph) const { zimg_filter_graph_free(graph); }
};

zimg_image_format gray_format(int width, int height) {
  zimg_image_format format{};
  zimg_image_format_default(&format, ZIMG_API_VERSION);
  format.width = static_cast<unsigned>(width);
  format.height = static_cast<unsigned>(height);
  format.pixel_type = ZIMG_PIXEL_BYTE;
  format.color_family = ZIMG_COLOR_GREY;
  format.pixel_range = ZIMG_RANGE_FULL;
  return format;
}

}  // namespace

struct PlaneResizer::Graph {
  int width = 0;
  int height = 0;
  ResizeGeometry geometry;
  std::unique_ptr<zimg_filter_graph, FreeGraph> graph;
  std::size_t scratch_bytes = 0;
};

PlaneResizer::PlaneResizer() = default;
PlaneResizer::PlaneResizer(PlaneResizer&&) noexcept = default;
PlaneResizer& PlaneResizer::operator=(PlaneResizer&&) noexcept = default;
PlaneResizer::~PlaneResizer() = default;

const PlaneResizer::Graph& PlaneResizer::graph_for(const Plane& from, const ResizeGeometry& geometry) {
  const auto found = std::find_if(graphs_.begin(), graphs_.end(), [&](const auto& graph) {
    return graph->width == from.width() && graph->height == from.height() && graph->geometry == geometry;
  });
  if (found != graphs_.end()) {
    std::rotate(graphs_.begin(), found, found + 1);
    return *graphs_.front();
  }
  zimg_image_format source = gray_format(from.width(), from.height());
  source.active_region = {geometry.left, geometry.top, geometry.width, geometry.height};
  const zimg_image_format target = gray_format(geometry.out_width, geometry.out_height);
  zimg_graph_builder_params parameters{};
  zimg_graph_builder_params_default(&parameters, ZIMG_API_VERSION);
  parameters.resample_filter = ZIMG_RESIZE_BICUBIC;
  parameters.filter_param_a = 0.0;  // zimg's b and c of Mitchell and Netravali: a = -c
  parameters.filter_param_b = 0.5;
  // Not ZIMG_CPU_AUTO_64B: the AVX-512 code of zimg 3.0.4 shrinks some sizes wrongly.
  parameters.cpu_type = ZIMG_CPU_AUTO;
  auto graph = std::make_unique<Graph>();
  graph->width = from.width();
  graph->height = from.height();
  graph->geometry = geometry;
  graph->graph.reset(zimg_filter_graph_build(&source, &target, &parameters));
  if (!graph->graph) fail();
  if (zimg_filter_graph_get_tmp_size(graph->graph.get(), &graph->scratch_bytes) != ZIMG_ERROR_SUCCESS) fail();
  if (graphs_.size() == kGraphsKept) graphs_.pop_back();
  graphs_.insert(graphs_.begin(), std::move(graph));
  return *graphs_.front();
}

void PlaneResizer::resize(const Plane& from, const ResizeGeometry& geometry, Plane& to) {
  const Graph& graph = graph_for(from, geometry);
  to.resize(geometry.out_width, geometry.out_height);
  // One row long enough, on the boundary that zimg asks for.
  constexpr std::size_t kScratchWidth = 1 << 16;
  scratch_.resize(kScratchWidth, 1, kScratchWidth, static_cast<int>(graph.scratch_bytes / kScratchWidth) + 1);
  zimg_image_buffer_const source{};
  source.version = ZIMG_API_VERSION;
  source.plane[0] = {from.row(0), static_cast<std::ptrdiff_t>(from.stride()), ZIMG_BUFFER_MAX};
  zimg_image_buffer target{};
  target.version = ZIMG_API_VERSION;
  target.plane[0] = {to.row(0), static_cast<std::ptrdiff_t>(to.stride()), ZIMG_BUFFER_MAX};
  const auto status = zimg_filter_graph_process(graph.graph.get(), &source, &target, scratch_.row(0), nullptr,
                                                nullptr, nullptr, nullptr);
  if (status != ZIMG_ERROR_SUCCESS) fail();
}

}  // namespace convoy
