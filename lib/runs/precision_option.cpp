#include "lib/runs/precision_option.h"

#include <string_view>

namespace convoy {
namespace {

constexpr std::string_view kF32 = element_name(Element::f32);
constexpr std::string_view kBf16 = element_name(Element::bf16);

}  // namespace

void add_precision_option(po::options_description& options) {
  options.add_options()(kPrecisionOption, text_option("TYPE", "auto"),
                        "fp32, bf16, or auto: bf16 on a GPU, fp32 on a CPU");
}

Element choose_precision(const Options& options, const Device& device, const Element* before) {
  switch (options.choice(kPrecisionOption, {"auto", kF32, kBf16})) {
    case 1:
      return Element::f32;
    case 2:
      return Element::bf16;
    default:
      if (before != nullptr) return *before;
      return device.cuda ? Element::bf16 : Element::f32;
  }
}

Element parse_precision(const std::string& text, const std::string& option) {
  return parse_choice(text, option, {kF32, kBf16}) == 0 ? Element::f32 : Element::bf16;
}

}  // namespace convoy
