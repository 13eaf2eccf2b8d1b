#include "lib/pictures/fonts.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/lines.h"
#include "lib/base/memory.h"
#include "lib/base/text.h"
#include "lib/pictures/cairo_handles.h"

namespace convoy {
namespace {

// Whatever the machine shows on its screen, a picture of the same data is the same: no hints, which would
// make widths depend on the resolution, and no colours of sub-pixels.
FontOptionsHandle font_options() {
  FontOptionsHandle options(cairo_font_options_create());
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  return options;
}

int in_pango_units(double length) { return static_cast<int>(std::floor(length * PANGO_SCALE)); }

}  // namespace

std::string drawable_text(std::string_view text) {
  const std::string escaped = escape_controls(shortened(text, kMaxDrawnBytes));
  std::string result;
  for (std::string_view rest = escaped; !rest.empty();) {
    const std::size_t character = utf8_length(rest);
    if (character > 0) {
      result += rest.substr(0, character);
    } else {
      result += format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(rest.front())));
    }
    rest.remove_prefix(std::max<std::size_t>(character, 1));
  }
  return result;
}

LayoutHandle shape_text(const FontHandles& fonts, const std::string& text, const TextStyle& style,
                        double most, int lines) {
  LayoutHandle layout(pango_layout_new(fonts.context.get()));
  DescriptionHandle font(pango_font_description_new());
  pango_font_description_set_family_static(font.get(), "sans-serif");
  pango_font_description_set_absolute_size(font.get(), style.size * PANGO_SCALE);
  pango_font_description_set_weight(font.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
  if (lines == 1) pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  PangoRectangle room;
  pango_layout_get_extents(layout.get(), nullptr, &room);
  // A layout that is given no width draws a text of any direction at its left edge.
  if (room.width > 0 && static_cast<double>(room.width) > most * PANGO_SCALE) {
    pango_layout_set_width(layout.get(), std::max(in_pango_units(most), 0));
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
    if (lines > 1) {
      pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
      pango_layout_set_height(layout.get(), -lines);
    }
  }
  return layout;
}

Fonts::Fonts() : handles_(std::make_unique<FontHandles>()) {
  // GLib aborts if it gets no memory, or no thread, for which the stack counts.
  constexpr std::uint64_t kFontBytes = std::uint64_t{64} << 20;
  if (const MemoryLimit machine = machine_memory(); machine.address_space) {
    require_memory(kFontBytes, machine, "fonts", "fonts and their threads");
  }
  handles_->map.reset(pango_cairo_font_map_new());
  handles_->context.reset(pango_font_map_create_context(handles_->map.get()));
  pango_cairo_context_set_font_options(handles_->context.get(), font_options().get());
  pango_context_set_round_glyph_positions(handles_->context.get(), FALSE);
  // Not that of the environment, which would choose among the forms of Chinese characters.
  pango_context_set_language(handles_->context.get(), pango_language_from_string("en"));
  // Without a font there are boxes in the place of letters.
  const LayoutHandle sample = shape_text(*handles_, "Ag", {}, kAnyWidth, 1);
  if (pango_layout_get_unknown_glyphs_count(sample.get()) > 0) {
    throw Error("fonts", "none with Latin letters is installed: Debian has one in fonts-dejavu-core");
  }
}

Fonts::~Fonts() = default;

TextSize Fonts::measure(const std::string& text, const TextStyle& style, double most, int lines) const {
  const LayoutHandle layout = shape_text(*handles_, text, style, most, lines);
  PangoRectangle room;
  pango_layout_get_extents(layout.get(), nullptr, &room);
  return {static_cast<double>(room.width) / PANGO_SCALE, static_cast<double>(room.height) / PANGO_SCALE};
}

double Fonts::line_height(const TextStyle& style) const { return measure("Hg", style).height; }

}  // namespace convoy
