# netpack: what it says about weights, checkpoints, mean files and others' safetensors, and what it takes out of them.
load common
load training

setup() {
  common_setup
  make_training_set
  printf 'cat\tA cat\ndog\nemu\tAn emu, large\ngnu\n' > classes.txt
  "$BIN/imgprep" -q --size=none --gray --idx --classes=classes.txt train-images.idx train-labels.idx -o train.shard
  small_train --steps=2 --lr-policy=step:0.5@1 --seed=7 --checkpoint=c.safetensors -o w.safetensors train.shard
}

# with_tensors FILE PYTHON: changes the values of a file in place by a line of Python: `t` is the map of tensors, as
# arrays of numpy, and `m` the metadata, without the checksum.
with_tensors() {
  /usr/bin/python3 - "$1" "$2" << 'END'
import json, struct, sys
import numpy as np
path, code = sys.argv[1:]
types = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "U64": "<u8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
try:
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
except FileNotFoundError:
    header, size, data = {}, 0, b""
m = header.pop("__metadata__", {})
m.pop("convoy.checksum", None)
t = {n: np.frombuffer(data, types[h["dtype"]], int(np.prod(h["shape"], dtype=np.int64)), 8 + size + h["data_offsets"][0])
     .reshape(h["shape"]).copy() for n, h in header.items()}
exec(code)
header, at, parts = {"__metadata__": m} if m else {}, 0, []
for n, a in t.items():
    b = np.ascontiguousarray(a).tobytes()
    name = next(k for k, v in types.items() if np.dtype(v) == a.dtype)
    header[n] = {"dtype": name, "shape": list(a.shape), "data_offsets": [at, at + len(b)]}
    at += len(b)
    parts.append(b)
text = json.dumps(header).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + b"".join(parts))
END
}

requires_numpy() {
  /usr/bin/python3 -c 'import numpy' 2> /dev/null || skip "needs Debian's python3-numpy"
}

@test "--list has one line a tensor, with what numpy says about its values" {
  requires_numpy
  expect_status 0 "$BIN/netpack" --list w.safetensors
  printf '%s\n' "$output" > list.tsv
  assert_equal "$(cut -f 1-3,9 list.tsv)" "$(printf '%s\tF32\tw.safetensors\n' $'c1.weight\t[8,1,3,3]' $'c1.bias\t[8]' \
    $'f1.weight\t[16,200]' $'f1.bias\t[16]' $'f2.weight\t[4,16]' $'f2.bias\t[4]' $'mean\t[1,12,12]')"
  with_tensors w.safetensors '
for line in open("list.tsv"):
    f = line.rstrip("\n").split("\t")
    a = t[f[0]]
    assert np.float32(f[3]) == a.min() and np.float32(f[4]) == a.max(), f
    d = a.astype(np.float64)
    for text, value in zip(f[5:8], (d.mean(), d.std(), (a == 0).mean())):
        assert abs(float(text) - value) <= 1e-5 * abs(value) + 1e-12, (f, value)'
}

@test "--list knows every type, values that are no numbers, and tensors without values" {
  requires_numpy
  with_tensors x.safetensors '
t["half"] = np.array([[0, -2], [65504, 6e-8]], "<f2")
t["wide"] = np.array([0.1, 1e300])
t["count"] = np.array(2**53, "<u8")
t["whole"] = np.array([-3, 0, 0, 1], "<i4")
t["flags"] = np.array([True, False, True, True])
t["none"] = np.zeros((0, 3), "<f4")
t["odd"] = np.array([1, np.nan, np.inf, 0], "<f4")
t["nan"] = np.array([np.nan], "<f4")'
  expect_status 0 "$BIN/netpack" --list x.safetensors
  assert_equal "$output" "$(printf '%s\tx.safetensors\n' $'half\t[2,2]\tF16\t-2\t65504\t16375.5\t28364.4\t0.25' \
    $'wide\t[2]\tF64\t0.1\t1e+300\t5e+299\tinf\t0' $'count\t[]\tU64\t9007199254740992\t9007199254740992\t9.0072e+15\t0\t0' \
    $'whole\t[4]\tI32\t-3\t1\t-0.5\t1.5\t0.5' $'flags\t[4]\tBOOL\t0\t1\t0.75\t0.433013\t0.25' \
    $'none\t[0,3]\tF32\t-\t-\t-\t-\t-' $'odd\t[4]\tF32\t0\tinf\tinf\tnan\t0.25' $'nan\t[1]\tF32\t-\t-\t-\t-\t-')"
}

