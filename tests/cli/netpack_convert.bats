# netpack: others' weights become weights of convoy, and the reverse. The files are those of the real writers (PyTorch,
# Caffe's schema by protobuf), and real readers judge what is written (tests/exchange).
load common
load training

PYTHON=/usr/bin/python3  # Debian's, whose packages these are
EXCHANGE=$ROOT/tests/exchange

# requires_python MODULE...: skips the test if Debian's Python lacks one of the modules.
requires_python() {
  local module
  for module in "$@"; do
    "$PYTHON" -c "import $module" 2> /dev/null || skip "needs $module for $PYTHON (Debian: python3-${module##*.})"
  done
}

# with_python MODULE SCRIPT...: runs the script with the first Python that has the module, or says that none has.
with_python() {
  local module=$1 python
  shift
  for python in ${CONVOY_PYTHONS:-} "$PYTHON" python3; do
    if "$python" -c "import ${module%%.*}; $module" 2> /dev/null; then
      "$python" "$@" || fail "$* failed"
      return
    fi
  done
  echo "# left out: no Python here has $module (CONVOY_PYTHONS names more of them)" >&3
}

# make_caffe_files: writes what tests/exchange/caffe.py says, with the schema of formats/caffe.proto.
make_caffe_files() {
  requires_python google.protobuf torch
  requires protoc
  cp "$ROOT/formats/caffe.proto" .
  sed -e 's/ \[packed = true\]//' -e 's/^package .*/package unpacked;/' caffe.proto > unpacked.proto
  protoc --python_out=. caffe.proto unpacked.proto
  export PYTHONPATH=$TMP
  "$PYTHON" "$EXCHANGE/caffe.py" write
}

# What a caffemodel of make_caffe_files is, as a net.
small_caffe_net() {
  printf '%s\n' "input 43x43x3 from=48x48" 'conv conv1 12 7x7 stride=2' relu 'lrn size=5 k=1 alpha=0.01 window=mean' \
    'maxpool 3x3 stride=2 ceil=on' 'conv conv2 16 5x5 pad=2 groups=2' relu 'maxpool 3x3 stride=2 ceil=on' \
    'conv conv3 12 3x3 pad=1' relu 'avgpool 3x3 stride=2 ceil=on' 'fc fc6 20' tanh 'dropout 0.3' 'fc fc_7 6' softmax
}

@test "weights of PyTorch in several types, with other names and a normalisation" {
  requires_python torch
  "$PYTHON" "$EXCHANGE/weights.py" write "$BIN/predict" small
  expect_status 0 "$BIN/netpack" --net=small.net --rename=names.tsv --normalize=0.4,0.5,0.6:0.2,0.25,0.3 -o w.safetensors \
    small.safetensors
  assert_equal "$stderr" "netpack: small.safetensors: left out what the net does not have: 1 tensor (steps)
netpack: 6 tensors"
  "$BIN/netpack" --verify w.safetensors
  "$PYTHON" "$EXCHANGE/weights.py" compare "$BIN/predict" small
  # The same from a pipe, with a class table.
  printf 'n%08d\tword\n' 1 2 3 4 5 > classes.txt
  "$BIN/netpack" -q --net=small.net --rename=names.tsv --normalize=0.4,0.5,0.6:0.2,0.25,0.3 --classes=classes.txt \
    < small.safetensors > piped.safetensors 2> /dev/null
  "$BIN/netpack" --extract=classes piped.safetensors | cmp - classes.txt
  assert_equal "$("$BIN/netpack" --list piped.safetensors | cut -f 1-8)" "$("$BIN/netpack" --list w.safetensors | cut -f 1-8)"
}

