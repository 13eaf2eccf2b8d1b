// The text of a net: lines, words and values. What follows from them is in net_kinds.cpp.
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "formats/net.h"
#include "formats/net_kinds.h"
#include "lib/base/error.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

// Limit of real values: far more than trains, far less than overflows a float.
constexpr double kMaxReal = 1e9;

struct Word {
  std::string_view text;
  std::size_t column = 0;  // from 1
};

// One line's words, and the place for its errors.
class Line {
 public:
  Line(std::string_view place, int number, std::vector<Word> words)
      : place_(place), number_(number), words_(std::move(words)) {}

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] const std::vector<Word>& words() const { return words_; }
  [[nodiscard]] const Word& kind() const { return words_.front(); }

  [[noreturn]] void fail(std::size_t column, const std::string& reason) const {
    throw TextError(place_, static_cast<std::uint64_t>(number_), column, reason);
  }
  [[noreturn]] void fail(const Word& word, const std::string& reason) const { fail(word.column, reason); }
  // The column after the last word, for what is missing.
  [[nodiscard]] std::size_t end_column() const { return words_.back().column + words_.back().text.size(); }

 private:
  std::string_view place_;
  int number_;
  std::vector<Word> words_;
};

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// ---- values

int read_integer(const Line& line, const Word& word, int least, int most) {
  const auto value = number_from<int>(word.text);
  if (!value || *value < least || *value > most) {
    line.fail(word, "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                        ", not " + quoted(word.text));
  }
  return *value;
}

double read_real(const Line& line, const Word& word, double least, double most) {
  const auto value = number_from<double>(word.text);
  if (!value || !std::isfinite(*value) || *value < least || *value > most) {
    const nlohmann::json low = least;
    const nlohmann::json high = most;
    line.fail(word,
              "expected a number from " + low.dump() + " to " + high.dump() + ", not " + quoted(word.text));
  }
  return *value;
}

// The parts between separators, with their columns. "a,,b" has an empty part.
std::vector<Word> split(const Word& word, char separator) {
  std::vector<Word> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = word.text.find(separator, begin);
    parts.push_back({word.text.substr(begin, end - begin), word.column + begin});
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::vector<int> read_product(const Line& line, const Word& word, const std::string& form,
                              std::size_t count) {
  const std::vector<Word> parts = split(word, 'x');
  if (parts.size() != count) line.fail(word, "expected " + form + ", not " + quoted(word.text));
  std::vector<int> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(read_integer(line, parts[i], 1, i < 2 ? kMaxNetSide : kMaxNetChannels));
  }
  return numbers;
}

Padding read_padding(const Line& line, const Word& word) {
  const std::vector<Word> parts = split(word, ',');
  if (parts.size() != 1 && parts.size() != 4) {
    line.fail(word, "expected one number, or top,left,bottom,right, not " + quoted(word.text));
  }
  std::array<int, 4> sides{};
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sides[i] = read_integer(line, parts[parts.size() == 1 ? 0 : i], 0, kMaxNetSide);
  }
  return {sides[0], sides[1], sides[2], sides[3]};
}

bool read_choice(const Line& line, const Word& word, std::string_view no, std::string_view yes) {
  if (word.text != no && word.text != yes) {
    line.fail(word, "expected " + std::string(no) + " or " + std::string(yes) + ", not " + quoted(word.text));
  }
  return word.text == yes;
}

// ---- one line: positional words, then key=value

using Setter = std::function<void(const Word&)>;  // takes the value

struct Key {
  std::string_view name;
  Setter set;
  bool required = false;
};

// The words after the kind, one for each of `forms` ("a name", "the number of filters"); none is key=value.
std::span<const Word> positional(const Line& line, std::initializer_list<std::string_view> forms) {
  const std::vector<Word>& words = line.words();
  std::size_t index = 1;
  for (const std::string_view form : forms) {
    if (index >= words.size()) line.fail(line.end_column(), "expected " + std::string(form));
    if (words[index].text.find('=') != std::string_view::npos) {
      line.fail(words[index], "expected " + std::string(form) + " before " + quoted(words[index].text));
    }
    ++index;
  }
  return std::span(words).subspan(1, forms.size());
}