@test "--info says what weights, checkpoints, mean files and others are" {
  expect_status 0 "$BIN/netpack" --info w.safetensors c.safetensors mean.safetensors
  assert_equal "$(cut -f 1,2 <<< "$output" | grep '^kind')" \
    "$(printf 'kind\tweights\nkind\tcheckpoint\nkind\tmean')"
  expect_status 0 "$BIN/netpack" --info w.safetensors
  local line
  for line in $'file\tw.safetensors' $'kind\tweights' "bytes"$'\t'"$(stat -c %s w.safetensors)" $'tensors\t7' \
    $'input\t10x10x1' $'stored\t12x12x1' $'parameters\t3364' $'layers\t8' $'layer\tc1\tconv\t10x10x8\t80' \
    $'layer\tmaxpool1\tmaxpool\t5x5x8\t0' $'layer\tf1\tfc\t1x1x16\t3216' $'preprocessing\tsize\t0' \
    $'preprocessing\tgray\ttrue' $'seed\t7' $'option\tbatch\t8' $'option\tlr-policy\tstep:0.5@1' $'classes\t4' \
    $'class\t0\tcat\tA cat' $'class\t1\tdog\t' $'class\t3\tgnu\t' $'metadata\tformat\tpt'; do
    grep -qxF -- "$line" <<< "$output" || fail "no line '$line' in: $output" || return 1
  done
  assert_equal "$(value_of checksum)" "$(grep -a -o -m 1 '"convoy.checksum":"[0-9a-f]*"' w.safetensors | cut -d '"' -f 4)"
  without_checksum w.safetensors > changed.safetensors
  expect_status 0 "$BIN/netpack" --info changed.safetensors
  assert_equal "$(value_of checksum)" none
  expect_status 0 "$BIN/netpack" --info c.safetensors
  grep -qx $'state\tstep\t2' <<< "$output"
  expect_status 0 "$BIN/netpack" --info mean.safetensors
  grep -qx $'images\t40' <<< "$output"
  grep -qx $'stored\t12x12x1' <<< "$output"
}