@test "with --channels=bgr, the numbers of --normalize and means are of red, green and blue nevertheless" {
  requires_python numpy
  printf '%s\n' 'input 5x6x3' 'conv c1 4 3x3' 'fc f1 3' 'softmax' > rgb.net
  "$PYTHON" -c 'import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import exchange
random = np.random.default_rng(5)
t = {"c1.weight": (4, 3, 3, 3), "c1.bias": (4,), "f1.weight": (3, 48), "f1.bias": (3,)}
t = {n: random.normal(0, 1, shape).astype(np.float32) for n, shape in t.items()}
exchange.write_safetensors("rgb.safetensors", t)
t["c1.weight"] = t["c1.weight"][:, ::-1]
exchange.write_safetensors("bgr.safetensors", t)
exchange.write_safetensors("mean.safetensors", {"mean": np.array([10, 20, 30], np.float32)})' "$EXCHANGE"
  local options
  for options in --normalize=0.1,0.2,0.3:0.4,0.5,0.6 '--mean=mean.safetensors --normalize=0:0.4,0.5,0.6' --mean=mean.safetensors; do
    # shellcheck disable=SC2086
    "$BIN/netpack" -q --net=rgb.net $options -o a.safetensors rgb.safetensors
    # shellcheck disable=SC2086
    "$BIN/netpack" -q --net=rgb.net $options --channels=bgr -o b.safetensors bgr.safetensors
    cmp a.safetensors b.safetensors
  done
  # The mean differs from channel to channel.
  assert_equal "$("$BIN/netpack" --list a.safetensors | awk '$1 == "mean" { print $4, $5 }')" '10 30'
}

@test "AlexNet as torchvision has it is known by its tensors" {
  requires_python torch
  "$PYTHON" "$EXCHANGE/weights.py" write "$BIN/predict" torchvision
  expect_status 0 "$BIN/netpack" -q -o w.safetensors torchvision.safetensors
  rm torchvision.safetensors
  "$PYTHON" "$EXCHANGE/weights.py" compare "$BIN/predict" torchvision
}

@test "caffemodels of both formats, with their means, give what Caffe gives" {
  make_caffe_files
  local model
  for model in new old; do
    expect_status 0 "$BIN/netpack" -q --mean=mean.binaryproto -o $model.safetensors $model.caffemodel
    assert_equal "$stderr" ""
    assert_equal "$("$BIN/netpack" --extract=net $model.safetensors | tail -n +2)" \
      "$(small_caffe_net | sed 's/alpha=0.01/& beta=0.75/')"
    "$PYTHON" "$EXCHANGE/caffe.py" compare "$BIN/predict" $model.safetensors mean
  done
  with_python cv2.dnn.readNetFromCaffe "$EXCHANGE/caffe.py" opencv
  # Names and blobs alone: the user says what the net is. Values one by one, doubles among them, through a pipe.
  small_caffe_net > small.net
  # shellcheck disable=SC2002
  cat plain.caffemodel | "$BIN/netpack" -q --net=small.net --mean=mean.binaryproto > plain.safetensors
  assert_equal "$("$BIN/netpack" --list plain.safetensors | cut -f 1-8)" "$("$BIN/netpack" --list new.safetensors | cut -f 1-8)"
  # A mean of another size is resized; one of other software has its own order of channels.
  "$BIN/netpack" -q --net=small.net --mean=small.binaryproto -o w.safetensors new.caffemodel
  "$PYTHON" "$EXCHANGE/caffe.py" compare "$BIN/predict" w.safetensors small
  "$PYTHON" -c 'import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import exchange
exchange.write_safetensors("rgb.safetensors", {"mean": np.array([123, 117, 104], "<f4")})' "$EXCHANGE"
  "$BIN/netpack" -q --net=small.net --mean=rgb.safetensors -o w.safetensors new.caffemodel
  "$PYTHON" "$EXCHANGE/caffe.py" compare "$BIN/predict" w.safetensors 104,117,123
}

