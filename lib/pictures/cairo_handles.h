// Owners of the objects of cairo and Pango, for the files that use these libraries.
#pragma once

#include <pango/pangocairo.h>

#include <memory>

#include "lib/pictures/drawing.h"
#include "lib/pictures/fonts.h"

namespace convoy {

// Calls a function of the library as a deleter.
template <auto destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};

using SurfaceHandle = std::unique_ptr<cairo_surface_t, Destroyer<cairo_surface_destroy>>;
using CairoHandle = std::unique_ptr<cairo_t, Destroyer<cairo_destroy>>;
using FontOptionsHandle = std::unique_ptr<cairo_font_options_t, Destroyer<cairo_font_options_destroy>>;
using FontMapHandle = std::unique_ptr<PangoFontMap, Destroyer<g_object_unref>>;
using ContextHandle = std::unique_ptr<PangoContext, Destroyer<g_object_unref>>;
using LayoutHandle = std::unique_ptr<PangoLayout, Destroyer<g_object_unref>>;
using DescriptionHandle = std::unique_ptr<PangoFontDescription, Destroyer<pango_font_description_free>>;

struct FontHandles {
  FontMapHandle map;
  ContextHandle context;
};

// The text, shaped and broken into lines. `most` may be infinite.
[[nodiscard]] LayoutHandle shape_text(const FontHandles& fonts, const std::string& text,
                                      const TextStyle& style, double most, int lines);

}  // namespace convoy