@test "--verify is quiet about whole files, and names every loss of others" {
  requires_numpy
  expect_status 0 "$BIN/netpack" --verify w.safetensors c.safetensors mean.safetensors
  assert_equal "$output" $'w.safetensors\t7\t0\nc.safetensors\t13\t0\nmean.safetensors\t7\t0'
  assert_equal "$stderr" ""
  # A flipped bit, a cut, values that are not finite, a net that does not fit, what no training writes.
  cp w.safetensors flipped.safetensors
  printf '\377' | dd of=flipped.safetensors bs=1 seek="$(($(stat -c %s w.safetensors) - 9))" conv=notrunc status=none
  head -c -1 w.safetensors > cut.safetensors
  cp w.safetensors odd.safetensors
  with_tensors odd.safetensors 't["c1.bias"][2] = np.nan; t["f2.weight"][1, :3] = np.inf'
  cp w.safetensors shape.safetensors
  with_tensors shape.safetensors 't["f2.bias"] = t["f2.bias"][:3]; del t["c1.weight"]'
  cp w.safetensors net.safetensors
  with_tensors net.safetensors 'm["convoy.net"] = "input 3x3x1\nconw x\n"'
  cp c.safetensors state.safetensors
  with_tensors state.safetensors 'm["convoy.checkpoint"] = "{}"'
  cp c.safetensors momenta.safetensors
  with_tensors momenta.safetensors 'del t["momentum.f1.bias"]'
  cp w.safetensors options.safetensors
  with_tensors options.safetensors 'm["convoy.options"] = m["convoy.options"].replace("\"batch\":\"8\"", "\"batch\":\"-8\"")'
  cp mean.safetensors mean2.safetensors
  with_tensors mean2.safetensors 't["mean"][0, 3, 4] += 1'
  expect_status 1 "$BIN/netpack" --verify flipped.safetensors cut.safetensors odd.safetensors shape.safetensors \
    net.safetensors state.safetensors momenta.safetensors options.safetensors mean2.safetensors nothing w.safetensors
  assert_equal "$output" "$(printf '%s\t%s\n' flipped.safetensors $'0\t1' cut.safetensors $'0\t1' odd.safetensors $'5\t2' \
    shape.safetensors $'6\t1' net.safetensors $'7\t1' state.safetensors $'13\t1' momenta.safetensors $'12\t1' \
    options.safetensors $'7\t1' mean2.safetensors $'7\t1' nothing $'0\t1' w.safetensors $'7\t0')"
  local pattern
  for pattern in 'flipped.safetensors: .*checksum' 'cut.safetensors: offset .*cut short' \
    "odd.safetensors: tensor 'c1.bias' holds 1 value" "odd.safetensors: tensor 'f2.weight' holds 3 values" \
    "shape.safetensors: tensor 'c1.weight' is missing; tensor 'f2.bias' is \[3\], not \[4\]" \
    'net.safetensors: net:2:1: ' 'state.safetensors: ' "momenta.safetensors: tensor 'momentum.f1.bias' is missing" \
    'options.safetensors: convoy.options: .*batch' "mean2.safetensors: tensor 'mean' is not the mean" \
    'nothing: No such file'; do
    grep -Eq "^netpack: $pattern" <<< "$stderr" || fail "no '$pattern' in: $stderr" || return 1
  done
  assert_equal "$(wc -l <<< "$stderr")" 11
}

@test "--extract gives back what train was given" {
  cp small.net odd.net
  printf '# \303\251 \t no newline at the end' >> odd.net
  "$BIN/train" -q --net=odd.net "${SMALL[@]:1}" --steps=1 --seed=9 -o w.safetensors train.shard
  "$BIN/netpack" --extract=net -o out.net w.safetensors
  cmp out.net odd.net
  "$BIN/netpack" --extract=classes -o out.txt w.safetensors
  cmp out.txt classes.txt
  "$BIN/netpack" --extract=mean -o out.mean w.safetensors
  "$BIN/netpack" --extract=options -o out.conf w.safetensors
  # The same training from the parts alone ends with the same bytes.
  "$BIN/train" -q --net=out.net --mean=out.mean --config=out.conf -o again.safetensors train.shard
  cmp again.safetensors w.safetensors
  # Of a mean file, and through pipes.
  "$BIN/netpack" --extract=mean < mean.safetensors | cmp - out.mean
  "$BIN/netpack" --extract=net - < w.safetensors | cmp - odd.net
  # shellcheck disable=SC2002
  cat w.safetensors | "$BIN/netpack" --extract=classes | cmp - classes.txt
  assert_equal "$(cat < w.safetensors | "$BIN/netpack" --list | cut -f 9 | sort -u)" stdin
  assert_equal "$(cat < w.safetensors | "$BIN/netpack" --verify)" $'stdin\t7\t0'
  expect_status 0 bash -c "cat c.safetensors | '$BIN/netpack' --info"
  assert_equal "$(value_of kind)" checkpoint
}