@test "files of Caffe and ONNX that are given for something else are named" {
  make_caffe_files
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  "$BIN/netpack" -q --to=onnx -o w.onnx w.safetensors
  local model='a Caffe model where weights are expected: netpack makes weights of it' file
  for file in new old plain; do
    refuse 1 "^predict: $file.caffemodel: $model" "$BIN/predict" -w $file.caffemodel 0.png
    refuse 1 "^netpack: $file.caffemodel: $model" "$BIN/netpack" --list $file.caffemodel
    refuse 1 "^train: $file.caffemodel: $model" "$BIN/train" "${SMALL[@]}" --init-from=$file.caffemodel -o x train.shard
    refuse 1 "^netpack: $file.caffemodel: a Caffe model where a mean file is expected" \
      "$BIN/netpack" --mean=$file.caffemodel -o x mean.binaryproto
  done
  refuse 1 '^netpack: mean.binaryproto: a mean of Caffe where weights are expected: netpack takes it as --mean' \
    "$BIN/netpack" --mean=none -o x mean.binaryproto
  refuse 1 '^train: mean.binaryproto: a mean of Caffe where a mean file is expected' \
    "$BIN/train" --net=small.net --mean=mean.binaryproto -o x train.shard
  refuse 1 '^netpack: w.onnx: an ONNX model where weights are expected' "$BIN/netpack" -o x w.onnx
  refuse 1 '^netpack: w.onnx: an ONNX model where a mean file is expected' "$BIN/netpack" --mean=w.onnx -o x w.safetensors
  refuse 1 '^eval: w.onnx: an ONNX model where weights are expected' "$BIN/eval" -w w.onnx train.shard
  assert_missing x
}

@test "cut and damaged files of Caffe are refused, or read as they are, in little memory" {
  make_caffe_files
  local size bytes seed=$RANDOM
  echo "seed $seed"
  size=$(stat -c %s new.caffemodel)
  for bytes in 0 1 2 5 50 "$((size / 2))" "$((size - 1))"; do
    head -c "$bytes" new.caffemodel > cut.caffemodel
    refuse 1 "^netpack: cut.caffemodel: " "$BIN/netpack" --mean=none -o x.safetensors cut.caffemodel
    assert_missing x.safetensors
    head -c "$((bytes < size / 2 ? bytes : 27000))" mean.binaryproto > cut.binaryproto
    refuse 1 "^netpack: cut.binaryproto: " "$BIN/netpack" --mean=cut.binaryproto -o x.safetensors new.caffemodel
  done
  RANDOM=$seed
  for bytes in {1..40}; do
    cp old.caffemodel damaged.caffemodel
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $((RANDOM % 256)))" |
      dd of=damaged.caffemodel bs=1 seek=$((RANDOM % (bytes < 20 ? 400 : size - 1))) conv=notrunc status=none
    run --separate-stderr "$BIN/netpack" --mean=mean.binaryproto -o x.safetensors damaged.caffemodel
    [[ $status =~ ^[01]$ ]] || fail "status $status: $stderr" || return 1
    rm -f x.safetensors
  done
  refuse 1 "new.caffemodel: .*needs? .* of memory, the limit is" "$BIN/netpack" --max-memory=1K --mean=none -o x new.caffemodel
}