void read_keys(const Line& line, std::size_t positional_count, std::span<const Key> keys) {
  std::string expected;
  for (const Key& key : keys) expected += (expected.empty() ? "" : ", ") + std::string(key.name) + "=";
  std::set<std::string_view> seen;
  for (const Word& word : std::span(line.words()).subspan(1 + positional_count)) {
    const std::size_t equals = word.text.find('=');
    const std::string_view name = word.text.substr(0, equals);
    const auto key = std::ranges::find(keys, name, &Key::name);
    if (equals == std::string_view::npos || key == keys.end()) {
      line.fail(word, (expected.empty() ? "expected nothing more" : "expected one of " + expected) +
                          ", not " + quoted(word.text));
    }
    if (!seen.insert(name).second) line.fail(word, quoted(name) + " given twice");
    key->set({word.text.substr(equals + 1), word.column + equals + 1});
  }
  for (const Key& key : keys) {
    if (key.required && !seen.contains(key.name)) {
      line.fail(line.end_column(), "expected " + std::string(key.name) + "=");
    }
  }
}

Setter integer_setter(const Line& line, int& into, int least, int most) {
  return [&line, &into, least, most](const Word& value) { into = read_integer(line, value, least, most); };
}
Setter real_setter(const Line& line, double& into, double least, double most) {
  return [&line, &into, least, most](const Word& value) { into = read_real(line, value, least, most); };
}
Setter padding_setter(const Line& line, Padding& into) {
  return [&line, &into](const Word& value) { into = read_padding(line, value); };
}
Setter choice_setter(const Line& line, bool& into, std::string_view no, std::string_view yes) {
  return [&line, &into, no, yes](const Word& value) { into = read_choice(line, value, no, yes); };
}

void append_parameter_keys(const Line& line, ParameterSpec& parameters, std::vector<Key>& keys) {
  keys.push_back({"init", real_setter(line, parameters.init, 0.0, kMaxReal)});
  keys.push_back({"bias", real_setter(line, parameters.bias, -kMaxReal, kMaxReal)});
  keys.push_back({"lr", real_setter(line, parameters.lr, 0.0, kMaxReal)});
  keys.push_back({"bias-lr", real_setter(line, parameters.bias_lr, 0.0, kMaxReal)});
  keys.push_back({"decay", real_setter(line, parameters.decay, 0.0, kMaxReal)});
  keys.push_back({"bias-decay", real_setter(line, parameters.bias_decay, 0.0, kMaxReal)});
}

// ---- kinds of layers

// conv and local.
void read_spec(const Line& line, FilterSpec& spec) {
  const auto words = positional(line, {"a name", "the number of filters", "the window, HxW"});
  spec.filters = read_integer(line, words[1], 1, kMaxNetChannels);
  const auto window = read_product(line, words[2], "a window HxW", 2);
  spec.kernel_height = window[0];
  spec.kernel_width = window[1];
  std::vector<Key> keys = {{"stride", integer_setter(line, spec.stride, 1, kMaxNetSide)},
                           {"pad", padding_setter(line, spec.pad)},
                           {"groups", integer_setter(line, spec.groups, 1, kMaxNetChannels)}};
  append_parameter_keys(line, spec.parameters, keys);
  read_keys(line, words.size(), keys);
}

void read_spec(const Line& line, FcSpec& fc) {
  const auto words = positional(line, {"a name", "the number of outputs"});
  fc.outputs = read_integer(line, words[1], 1, kMaxNetChannels);
  std::vector<Key> keys;
  append_parameter_keys(line, fc.parameters, keys);
  read_keys(line, words.size(), keys);
}

// The keys that lrn and lrn-map share.
template <typename Lrn>
void read_lrn(const Line& line, Lrn& lrn, int largest, std::vector<Key> keys, std::string_view centre) {
  std::vector<Key> all = {{"size", integer_setter(line, lrn.size, 1, largest)},
                          {"k", real_setter(line, lrn.k, 1e-9, kMaxReal)},
                          {"alpha", real_setter(line, lrn.alpha, 0.0, kMaxReal)},
                          {"beta", real_setter(line, lrn.beta, 0.0, kMaxReal)},
                          {"window", choice_setter(line, lrn.mean, "sum", "mean")}};
  std::ranges::move(keys, std::back_inserter(all));
  read_keys(line, 0, all);
  if (lrn.size % 2 == 0) {
    line.fail(line.kind(), "expected an odd size=: the window is centred on its " + std::string(centre));
  }
}

void read_spec(const Line& line, LrnSpec& lrn) {
  read_lrn(line, lrn, kMaxNetChannels, {{"groups", integer_setter(line, lrn.groups, 1, kMaxNetChannels)}},
           "channel");
}

