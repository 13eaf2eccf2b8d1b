#include "lib/runs/precision_option.h"

namespace convoy {

void add_precision_option(po::options_description& options) {
  options.add_options()(kPrecisionOption, text_option("TYPE", "auto"),
                        "fp32, bf16, or auto: bf16 on a GPU, fp32 on a CPU");
}

Element choose_precision(const Options& options, const Device& device, const Element* before) {
  switch (options.choice(kPrecisionOption, {"auto", "fp32", "bf16"})) {
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
  return parse_choice(text, option, {"fp32", "bf16"}) == 0 ? Element::f32 : Element::bf16;
}

}  // namespace convoy