@test "tensors that are missing, misshapen, unknown or not finite are named" {
  requires_python numpy
  tensors() {  # FILE PYTHON: writes a file with the tensors in the map t
    "$PYTHON" -c 'import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import exchange
t = {"c1.weight": np.ones((8, 1, 3, 3), "<f4"), "c1.bias": np.ones(8, "<f4"), "f1.weight": np.ones((16, 200), "<f4"),
     "f1.bias": np.ones(16, "<f4"), "f2.weight": np.ones((4, 16), "<f4"), "f2.bias": np.ones(4, "<f4")}
exec(sys.argv[3])
exchange.write_safetensors(sys.argv[2], t)' "$EXCHANGE" "$@"
  }
  make_net 4
  local net=("$BIN/netpack" --net=small.net --mean=none -o x)
  tensors good.safetensors ''
  expect_status 0 "${net[@]}" good.safetensors
  rm x
  tensors t.safetensors 'del t["c1.bias"]; t["f2.weight"] = np.ones((4, 17), "<f4"); t["odd"] = t["f1.bias"]'
  refuse 1 "t.safetensors: tensor 'c1.bias' is missing; tensor 'f2.weight' is \[4,17\], not \[4,16\]$" "${net[@]}" t.safetensors
  tensors t.safetensors 'del t["c1.bias"]; t["f1.bias"][3] = -np.inf; t["f2.weight"] = np.zeros((4, 17), "<f4")'
  refuse 1 "t.safetensors: tensor 'c1.bias' is missing; tensor 'f1.bias' holds values that are not finite numbers; tensor 'f2.weight' is \[4,17\], not \[4,16\]$" "${net[@]}" t.safetensors
  tensors t.safetensors 't["f2.bias"][1] = np.nan'
  refuse 1 "t.safetensors: tensor 'f2.bias' holds values that are not finite" "${net[@]}" t.safetensors
  tensors t.safetensors 't["f2.bias"] = np.ones(4, "<i4")'
  refuse 1 "t.safetensors: tensor 'f2.bias' is I32, not F32, F16, BF16 or F64" "${net[@]}" t.safetensors
  # Wider values that a float cannot hold.
  tensors t.safetensors 't["f2.bias"] = np.full(4, 1e200)'
  refuse 1 "t.safetensors: tensor 'f2.bias' holds values that are not finite" "${net[@]}" t.safetensors
  # Extents of one are written differently.
  tensors t.safetensors 't["f2.weight"] = t["f2.weight"].reshape(4, 16, 1, 1); t["c1.bias"] = t["c1.bias"].reshape(1, 1, 1, 8)'
  expect_status 0 "${net[@]}" t.safetensors
  rm x
  refuse 1 "good.safetensors: it does not say what its net is: give --net" "$BIN/netpack" --mean=none -o x good.safetensors
  refuse 1 "good.safetensors: it does not say what is subtracted .*--mean=none" "$BIN/netpack" --net=small.net -o x good.safetensors
  printf 'a\nb\nc\n' > classes.txt
  refuse 1 "3 classes in the table, and 4 outputs" "${net[@]}" --classes=classes.txt good.safetensors
  printf 'c1.weight\tc1.bias\n' > names.tsv
  refuse 1 "names.tsv: two tensors would be called 'c1.bias'" "${net[@]}" --rename=names.tsv good.safetensors
  printf 'c1.weights\tc1.bias\n' > names.tsv
  refuse 1 "names.tsv:1:1: no tensor 'c1.weights' in good.safetensors" "${net[@]}" --rename=names.tsv good.safetensors
  printf 'c1.weight c1.bias\n' > names.tsv
  refuse 1 "names.tsv:1: expected the tensor's name in the file, a TAB" "${net[@]}" --rename=names.tsv good.safetensors
  refuse 2 "--normalize: '0.5' is not MEANS:DEVIATIONS" "${net[@]}" --normalize=0.5 good.safetensors
  refuse 2 "--normalize: " "${net[@]}" --normalize=0.5:0 good.safetensors
  refuse 1 "2 means for an input of 1 channel" "${net[@]}" --normalize=0.5,1:1 good.safetensors
  printf '%s\n' 'input 10x10x1 from=12x12' relu 'conv c1 8 3x3 pad=1' relu 'maxpool 2x2 stride=2' 'fc f1 16' relu 'fc f2 4' \
    softmax > late.net
  expect_status 0 "$BIN/netpack" -q --net=late.net --mean=none -o x good.safetensors
  rm x
  refuse 1 "its first layer must be a conv without groups, or an fc" "$BIN/netpack" --net=late.net --normalize=0.5:0.5 -o x \
    good.safetensors
  refuse 2 "--channels: .*rgb" "${net[@]}" --channels=grb good.safetensors
  refuse 2 "--type needs --to=safetensors" "${net[@]}" --type=f16 good.safetensors
  refuse 2 "exclude each other" "${net[@]}" --list good.safetensors
  refuse 2 "one file at a time, not 2" "${net[@]}" good.safetensors t.safetensors
  refuse 2 "--output: good.safetensors is an input" "${net[@]}" -o good.safetensors good.safetensors
  refuse 2 "--output: small.net is an input" "${net[@]}" -o small.net good.safetensors
  printf 'PK\3\4%22s%s' - archive/data.pkl | tr ' ' '\001' > net.pt
  refuse 1 "net.pt: a PyTorch file where weights are expected: convoy-netpack.1. says how" "${net[@]}" net.pt
  assert_missing x
}