void read_spec(const Line& line, LrnMapSpec& lrn) { read_lrn(line, lrn, kMaxNetSide, {}, "pixel"); }

void read_spec(const Line& line, PoolSpec& pool) {
  const auto words = positional(line, {"the window, HxW"});
  const auto window = read_product(line, words[0], "a window HxW", 2);
  pool.kernel_height = window[0];
  pool.kernel_width = window[1];
  // Required, as systems differ in the default stride of pooling: 1, or the window's size.
  const std::array<Key, 3> keys = {{{"stride", integer_setter(line, pool.stride, 1, kMaxNetSide), true},
                                    {"pad", padding_setter(line, pool.pad)},
                                    {"ceil", choice_setter(line, pool.ceil, "off", "on")}}};
  read_keys(line, words.size(), keys);
}

void read_spec(const Line& line, DropoutSpec& dropout) {
  const auto words = positional(line, {"the probability of dropping"});
  dropout.drop = read_real(line, words[0], 0.0, 1.0);
  if (dropout.drop == 1.0) line.fail(words[0], "expected a probability below 1");
  const std::array<Key, 1> keys = {{{"scale", choice_setter(line, dropout.scale_at_test, "train", "test")}}};
  read_keys(line, words.size(), keys);
}

void read_spec(const Line& line, ReluSpec& /*relu*/) { read_keys(line, 0, {}); }
void read_spec(const Line& line, TanhSpec& /*tanh*/) { read_keys(line, 0, {}); }
void read_spec(const Line& line, LogisticSpec& /*logistic*/) { read_keys(line, 0, {}); }
void read_spec(const Line& line, SoftmaxSpec& /*softmax*/) { read_keys(line, 0, {}); }

// Every kind by its name, with its defaults.
const std::map<std::string_view, LayerKind>& known_kinds() {
  static const auto kinds = [] {
    std::map<std::string_view, LayerKind> named;
    for (const LayerKind& kind : layer_kinds()) named.emplace(kind_name(kind), kind);
    return named;
  }();
  return kinds;
}

// The names of the kinds that `wanted` takes: "conv, fc or local", where `last` is " or ".
template <typename Wanted>
std::string names_of_kinds(const Wanted& wanted, std::string_view last = ", ") {
  std::vector<std::string_view> names;
  for (const auto& [name, kind] : known_kinds()) {
    if (wanted(kind)) names.push_back(name);
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? last : ", ";
    text += names[i];
  }
  return text;
}

InputSpec read_input(const Line& line) {
  const auto words = positional(line, {"the size of the input, HxWxC"});
  const auto size = read_product(line, words[0], "height x width x channels, HxWxC", 3);
  InputSpec input;
  input.crop = {size[0], size[1], size[2]};
  input.stored = input.crop;
  const std::array<Key, 1> keys = {{{"from", [&](const Word& value) {
                                       const auto stored = read_product(line, value, "a size HxW", 2);
                                       input.stored.height = stored[0];
                                       input.stored.width = stored[1];
                                       if (stored[0] < size[0] || stored[1] < size[1]) {
                                         line.fail(value, "expected from= at least as large as the input");
                                       }
                                     }}}};
  read_keys(line, words.size(), keys);
  if (input.stored.elements() > kMaxNetElements) line.fail(words[0], "the input is too large");
  return input;
}

// ---- the net

// The last layer, and the only one of its kind.
bool is_softmax(const LayerKind& kind) { return std::holds_alternative<SoftmaxSpec>(kind); }

