#include "lib/pictures/render.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <numbers>
#include <string>
#include <variant>

#include "formats/png.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/pictures/cairo_handles.h"

namespace convoy {
namespace {

constexpr double kPointsAPixel = 0.75;  // 72 points and 96 pixels an inch
constexpr double kMarkLine = 1.2;

// Throws what a status of cairo means.
void check(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  if (status == CAIRO_STATUS_NO_MEMORY) throw std::bad_alloc();
  throw Error("picture", cairo_status_to_string(status));
}

void check_size(const Drawing& drawing, int scale) {
  const double width = std::ceil(drawing.width) * scale;
  const double height = std::ceil(drawing.height) * scale;
  const std::string size = "would be " + std::to_string(static_cast<std::uint64_t>(std::min(width, 1e15))) +
                           "x" + std::to_string(static_cast<std::uint64_t>(std::min(height, 1e15))) +
                           " pixels, ";
  if (width > kMaxPictureSide || height > kMaxPictureSide) {
    throw Error("picture", size + "and no side may have more than " + std::to_string(kMaxPictureSide));
  }
  if (width * height > static_cast<double>(kMaxPicturePixels)) {
    throw Error("picture", size + "and it may have no more than " + std::to_string(kMaxPicturePixels));
  }
}

class Renderer {
 public:
  // crisp: rasters are enlarged before they are handed over, since programs that show the file would blur
  // them.
  Renderer(cairo_t* cairo, const FontHandles& fonts, bool crisp)
      : cairo_(cairo), fonts_(fonts), crisp_(crisp) {}

  void draw(const Drawing& drawing) {
    draw_one(Box{{0, 0, drawing.width, drawing.height}, {255, 255, 255}});
    for (const Shape& shape : drawing.shapes) {
      std::visit([&](const auto& one) { draw_one(one); }, shape);
      check(cairo_status(cairo_));
    }
  }

 private:
  void set_color(const Color& color) {
    constexpr double kMost = 255;
    cairo_set_source_rgb(cairo_, color.red / kMost, color.green / kMost, color.blue / kMost);
  }

  void draw_one(const Box& box) {
    set_color(box.fill);
    cairo_rectangle(cairo_, box.at.x, box.at.y, box.at.width, box.at.height);
    cairo_fill(cairo_);
  }

  void draw_one(const Path& path) {
    if (path.points.empty()) return;
    set_color(path.color);
    cairo_set_line_width(cairo_, path.width);
    cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(cairo_, path.dashes.data(), static_cast<int>(path.dashes.size()), 0);
    cairo_move_to(cairo_, path.points.front().x, path.points.front().y);
    for (std::size_t i = 1; i < path.points.size(); ++i) {
      cairo_line_to(cairo_, path.points[i].x, path.points[i].y);
    }
    cairo_stroke(cairo_);
    cairo_set_dash(cairo_, nullptr, 0, 0);
  }

  // Puts a polygon around the mark's place; corners are in half its size.
  void trace(const Mark& mark, std::initializer_list<Point> corners) {
    for (const Point& corner : corners) {
      cairo_line_to(cairo_, mark.at.x + corner.x * mark.size / 2, mark.at.y + corner.y * mark.size / 2);
    }
    cairo_close_path(cairo_);
  }

