// Nets: a net that is printed from what was read, with every key written out, is the same net.
#include "formats/net.h"

#include "lib/base/match.h"
#include "lib/base/text.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

std::string real(double value) { return format("%.17g", value); }

std::string printed(const Padding& pad) {
  return format(" pad=%d,%d,%d,%d", pad.top, pad.left, pad.bottom, pad.right);
}

std::string printed(const ParameterSpec& p) {
  return " init=" + real(p.init) + " bias=" + real(p.bias) + " lr=" + real(p.lr) +
         " bias-lr=" + real(p.bias_lr) + " decay=" + real(p.decay) + " bias-decay=" + real(p.bias_decay);
}

std::string printed(const std::string& name, const FilterSpec& s) {
  return name + format(" %d %dx%d stride=%d", s.filters, s.kernel_height, s.kernel_width, s.stride) +
         printed(s.pad) + format(" groups=%d", s.groups) + printed(s.parameters);
}

std::string printed(const LayerSpec& layer) {
  return match(
      layer.kind, [&](const ConvSpec& s) { return printed(layer.name, s); },
      [&](const LocalSpec& s) { return printed(layer.name, s); },
      [&](const FcSpec& s) { return layer.name + format(" %d", s.outputs) + printed(s.parameters); },
      [](const ReluSpec& /*s*/) { return std::string(); },
      [](const TanhSpec& /*s*/) { return std::string(); },
      [](const LogisticSpec& /*s*/) { return std::string(); },
      [](const LrnSpec& s) {
        return format("size=%d", s.size) + " k=" + real(s.k) + " alpha=" + real(s.alpha) +
               " beta=" + real(s.beta) + " window=" + (s.mean ? "mean" : "sum") +
               format(" groups=%d", s.groups);
      },
      [](const LrnMapSpec& s) {
        return format("size=%d", s.size) + " k=" + real(s.k) + " alpha=" + real(s.alpha) +
               " beta=" + real(s.beta) + " window=" + (s.mean ? "mean" : "sum");
      },
      [](const PoolSpec& s) {
        return format("%dx%d stride=%d", s.kernel_height, s.kernel_width, s.stride) + printed(s.pad) +
               " ceil=" + (s.ceil ? "on" : "off");
      },
      [](const DropoutSpec& s) { return real(s.drop) + " scale=" + (s.scale_at_test ? "test" : "train"); },
      [](const SoftmaxSpec& /*s*/) { return std::string(); });
}

std::string printed(const NetSpec& net) {
  const Extent& stored = net.input.stored;
  std::string text =
      "input " + text_of(net.input.crop) + format(" from=%dx%d\n", stored.height, stored.width);
  for (const LayerSpec& layer : net.layers)
    text += std::string(kind_name(layer.kind)) + " " + printed(layer) + "\n";
  return text;
}

void fuzz(Input input) {
  const std::string_view text = fuzz::text_of(input);
  const auto parse = [](std::string_view from) { return parse_net(from, "x"); };
  std::optional<NetSpec> net;
  const auto layers = outcome([&] { return net.emplace(parse(text)).layers.size(); });
  if (!layers.value) {
    require(layers.refusal.starts_with("x:"), "a refusal names the line");
    return;
  }
  require(net->text == text, "a net keeps its text");
  const std::string once = printed(*net);
  const NetSpec again = parse(once);
  require(printed(again) == once, "a net that is printed and read differs: " + once);
  require(again.layers.size() == net->layers.size(), "the numbers of layers differ");
  for (std::size_t i = 0; i < again.layers.size(); ++i) {
    const LayerSpec& a = net->layers[i];
    const LayerSpec& b = again.layers[i];
    require(a.name == b.name && a.in == b.in && a.out == b.out, "a layer differs");
    require(a.out.elements() >= 1 && a.out.elements() <= kMaxNetElements, "a layer is too large");
    require(multiply_adds(a) == multiply_adds(b) && multiply_adds(a) >= 0, "the work of a layer differs");
  }
  const auto parameters = parameters_of(*net);
  const auto parameters_again = parameters_of(again);
  require(parameters.size() == parameters_again.size(), "the numbers of parameters differ");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    require(
        parameters[i].name == parameters_again[i].name && parameters[i].shape == parameters_again[i].shape,
        "a parameter differs");
  }
}

std::vector<Bytes> seeds() {
  return {
      bytes_of("input 3x3x1 from=5x5\nfc fc1 4\nsoftmax\n"),
      bytes_of(
          "# A net.\ninput 16x16x3\nconv c1 8 3x3 stride=2 pad=1 groups=1 init=0.1 bias=1\nrelu\n"
          "lrn size=5 k=2 alpha=1e-4 beta=0.75 window=mean\nmaxpool 3x3 stride=2 ceil=on\n"
          "fc f 10 lr=2 decay=0\ntanh\ndropout 0.5 scale=test\nfc g 3 bias-lr=2 bias-decay=1\nsoftmax\n"),
      bytes_of(
          "input 6x6x4\nconv c 6 3x3\nlrn groups=3 window=sum\nlrn-map\nlrn-map size=3 k=2 alpha=0.5 beta=1 "
          "window=sum\nfc f 2\nsoftmax\n"),
      bytes_of("input 9x7x2\navgpool 2x3 stride=1 pad=1,0,0,2\nconv c 4 1x1 groups=2\nsoftmax\n"),
      bytes_of("input 6x5x4\nlocal l1 4 3x2 stride=2 pad=1,0,1,1 groups=2 init=0.1 bias=1\nlogistic\n"
               "local l2 2 3x3 bias-decay=2\nsoftmax\n")};
}

const AddReader kReader({.name = "net", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