# make_color_run: trains with colour noise from color.safetensors in two parts; in run.safetensors is what a run may say
# about its past, and in run.best.safetensors too.
make_color_run() {
  make_folders in 3 8 size=12x12
  "$BIN/imgprep" -q --size=none in -o color.shard
  "$BIN/meanimg" -q -o color.mean color.shard
  printf '%s\n' 'input 10x10x3 from=12x12' 'conv momentum 4 3x3 init=0.01' 'relu' 'fc f1 3 init=0.01' 'softmax' > color.net
  COLOR=(--batch=8 --lr=0.0001 --val=color.shard --keep=best)
  "$BIN/train" -q "${COLOR[@]}" --net=color.net --mean=color.mean --steps=1 -o color.safetensors color.shard
  "$BIN/train" -q "${COLOR[@]}" --net=color.net --mean=color.mean --init-from=color.safetensors --color-noise=0.1 --steps=3 \
    --checkpoint=run.checkpoint -o run.safetensors color.shard
  "$BIN/train" -q "${COLOR[@]}" --resume=run.checkpoint --checkpoint=run.checkpoint --momentum=0.8 \
    --steps=6 -o run.safetensors color.shard
}

@test "weights of convoy keep all that they say through every conversion" {
  make_color_run
  local file type
  for file in run.safetensors run.best.safetensors; do
    "$BIN/netpack" -q -o copy.safetensors $file
    cmp copy.safetensors $file
    "$BIN/netpack" -q --to=safetensors -o copy.safetensors $file
    cmp copy.safetensors $file
    for type in f16 bf16; do
      expect_status 0 "$BIN/netpack" -q --to=safetensors --type=$type -o narrow.safetensors $file
      assert_equal "$stderr" ""
      expect_status 0 "$BIN/netpack" --info narrow.safetensors
      assert_equal "$(grep -vE '^(file|bytes|checksum)' <<< "$output")" \
        "$("$BIN/netpack" --info $file | grep -vE '^(file|bytes|checksum)')"
      grep -q '^initial' <<< "$output"
      if [ $file = run.safetensors ]; then grep -q '^change' <<< "$output"; else grep -q '^kept' <<< "$output"; fi
    done
    assert_equal "$("$BIN/netpack" --verify narrow.safetensors)" $'narrow.safetensors\t7\t0'
  done
  # Another program may have made 16 bits of all of them, the mean and the colours too.
  requires_numpy
  cp run.safetensors half.safetensors
  with_tensors half.safetensors 't = {n: a.astype("<f2") for n, a in t.items()}'
  assert_equal "$("$BIN/netpack" --verify half.safetensors)" $'half.safetensors\t7\t0'
  "$BIN/netpack" --info half.safetensors | grep -qx $'unknown\tcolor_stddev'
  expect_status 0 "$BIN/netpack" -q -o copy.safetensors half.safetensors
  assert_equal "$stderr" \
    "netpack: half.safetensors: left out what the net does not have: 2 tensors (color_eigenvectors, color_stddev)"
  with_tensors half.safetensors 't["f1.bias"] = np.zeros(3, "<i4")'
  expect_status 1 "$BIN/netpack" --verify half.safetensors
  assert_equal "$stderr" "netpack: half.safetensors: tensor 'f1.bias' is I32, not F32"
  # A checkpoint becomes weights, although its layer is called as its momenta are.
  expect_status 0 "$BIN/netpack" -q -o copy.safetensors run.checkpoint
  assert_equal "$stderr" ""
  cmp copy.safetensors run.safetensors
}

@test "--extract=mean has the colours that --color-noise needs" {
  make_color_run
  "$BIN/train" -q --net=color.net --mean=color.mean --batch=8 --lr=0.0001 --color-noise=0.1 --steps=3 -o w.safetensors \
    color.shard
  "$BIN/netpack" --extract=mean -o out.mean w.safetensors
  "$BIN/netpack" --extract=mean color.mean | cmp - out.mean
  "$BIN/netpack" --extract=options -o out.conf w.safetensors
  "$BIN/train" -q --net=color.net --mean=out.mean --config=out.conf --steps=3 -o again.safetensors color.shard
  cmp again.safetensors w.safetensors
}