  void draw_one(const Mark& mark) {
    cairo_new_path(cairo_);
    cairo_set_line_width(cairo_, kMarkLine);
    switch (mark.shape) {
      case MarkShape::circle:
        cairo_arc(cairo_, mark.at.x, mark.at.y, mark.size / 2, 0, 2 * std::numbers::pi);
        break;
      case MarkShape::square:
        trace(mark, {{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
        break;
      case MarkShape::triangle:
        trace(mark, {{0, -1.1}, {1.1, 0.9}, {-1.1, 0.9}});
        break;
      case MarkShape::diamond:
        trace(mark, {{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}});
        break;
      case MarkShape::inverted_triangle:
        trace(mark, {{0, 1.1}, {1.1, -0.9}, {-1.1, -0.9}});
        break;
      case MarkShape::cross:
        trace(mark, {{-1, -0.5},
                     {-0.5, -1},
                     {0, -0.5},
                     {0.5, -1},
                     {1, -0.5},
                     {0.5, 0},
                     {1, 0.5},
                     {0.5, 1},
                     {0, 0.5},
                     {-0.5, 1},
                     {-1, 0.5},
                     {-0.5, 0}});
        break;
    }
    set_color(mark.hollow ? Color{255, 255, 255} : mark.color);
    cairo_fill_preserve(cairo_);
    set_color(mark.color);
    cairo_stroke(cairo_);
  }

  void draw_one(const Raster& raster) {
    const Image& image = raster.image;
    if (image.width < 1 || image.height < 1) return;
    const int zoom = crisp_ ? std::max(1, static_cast<int>(raster.at.width / image.width)) : 1;
    const int width = image.width * zoom;
    const int height = image.height * zoom;
    SurfaceHandle surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
    check(cairo_surface_status(surface.get()));
    unsigned char* const rows = cairo_image_surface_get_data(surface.get());
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
    for (int y = 0; y < height; ++y) {
      auto* const row = reinterpret_cast<std::uint32_t*>(rows + stride * static_cast<std::size_t>(y));
      for (int x = 0; x < width; ++x) {
        const std::size_t pixel =
            (static_cast<std::size_t>(y / zoom) * static_cast<std::size_t>(image.width) +
             static_cast<std::size_t>(x / zoom)) *
            3;
        row[x] = static_cast<std::uint32_t>(image.pixels[pixel] << 16U | image.pixels[pixel + 1] << 8U |
                                            image.pixels[pixel + 2]);
      }
    }
    cairo_surface_mark_dirty(surface.get());
    cairo_save(cairo_);
    cairo_translate(cairo_, raster.at.x, raster.at.y);
    cairo_scale(cairo_, raster.at.width / width, raster.at.height / height);
    cairo_set_source_surface(cairo_, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo_), CAIRO_FILTER_NEAREST);
    cairo_rectangle(cairo_, 0, 0, width, height);
    cairo_fill(cairo_);
    cairo_restore(cairo_);
  }

  void draw_one(const Label& label) {
    const LayoutHandle layout = shape_text(fonts_, label.text, label.style, label.most, label.lines);
    PangoRectangle ink;
    PangoRectangle room;
    pango_layout_get_extents(layout.get(), &ink, &room);
    const auto length = [](int units) { return static_cast<double>(units) / PANGO_SCALE; };
    cairo_save(cairo_);
    set_color(label.color);
    cairo_translate(cairo_, label.at.x, label.upward ? label.at.bottom() : label.at.y);
    if (label.upward) cairo_rotate(cairo_, -std::numbers::pi / 2);
    // Marks that are piled on a letter would reach into other lines.
    const double over = label.style.size / 4;
    if (ink.y < room.y - in_units(over) || ink.y + ink.height > room.y + room.height + in_units(over)) {
      cairo_rectangle(cairo_, -over, -over, length(room.width) + 2 * over, length(room.height) + 2 * over);
      cairo_clip(cairo_);
    }
    cairo_move_to(cairo_, -length(room.x), -length(room.y));
    pango_cairo_show_layout(cairo_, layout.get());
    cairo_restore(cairo_);
  }

  static int in_units(double length) { return static_cast<int>(length * PANGO_SCALE); }

  cairo_t* cairo_;
  const FontHandles& fonts_;
  bool crisp_;
};

std::vector<std::byte> render_png(const Drawing& drawing, const Fonts& fonts, int scale,
                                  const MemoryLimit& memory) {
  const int width = static_cast<int>(std::ceil(drawing.width)) * scale;
  const int height = static_cast<int>(std::ceil(drawing.height)) * scale;
  // Of cairo's surface, of the image, and of its file, which is seldom larger.
  constexpr std::uint64_t kBytesAPixel = 4 + 3 + 3;
  require_memory(kBytesAPixel * static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height),
                 memory, "picture", std::to_string(width) + "x" + std::to_string(height) + " pixels");
  const SurfaceHandle surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  check(cairo_surface_status(surface.get()));
  {
    const CairoHandle cairo(cairo_create(surface.get()));
    cairo_scale(cairo.get(), scale, scale);
    Renderer(cairo.get(), fonts.handles(), false).draw(drawing);
  }
  cairo_surface_flush(surface.get());
  Image image{width, height, 3, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  const unsigned char* const rows = cairo_image_surface_get_data(surface.get());
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
  std::size_t at = 0;
  for (int y = 0; y < height; ++y) {
    const auto* const row =
        reinterpret_cast<const std::uint32_t*>(rows + stride * static_cast<std::size_t>(y));
    for (int x = 0; x < width; ++x) {
      image.pixels[at++] = static_cast<std::uint8_t>(row[x] >> 16U);
      image.pixels[at++] = static_cast<std::uint8_t>(row[x] >> 8U);
      image.pixels[at++] = static_cast<std::uint8_t>(row[x]);
    }
  }
  const std::vector<std::uint8_t> file = encode_png(image);
  const auto bytes = std::as_bytes(std::span(file));
  return {bytes.begin(), bytes.end()};
}

// Receives the bytes of a file from cairo.
cairo_status_t append(void* file, const unsigned char* data, unsigned int length) {
  auto& bytes = *static_cast<std::vector<std::byte>*>(file);
  try {
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), first, first + length);
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
  return CAIRO_STATUS_SUCCESS;
}

// Escapes what XML would read as markup.
std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// Outlines of letters cannot be searched or read aloud: adds the texts to the file of an SVG picture.
void describe(std::vector<std::byte>& svg, const Drawing& drawing) {
  std::string texts;
  if (!drawing.title.empty()) texts += "<title>" + xml_text(drawing.title) + "</title>\n";
  texts += "<desc>\n";
  for (const Shape& shape : drawing.shapes) {
    if (const auto* label = std::get_if<Label>(&shape)) texts += xml_text(label->text) + "\n";
  }
  texts += "</desc>\n";
  const std::string_view file = as_text(svg);
  const std::size_t tag = file.find("<svg");
  const std::size_t end = tag == std::string_view::npos ? tag : file.find(">\n", tag);
  if (end == std::string_view::npos) throw Error("picture", "cairo wrote no <svg>");
  const auto bytes = as_bytes_of(texts);
  svg.insert(svg.begin() + static_cast<std::ptrdiff_t>(end) + 2, bytes.begin(), bytes.end());
}

void finish(const SurfaceHandle& surface) {
  cairo_surface_finish(surface.get());
  check(cairo_surface_status(surface.get()));
}

std::vector<std::byte> render_svg(const Drawing& drawing, const Fonts& fonts) {
  std::vector<std::byte> file;
  const SurfaceHandle surface(cairo_svg_surface_create_for_stream(append, &file, std::ceil(drawing.width),
                                                                  std::ceil(drawing.height)));
  check(cairo_surface_status(surface.get()));
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  {
    const CairoHandle cairo(cairo_create(surface.get()));
    Renderer(cairo.get(), fonts.handles(), true).draw(drawing);
  }
  finish(surface);
  describe(file, drawing);
  return file;
}

std::vector<std::byte> render_pdf(const Drawing& drawing, const Fonts& fonts) {
  std::vector<std::byte> file;
  const SurfaceHandle surface(cairo_pdf_surface_create_for_stream(
      append, &file, std::ceil(drawing.width) * kPointsAPixel, std::ceil(drawing.height) * kPointsAPixel));
  check(cairo_surface_status(surface.get()));
  // No date: the same data give the same bytes.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, "");
  if (!drawing.title.empty()) {
    cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, drawing.title.c_str());
  }
  {
    const CairoHandle cairo(cairo_create(surface.get()));
    cairo_scale(cairo.get(), kPointsAPixel, kPointsAPixel);
    Renderer(cairo.get(), fonts.handles(), true).draw(drawing);
    cairo_show_page(cairo.get());
  }
  finish(surface);
  return file;
}

}  // namespace

std::optional<PictureFormat> format_of(std::string_view name) {
  constexpr std::size_t kExtension = 4;  // ".png"
  if (name.size() < kExtension) return std::nullopt;
  std::string extension(name.substr(name.size() - kExtension));
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (extension == ".png") return PictureFormat::png;
  if (extension == ".svg") return PictureFormat::svg;
  if (extension == ".pdf") return PictureFormat::pdf;
  return std::nullopt;
}

std::vector<std::byte> render(const Drawing& drawing, const Fonts& fonts, PictureFormat format, int scale,
                              const MemoryLimit& memory) {
  check_size(drawing, scale);
  switch (format) {
    case PictureFormat::png:
      return render_png(drawing, fonts, scale, memory);
    case PictureFormat::svg:
      return render_svg(drawing, fonts);
    case PictureFormat::pdf:
      return render_pdf(drawing, fonts);
  }
  return {};
}

}  // namespace convoy