@test "weights become safetensors in 16 bits, and again weights" {
  requires_python numpy
  make_training_set
  small_train --steps=2 -o w.safetensors train.shard
  local type
  for type in f32 f16 bf16; do
    expect_status 0 "$BIN/netpack" -q --to=safetensors --type=$type -o $type.safetensors w.safetensors
    assert_equal "$("$BIN/netpack" --list $type.safetensors | cut -f 3 | sort -u | tr '\n' ' ')" \
      "$([ $type = f32 ] && echo 'F32 ' || echo "${type^^} F32 " | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ //')"
    expect_status 0 "$BIN/netpack" -q -o again.safetensors $type.safetensors
    "$BIN/netpack" --verify again.safetensors
    "$PYTHON" - "$EXCHANGE" $type << 'END'
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import exchange
before, about = exchange.read_safetensors("w.safetensors")
after, again = exchange.read_safetensors("again.safetensors")
assert list(before) == list(after)
for key in about:
    assert key == "convoy.checksum" or about[key] == again[key], key
for name, values in before.items():
    if sys.argv[2] == "f16" and name != "mean":
        values = values.astype(np.float16).astype(np.float32)
    if sys.argv[2] == "bf16" and name != "mean":
        bits = values.view("<u4").astype(np.uint64)
        values = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype("<u4").view("<f4")
    assert np.array_equal(values, after[name]), name
END
  done
  "$BIN/netpack" -q -o again.safetensors f32.safetensors
  cmp again.safetensors w.safetensors
  refuse 1 "'f1.weight' is F16, not F32" "$BIN/predict" -w f16.safetensors nothing.png
  cp w.safetensors large.safetensors
  "$PYTHON" -c 'import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import exchange
t, m = exchange.read_safetensors("w.safetensors")
del m["convoy.checksum"]
t["f2.bias"][0] = 65520
exchange.write_safetensors("large.safetensors", t, m)' "$EXCHANGE"
  refuse 1 "tensor 'f2.bias' holds values too large for F16" "$BIN/netpack" --to=safetensors --type=f16 -o x large.safetensors
  assert_missing x
  expect_status 0 "$BIN/netpack" -q --to=safetensors --type=bf16 -o x large.safetensors
}

# to_onnx NET: trains one step of the net, gives it weights that show every layer, writes net.onnx, and lets every
# program that is here run it.
to_onnx() {
  requires_python torch onnx
  "$PYTHON" "$EXCHANGE/onnx_net.py" prepare "$1"
  local classes gray=''
  classes=$(awk '$1 == "fc" { n = $3 } END { print n }' "$1")
  grep -q '^input.*x1\b' "$1" && gray=--gray
  mkdir -p folders
  local c
  for ((c = 0; c < classes; c++)); do
    mkdir -p "folders/c$c"
    cp 0.png "folders/c$c/0.png"
  done
  "$BIN/imgprep" -q --size=none $gray -o o.shard folders
  "$BIN/train" -q --net="$1" --mean=none --batch=2 --steps=1 --lr=0 -o w.safetensors o.shard
  "$PYTHON" "$EXCHANGE/onnx_net.py" fill w.safetensors
  # The class IDs are those of folders.
  seq 0 $((classes - 1)) > numbers.txt
  "$BIN/netpack" -q --classes=numbers.txt -o named.safetensors w.safetensors
  "$PYTHON" "$EXCHANGE/onnx_net.py" predict "$BIN/predict" named.safetensors
  expect_status 0 "$BIN/netpack" -q --to=onnx -o net.onnx named.safetensors
  assert_equal "$stderr" ""
  "$PYTHON" "$EXCHANGE/onnx_net.py" checker net.onnx
  "$PYTHON" "$EXCHANGE/onnx_net.py" torch net.onnx
  with_python onnxruntime "$EXCHANGE/onnx_net.py" onnxruntime net.onnx
  with_python openvino "$EXCHANGE/onnx_net.py" openvino net.onnx
  with_python cv2 "$EXCHANGE/onnx_net.py" opencv net.onnx
}

@test "ONNX: convolutions, groups, response normalisation, pooling beyond the edge, products" {
  printf '%s\n' 'input 31x29x3 from=36x34' 'conv c1 8 5x5 stride=2 pad=2,1,0,1' relu 'lrn size=5 k=2 alpha=1e-2 beta=0.75' \
    'maxpool 3x3 stride=2 ceil=on' 'conv c2 12 3x3 pad=1 groups=4' tanh 'lrn size=3 k=1 alpha=0.5 beta=0.6 window=mean' \
    'avgpool 3x2 stride=2 pad=1,0,1,1 ceil=on' 'dropout 0.4 scale=test' 'fc f1 10' relu 'dropout 0.5' 'fc f2 5' softmax > a.net
  to_onnx a.net
}