// Whether a layer without a name of its own could get this one: "relu2".
bool is_made_name(std::string_view name) {
  for (const auto& [kind_text, kind] : known_kinds()) {
    if (learned(kind) != nullptr || !name.starts_with(kind_text)) continue;
    const std::string_view count = name.substr(kind_text.size());
    if (count.find_first_not_of("0123456789") == std::string_view::npos &&
        count.empty() == is_softmax(kind)) {
      return true;
    }
  }
  return name == "input";
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class NetParser {
 public:
  explicit NetParser(std::string_view place) : place_(place) {}

  void read_line(std::string_view text, int number) {
    const std::vector<Word> words = split_words(text, number);
    if (words.empty()) return;
    const Line line(place_, number, words);
    last_ = number;
    const std::string_view kind = line.kind().text;
    if (!has_input_) {
      if (kind != "input") line.fail(line.kind(), "expected input HxWxC first, not " + quoted(kind));
      net_.input = read_input(line);
      has_input_ = true;
      return;
    }
    if (kind == "input") line.fail(line.kind(), "a second input");
    if (done_) line.fail(line.kind(), "expected nothing after softmax");
    read_layer(line, kind);
  }

  NetSpec finish(std::string_view text) {
    const auto end = static_cast<std::uint64_t>(last_);
    if (!has_input_) throw TextError(place_, end, 0, "expected input HxWxC: the net has no layers");
    if (!done_) throw TextError(place_, end, 0, "expected softmax as the last layer");
    net_.text = text;
    const auto is_learned = [](const LayerKind& kind) { return learned(kind) != nullptr; };
    if (std::ranges::none_of(net_.layers, is_learned, &LayerSpec::kind)) {
      throw TextError(place_, end, 0,
                      "expected a " + names_of_kinds(is_learned, " or ") + " layer: nothing learns");
    }
    return std::move(net_);
  }

 private:
  void read_layer(const Line& line, std::string_view kind) {
    const auto known = known_kinds().find(kind);
    if (known == known_kinds().end()) {
      const std::string names = names_of_kinds([](const LayerKind& /*kind*/) { return true; });
      line.fail(line.kind(), "expected one of " + names + ", not " + quoted(kind));
    }
    if (net_.layers.size() == static_cast<std::size_t>(kMaxLayers)) {
      line.fail(line.kind(), "more than " + std::to_string(kMaxLayers) + " layers");
    }
    LayerSpec layer;
    layer.kind = known->second;
    std::visit([&](auto& spec) { read_spec(line, spec); }, layer.kind);
    layer.line = line.number();
    layer.in = net_.layers.empty() ? net_.input.crop : net_.layers.back().out;
    layer.name = name_of(line, kind, layer.kind);
    try {
      layer.out = output_extent(layer.kind, layer.in);
    } catch (const ShapeError& error) {
      line.fail(line.kind(), error.what());
    }
    done_ = is_softmax(layer.kind);
    net_.layers.push_back(std::move(layer));
  }

  std::string name_of(const Line& line, std::string_view kind, const LayerKind& layer) {
    if (learned(layer) == nullptr) {
      // There is only one softmax; other kinds are numbered.
      return is_softmax(layer) ? std::string(kind) : std::string(kind) + std::to_string(++made_[kind]);
    }
    const Word& word = line.words()[1];
    const char first = word.text.front();
    if (word.text.size() > kMaxLayerName || !std::ranges::all_of(word.text, is_name_character) ||
        !is_name_character(first) || first == '-' || (first >= '0' && first <= '9')) {
      line.fail(word,
                "expected a name of letters, digits, _ and -, beginning with a letter or _, of at most " +
                    std::to_string(kMaxLayerName) + ", not " + quoted(word.text));
    }
    if (is_made_name(word.text)) {
      line.fail(word, quoted(word.text) + " is kept for a layer that has no name of its own");
    }
    if (!names_.insert(std::string(word.text)).second) {
      line.fail(word, "a second layer named " + quoted(word.text));
    }
    return std::string(word.text);
  }

  // The words before a comment. Bytes must be printable UTF-8, as the text goes into weights files.
  std::vector<Word> split_words(std::string_view text, int number) const {
    const auto line = static_cast<std::uint64_t>(number);
    if (text.ends_with('\r')) text.remove_suffix(1);
    check_printable(text, place_, line);
    if (!is_utf8(text)) throw TextError(place_, line, 0, "not UTF-8");
    text = text.substr(0, text.find('#'));
    std::vector<Word> words;
    for (std::size_t i = 0; i < text.size();) {
      if (is_blank(text[i])) {
        ++i;
        continue;
      }
      const std::size_t end = std::min(text.find_first_of(" \t", i), text.size());
      words.push_back({text.substr(i, end - i), i + 1});
      i = end;
    }
    return words;
  }

  std::string_view place_;
  NetSpec net_;
  bool has_input_ = false;
  bool done_ = false;
  int last_ = 1;  // the last line that is not empty
  std::map<std::string_view, int> made_;
  std::set<std::string> names_;
};

}  // namespace

NetSpec parse_net(std::string_view text, std::string_view place) {
  if (text.size() > kMaxNetBytes) {
    throw Error(place, "more than " + std::to_string(kMaxNetBytes) + " bytes: not a net");
  }
  NetParser parser(place);
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    parser.read_line(line, static_cast<int>(number));  // at most kMaxNetBytes
  });
  return parser.finish(text);
}

}  // namespace convoy
