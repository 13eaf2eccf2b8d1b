// Nets small enough to compare with a reference. Together they have every kind of layer and of fusion.
#pragma once

namespace convoy {

struct NetCase {
  const char* name;
  const char* text;
};

// Initial weights are large enough that gradients do not vanish.
inline constexpr NetCase kSmallNets[] = {
    {"small_alexnet", R"(
input   27x27x3 from=32x32
conv    conv1 16 5x5 stride=2 pad=0,0,2,2 init=0.01
relu
lrn     size=5 k=2 alpha=1e-2 beta=0.75
maxpool 3x3 stride=2
conv    conv2 32 3x3 pad=1 groups=2 init=0.1 bias=0.5
relu
lrn     size=5 k=2 alpha=1e-2 beta=0.75
maxpool 3x3 stride=2
conv    conv3 24 3x3 pad=1 init=0.1
relu
conv    conv4 16 3x3 pad=1 groups=2 init=0.1
relu
fc      fc6 40 init=0.1 bias=0.5
relu
dropout 0.5
fc      fc7 24 init=0.2 lr=0.5 bias-lr=2 decay=3 bias-decay=1
relu
dropout 0.5
fc      fc8 7 init=0.2
softmax
)"},
    {"source_of_2012", R"(
input   21x21x3 from=24x24
conv    conv1 12 7x7 stride=4 pad=1,1,2,2 init=0.01
lrn     size=5 k=2 alpha=1e-2 beta=0.75 window=mean
maxpool 3x3 stride=2
relu
fc      fc6 20 init=0.1
relu
dropout 0.5 scale=test
fc      fc8 11 init=0.2
softmax
)"},
    {"towers_and_maps", R"(
input   19x19x3 from=21x21
conv    conv1 32 5x5 stride=2 pad=0,0,2,2 init=0.01
lrn     size=5 k=2 alpha=1e-2 beta=0.75 window=mean groups=2
maxpool 3x3 stride=2
relu
conv    conv2 48 3x3 pad=1 groups=2 init=0.1 bias=0.5
relu
lrn     size=5 k=2 alpha=1e-2 beta=0.75 groups=2
lrn-map size=3 k=1 alpha=5e-2 beta=0.75
maxpool 3x3 stride=2 ceil=on
conv    conv3 12 3x3 pad=1 init=0.1
lrn-map size=5 k=2 alpha=1e-2 beta=0.6 window=sum
lrn     size=3 k=1 alpha=5e-2 groups=3
maxpool 2x2 stride=1
fc      fc4 5 init=0.2
softmax
)"},
    {"cuda_convnet", R"(
input   12x12x3
conv    conv1 12 5x5 pad=2 init=0.01
maxpool 3x3 stride=2 ceil=on
relu
lrn     size=3 k=1 alpha=5e-2 beta=0.75 window=mean
conv    conv2 10 5x5 pad=2 init=0.1
relu
avgpool 3x3 stride=2 ceil=on
lrn     size=3 k=1 alpha=5e-2 beta=0.75
relu
fc      fc10 10 init=0.1
softmax
)"},
    {"tanh_and_dropout", R"(
input   6x6x1 from=8x8
conv    conv1 5 3x3 init=0.05
tanh
dropout 0.4 scale=test
maxpool 2x2 stride=2
fc      fc1 9 init=0.3
tanh
dropout 0.5 scale=test
fc      fc2 3 init=0.3
relu
softmax
)"},
    {"relu_everywhere", R"(
input   7x7x3
maxpool 2x2 stride=1
relu
conv    conv1 16 3x3 init=0.05
dropout 0.3
relu
tanh
relu
dropout 0.3
conv    conv2 6 4x4 init=0.1
relu
relu
fc      fc1 4 init=0.3
softmax
)"},
    {"unshared_filters", R"(
input   9x8x3 from=11x9
local   local1 12 3x3 stride=2 pad=1 init=0.02 bias=0.2
relu
local   local2 20 3x2 pad=1,0,1,1 groups=2 init=0.2
local   local3 5 2x2 init=0.2 lr=0.5 bias-lr=2 decay=3 bias-decay=1
relu
fc      fc1 6 init=0.3
softmax
)"},
    {"scores_of_a_local", "input 5x5x2\nlogistic\nlocal local1 4 5x5 init=0.2\nrelu\nsoftmax\n"},
    {"logistic", R"(
input   6x6x2
conv    conv1 5 3x3 init=0.05
logistic
local   local1 10 3x3 init=0.3
relu
logistic
dropout 0.3
fc      fc1 4 init=0.5
logistic
relu
softmax
)"},
    {"logistic_regression", "input 3x3x1\nfc fc1 2 init=0.001\nsoftmax\n"},
    {"scores_of_a_conv",
     "input 5x5x3\nconv conv1 16 3x3 init=0.05\nrelu\nconv conv2 5 3x3 init=0.1\nsoftmax\n"},
};

}  // namespace convoy