@test "ONNX: one channel, no crop, response normalisation and pooling of products" {
  printf '%s\n' 'input 9x9x1' 'fc f1 16' relu 'lrn size=5 k=1 alpha=0.1' 'dropout 0.3 scale=test' 'maxpool 1x1 stride=1' \
    'conv c1 12 1x1' tanh 'fc f2 8' logistic 'fc f3 3' softmax > b.net
  to_onnx b.net
}

@test "ONNX: normalisation within maps, and in groups of channels" {
  printf '%s\n' 'input 15x17x3' 'conv c1 12 3x3' relu 'lrn-map size=5 k=1 alpha=0.01 beta=0.75' \
    'lrn size=3 k=1 alpha=0.1 beta=0.75 groups=3' 'conv c2 8 3x3 stride=2' 'lrn-map size=3 k=2 alpha=0.5 beta=0.6 window=sum' \
    'lrn size=5 k=2 alpha=0.2 beta=0.5 window=mean groups=2' 'fc f1 4' softmax > c.net
  to_onnx c.net
}

@test "ONNX: locally connected layers, with groups, and the logistic function" {
  printf '%s\n' 'input 12x11x3' 'conv c1 6 3x3' relu 'local l1 4 3x3 stride=2 pad=1,0,1,1' logistic \
    'local l2 6 2x2 groups=2' tanh 'fc f1 4' softmax > d.net
  to_onnx d.net
}

# OpenVINO takes the whole part of LRN's bias; OpenCV's tanh of more than 44 is not a number.
@test "ONNX: layers called as its own values are, locals after products, constants with a fraction, tanh of large values" {
  printf '%s\n' 'input 9x8x3 from=11x10' tanh 'conv mean 6 3x3' 'lrn size=3 k=0.5 alpha=0.5' 'conv crop 6 1x1' \
    'lrn size=3 k=1.5 alpha=0.2 beta=0.6 window=mean groups=2' 'fc images 8' 'local probabilities 6 1x1 groups=2' \
    'lrn size=5 k=0.25 alpha=0.1 beta=0.5' 'fc f1 4' softmax > e.net
  to_onnx e.net
}

@test "ONNX: two runs write the same bytes, in a pipe too, and a net that does not fit is refused" {
  requires_python torch onnx
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  "$BIN/netpack" -q --to=onnx -o a.onnx w.safetensors
  # shellcheck disable=SC2002
  cat w.safetensors | "$BIN/netpack" -q --to=onnx | cmp - a.onnx
  refuse 1 "w.safetensors: .*of memory, the limit is" "$BIN/netpack" --max-memory=1K --to=onnx -o x w.safetensors
  # What ONNX needs in place of a large window would be larger than all else.
  printf '%s\n' 'input 10x10x1 from=12x12' 'conv c1 4 1x1' 'lrn-map size=9001' 'fc f1 4' softmax > wide.net
  small_train --net=wide.net --steps=1 --lr=0 -o wide.safetensors train.shard
  refuse 1 "layer 'lrn-map1': its window is too large" "$BIN/netpack" --to=onnx -o x wide.safetensors
  assert_missing x
}

@test "the examples of the manual page about other programs run" {
  requires_python torch
  "$PYTHON" "$EXCHANGE/weights.py" write "$BIN/predict" small
  mv small.safetensors theirs.safetensors
  mv small.net theirs.net
  make_caffe_files
  mv new.caffemodel bvlc_alexnet.caffemodel
  mv mean.binaryproto imagenet_mean.binaryproto
  seq -f 'n%08g word' 6 > synset_words.txt
  local command
  while IFS= read -r command; do
    case $command in *bvlc_alexnet* | *theirs* | *--to=*) run_example "$command" || return 1 ;; esac
  done < <(man_examples convoy-netpack.1)
  [ -s alexnet.onnx ] && [ -s alexnet-f16.safetensors ]
}