@test "with a net of another input, weights of convoy prepare other images" {
  make_folders in 3 8 size=12x12
  "$BIN/imgprep" -q --size=none in -o color.shard
  printf '%s\n' 'input 8x8x3 from=12x12' 'conv c1 4 3x3' 'fc f1 3' 'softmax' > color.net
  "$BIN/train" -q --net=color.net --mean=none --steps=1 -o w.safetensors color.shard
  sed 's/from=12x12/from=16x20/' color.net > large.net
  refuse 1 "a mean of 432 values for stored images of 16x20x3" "$BIN/netpack" --net=large.net -o x w.safetensors
  expect_status 0 "$BIN/netpack" -q --net=large.net --mean=none -o large.safetensors w.safetensors
  make_folders images 1 1 size=20x16
  expect_status 0 "$BIN/predict" -q -w large.safetensors images
  refuse 1 "^netpack: --normalize: 2 deviations for an input of 3 channels" "$BIN/netpack" --normalize=0:1,2 -o x w.safetensors
}

@test "files of features are known, and read whole" {
  requires_numpy
  "$BIN/predict" -q -w w.safetensors --features=f1 -o f.safetensors train.shard
  expect_status 0 "$BIN/netpack" --info f.safetensors
  local line
  for line in $'kind\tfeatures' $'layer\tf1' $'images\t40' $'elements\t16' $'precision\tfp32'; do
    grep -qxF -- "$line" <<< "$output" || fail "no line '$line' in: $output" || return 1
  done
  [[ $(value_of weights) =~ ^[0-9a-f]{16}$ ]]
  assert_equal "$(cat < f.safetensors | "$BIN/netpack" --verify)" $'stdin\t2\t0'
  with_tensors f.safetensors 't["names"] = t["names"][:-1]'
  expect_status 1 "$BIN/netpack" --verify f.safetensors
  assert_equal "$output" $'f.safetensors\t2\t1'
  assert_equal "$stderr" "netpack: f.safetensors: names are not one for each of 40 images, ended by NUL"
}

@test "a file without the part, or that is something else, is refused" {
  refuse 1 "mean.safetensors: no net" "$BIN/netpack" --extract=net -o x mean.safetensors
  refuse 1 "mean.safetensors: no class table" "$BIN/netpack" --extract=classes -o x mean.safetensors
  refuse 1 "mean.safetensors: no options" "$BIN/netpack" --extract=options -o x mean.safetensors
  refuse 1 "train.shard: a shard where weights are expected" "$BIN/netpack" --extract=mean -o x train.shard
  refuse 1 "small.net: " "$BIN/netpack" --list -o x small.net
  refuse 1 "nothing: No such file" "$BIN/netpack" --info -o x w.safetensors nothing
  refuse 2 "--extract: .*weights" "$BIN/netpack" --extract=weights w.safetensors
  refuse 2 "one file at a time, not 2" "$BIN/netpack" --extract=net w.safetensors c.safetensors
  refuse 2 "exclude each other" "$BIN/netpack" --list --info w.safetensors
  refuse 2 "--output: w.safetensors is an input" "$BIN/netpack" --extract=net -o w.safetensors w.safetensors
  assert_missing x
}

@test "names and texts from a stranger's file cannot control a terminal or break a line" {
  requires_numpy
  with_tensors x.safetensors 't["a\tb\x1b[2J\n"] = np.zeros(1, "<f4"); m["k\x1b"] = "v\n\u202e" + "y" * 5000'
  expect_status 0 "$BIN/netpack" --list x.safetensors
  assert_equal "$output" $'a\\tb\\x1b[2J\\n\t[1]\tF32\t0\t0\t0\t0\t1\tx.safetensors'
  expect_status 0 "$BIN/netpack" --info x.safetensors
  assert_contains "$output" $'metadata\tk\\x1b\tv\\n\\xe2\\x80\\xaeyyy'
  assert_equal "$(wc -l <<< "$output")" 7
  [ "${#output}" -lt 2000 ] || fail "a long text is shown whole"
}

@test "the examples of the manual page run" {
  local command
  while IFS= read -r command; do
    case $command in *theirs* | *alexnet*) ;; *) run_example "$command" || return 1 ;; esac  # in netpack_convert.bats
  done < <(man_examples convoy-netpack.1)
  [ -s again.safetensors ]
}
