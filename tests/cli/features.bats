# predict --features and --nearest: activations of a layer, and the images whose activations are nearest.
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --epochs=3 -o w.safetensors train.shard
}

# rows_of FILE: prints what a file of features holds: shape, names, then a line of values for each image; and checks
# its layout as a reader of safetensors would.
rows_of() {
  python3 - "$1" << 'PYTHON'
import json, struct, sys
data = open(sys.argv[1], 'rb').read()
length, = struct.unpack('<Q', data[:8])
header = json.loads(data[8:8 + length])
payload = data[8 + length:]
metadata = header.pop('__metadata__')
assert sorted(header) == ['features', 'names'], header
rows = header['features']
assert rows['dtype'] == 'F32' and rows['data_offsets'][0] == 0 and (8 + length) % 8 == 0
images, elements = rows['shape']
assert rows['data_offsets'][1] == 4 * images * elements == header['names']['data_offsets'][0]
names = payload[slice(*header['names']['data_offsets'])]
assert header['names']['dtype'] == 'U8' and len(names) == header['names']['shape'][0]
names = names.decode().split('\0')
assert names.pop() == '' and len(names) == images
print(images, elements, metadata['convoy.layer'], metadata['convoy.precision'])
for i, name in enumerate(names):
    print(name, *struct.unpack_from('<%df' % elements, payload, 4 * i * elements))
PYTHON
}

@test "predict --features writes the activations of a layer, after the ReLU that follows" {
  requires python3
  expect_status 0 "$BIN/predict" -q -w w.safetensors --features=f1 -o f1.safetensors train.shard
  assert_equal "$output" ""
  rows_of f1.safetensors > f1.txt
  assert_equal "$(head -n 1 f1.txt)" "40 16 f1 fp32"
  "$BIN/eval" -q -w w.safetensors --predictions=p.tsv -o /dev/null train.shard
  assert_equal "$(sed 1d f1.txt | cut -d ' ' -f 1)" "$(sed 1d p.tsv | cut -f 1)"
  ! sed 1d f1.txt | cut -d ' ' -f 2- | grep -q -- '-' || fail "negative after a ReLU"
  # The layer's name and its ReLU's are one.
  "$BIN/predict" -q -w w.safetensors --features=relu2 -o relu2.safetensors train.shard
  assert_equal "$(rows_of relu2.safetensors | sed 1d)" "$(sed 1d f1.txt)"
  # The last layer's outputs are what the softmax takes: their softmax is the answer.
  "$BIN/predict" -q -w w.safetensors --features=f2 -o f2.safetensors train.shard
  requires perl
  rows_of f2.safetensors | perl -ane 'next if $. == 1; my ($name, @z) = @F; my $sum = 0; $sum += exp($_) for @z;
    printf "%s\t%d\t%.6f\n", $name, $_, exp($z[$_]) / $sum for 0 .. $#z' | sort > want.tsv
  "$BIN/predict" -q -w w.safetensors train.shard | cut -f 1,3,5 | sort > got.tsv
  paste got.tsv want.tsv | awk -F '\t' '{ d = $3 - $6; if ($1 != $4 || $2 != $5 || d * d > 1e-11) exit 1 }' ||
    fail "$(paste got.tsv want.tsv)"
  # Maps are written channel after channel.
  "$BIN/predict" -q -w w.safetensors --features=maxpool1 -o pool.safetensors train.shard
  assert_equal "$(rows_of pool.safetensors | head -n 1)" "40 200 maxpool1 fp32"
}

@test "the activations are those of the parameters in the file, computed in Python" {
  requires python3
  "$BIN/predict" -q -w w.safetensors --features=f1 -o f1.safetensors val.shard
  "$BIN/predict" -q -w w.safetensors --features=c1 -o c1.safetensors val.shard
  "$BIN/predict" -q -w w.safetensors --features=maxpool1 -o pool.safetensors val.shard
  for file in f1 c1 pool; do rows_of $file.safetensors > $file.txt; done
  python3 - << 'PYTHON'
import json, struct
data = open('w.safetensors', 'rb').read()
length, = struct.unpack('<Q', data[:8])
header = json.loads(data[8:8 + length])
def tensor(name):
    begin, end = header[name]['data_offsets']
    return struct.unpack('<%df' % ((end - begin) // 4), data[8 + length + begin:8 + length + end])
pixels = open('val-images.idx', 'rb').read()[16:]
mean, w, b = tensor('mean'), tensor('c1.weight'), tensor('c1.bias')
fw, fb = tensor('f1.weight'), tensor('f1.bias')
def read(name):
    return [[float(x) for x in line.split()[1:]] for line in open(name).read().splitlines()[1:]]
c1, pool, f1 = read('c1.txt'), read('pool.txt'), read('f1.txt')
for n in range(3):
    def x(r, c):  # the centre 10x10 of 12x12, zero outside
        if not (0 <= r < 10 and 0 <= c < 10): return 0.0
        return pixels[n * 144 + (r + 1) * 12 + c + 1] - mean[(r + 1) * 12 + c + 1]
    conv = [max(0.0, b[k] + sum(w[k * 9 + i * 3 + j] * x(r + i - 1, c + j - 1) for i in range(3) for j in range(3)))
            for k in range(8) for r in range(10) for c in range(10)]
    pooled = [max(conv[k * 100 + (2 * r + i) * 10 + 2 * c + j] for i in (0, 1) for j in (0, 1))
              for k in range(8) for r in range(5) for c in range(5)]
    fc = [max(0.0, fb[k] + sum(fw[k * 200 + i] * pooled[i] for i in range(200))) for k in range(16)]
    for got, want in ((c1[n], conv), (pool[n], pooled), (f1[n], fc)):
        assert len(got) == len(want)
        scale = max(map(abs, want))
        assert max(abs(g - v) for g, v in zip(got, want)) < 1e-5 * scale, (n, got[:5], want[:5])
PYTHON
}

@test "a file of features is the same from files and pipes, for any threads, and holds no rejects" {
  "$BIN/predict" -q -w w.safetensors --features=f1 --batch=7 -j 1 -o a.safetensors val.shard
  "$BIN/predict" -q -w w.safetensors --features=f1 --batch=7 -j 3 val.shard > b.safetensors
  cmp a.safetensors b.safetensors
  # shellcheck disable=SC2002  # a pipe, not a file
  cat val.shard | "$BIN/predict" -q -w w.safetensors --features=f1 --batch=7 | cat > c.safetensors
  cmp a.safetensors c.safetensors
  requires python3
  mkdir photos
  "$BIN/shardpack" -q --extract=photos val.shard
  mapfile -t images < <(find photos -name '*.png' | sort)
  head -c 60 "${images[1]}" > cut.png
  expect_status 3 "$BIN/predict" -w w.safetensors --features=f1 -o d.safetensors "${images[0]}" cut.png "${images[2]}"
  assert_contains "$stderr" "cut.png"
  assert_contains "$stderr" "2 images, 1 rejected"
  assert_equal "$(rows_of d.safetensors | cut -d ' ' -f 1 | xargs)" "2 ${images[0]} ${images[2]}"
  refuse 1 "cut.png" "$BIN/predict" -w w.safetensors --features=f1 --on-error=stop -o e.safetensors "${images[0]}" cut.png
  assert_missing e.safetensors
  refuse 1 "." "$BIN/predict" -w w.safetensors --features=f1 -o e.safetensors cut.png
  assert_missing e.safetensors
}

@test "predict --nearest prints the nearest images by Euclidean distance" {
  requires python3
  "$BIN/predict" -q -w w.safetensors --features=f1 -o train.safetensors train.shard
  "$BIN/predict" -q -w w.safetensors --features=f1 -o val.safetensors val.shard
  rows_of train.safetensors > train.txt
  rows_of val.safetensors > val.txt
  python3 - > want.tsv << 'PYTHON'
import math
def read(name):
    return [(line.split()[0], [float(x) for x in line.split()[1:]]) for line in open(name).read().splitlines()[1:]]
train = read('train.txt')
for name, query in read('val.txt'):
    order = sorted((math.fsum((a - b) ** 2 for a, b in zip(query, row)), i) for i, (_, row) in enumerate(train))
    for rank, (distance, i) in enumerate(order[:6]):
        print(name, rank + 1, train[i][0], '%.6g' % math.sqrt(distance), sep='\t')
PYTHON
  expect_status 0 "$BIN/predict" -q -w w.safetensors --nearest=train.safetensors val.shard
  assert_equal "$(awk -F '\t' -v OFS='\t' '{ $4 = sprintf("%.6g", $4); print }' <<< "$output")" "$(cat want.tsv)"
  local all=$output
  for options in -j1 -j3 --batch=1 --batch=5; do
    expect_status 0 "$BIN/predict" -q $options -w w.safetensors --nearest=train.safetensors val.shard
    assert_equal "$(cut -f 1-3 <<< "$output")" "$(cut -f 1-3 <<< "$all")"
  done
  expect_status 0 "$BIN/predict" -q -k 2 -w w.safetensors --nearest=train.safetensors val.shard
  assert_equal "$output" "$(awk -F '\t' '$2 <= 2' <<< "$all")"
  expect_status 0 "$BIN/predict" -q -k 100 -w w.safetensors --nearest=train.safetensors val.shard
  assert_equal "${#lines[@]}" $((12 * 40))
  # An image is nearest to itself.
  expect_status 0 "$BIN/predict" -q -k 1 -w w.safetensors --nearest=val.safetensors val.shard
  awk -F '\t' '$1 != $3 || $4 != 0 { exit 1 }' <<< "$output" || fail "$output"
  requires perl
  expect_status 0 "$BIN/predict" -q --json -w w.safetensors --nearest=train.safetensors val.shard
  assert_equal "$(perl -MJSON::PP -ne 'my $a = decode_json($_);
    printf "%s\t%d\t%s\n", $a->{name}, $_->{rank}, $_->{name} for @{$a->{neighbours}}' <<< "$output")" "$(cut -f 1-3 <<< "$all")"
}

@test "predict --nearest answers as a coprocess, and names what it cannot use" {
  mkdir photos
  "$BIN/shardpack" -q --extract=photos val.shard
  mapfile -t images < <(find photos -name '*.png' | sort)
  "$BIN/predict" -q -w w.safetensors --features=f1 -o f.safetensors "${images[@]}"
  coproc "$BIN/predict" -q -w w.safetensors -k 1 --nearest=f.safetensors --files-from=-
  local image answer process=$COPROC_PID
  for image in "${images[3]}" "${images[0]}"; do
    printf '%s\n' "$image" >&"${COPROC[1]}"
    read -r -t 60 answer <&"${COPROC[0]}" || fail "no answer to $image"
    # Other batches may sum in another order.
    awk -F '\t' -v image="$image" '$1 != image || $2 != 1 || $3 != image || $4 > 1e-3 { exit 1 }' <<< "$answer" || fail "$answer"
  done
  printf 'nothing.png\n' >&"${COPROC[1]}"
  read -r -t 60 answer <&"${COPROC[0]}" || fail "no answer"
  awk -F '\t' 'NF != 4 || $1 != "nothing.png" || $2 $3 != "" || $4 == "" { exit 1 }' <<< "$answer" || fail "$answer"
  eval "exec ${COPROC[1]}>&-"
  wait "$process" || true
}

@test "features of other weights, damaged files and wrong options are refused" {
  "$BIN/predict" -q -w w.safetensors --features=f1 -o f.safetensors val.shard
  small_train --seed=9 --epochs=1 -o other.safetensors train.shard
  refuse 1 '^predict: f.safetensors: its features are of other weights \([0-9a-f]{16}\) than other.safetensors \([0-9a-f]{16}\)$' \
    "$BIN/predict" -w other.safetensors --nearest=f.safetensors val.shard
  # A checkpoint of the same net is the same net.
  small_train --epochs=3 --checkpoint=c.safetensors -o again.safetensors train.shard
  if [ -e c.safetensors ]; then
    expect_status 0 "$BIN/predict" -q -w c.safetensors --nearest=f.safetensors val.shard
  fi
  refuse 1 "^predict: w.safetensors: no layer 'fc9': it has c1, relu1, maxpool1, f1, relu2, dropout1, f2$" \
    "$BIN/predict" -w w.safetensors --features=fc9 -o x val.shard
  refuse 1 "^predict: w.safetensors: layer 'softmax' is the softmax: it has c1, " \
    "$BIN/predict" -w w.safetensors --features=softmax -o x val.shard
  refuse 1 '^predict: w.safetensors: a weights file where features are expected$' \
    "$BIN/predict" -w w.safetensors --nearest=w.safetensors val.shard
  refuse 1 '^predict: f.safetensors: a file of features where weights are expected$' \
    "$BIN/predict" -w f.safetensors val.shard
  refuse 1 "^predict: mean.safetensors: no 'convoy.layer' in its metadata: not a file of features$" \
    "$BIN/predict" -w w.safetensors --nearest=mean.safetensors val.shard
  head -c 700 f.safetensors > cut.safetensors
  refuse 1 '^predict: cut.safetensors: ' "$BIN/predict" -w w.safetensors --nearest=cut.safetensors val.shard
  cp f.safetensors bad.safetensors
  printf '\377' | dd of=bad.safetensors bs=1 seek=$(($(stat -c %s f.safetensors) - 400)) conv=notrunc status=none
  refuse 1 '^predict: bad.safetensors: its checksum differs' "$BIN/predict" -w w.safetensors --nearest=bad.safetensors val.shard
  refuse 2 '^predict: ' "$BIN/predict" -w w.safetensors --features=f1 --nearest=f.safetensors val.shard
  refuse 2 '^predict: ' "$BIN/predict" -w w.safetensors --features=f1 --views=10 -o x val.shard
  refuse 2 '^predict: ' "$BIN/predict" -w w.safetensors --nearest=f.safetensors --views=10 val.shard
  refuse 2 '^predict: ' "$BIN/predict" -w w.safetensors --features=f1 --json -o x val.shard
  refuse 2 '^predict: --features: takes one net, not 2' "$BIN/predict" -w w.safetensors -w w.safetensors --features=f1 -o x val.shard
  refuse 2 '^predict: --nearest: takes one net, not 2' \
    "$BIN/predict" -w w.safetensors -w w.safetensors --nearest=f.safetensors val.shard
  refuse 2 '^predict: --output: f.safetensors is an input$' \
    "$BIN/predict" -w w.safetensors --nearest=f.safetensors -o f.safetensors val.shard
  assert_missing x
}

@test "features go through a temporary file in TMPDIR, of which nothing is left" {
  mkdir tmp
  TMPDIR=$PWD/tmp "$BIN/predict" -q -w w.safetensors --features=f1 -o f.safetensors val.shard
  assert_equal "$(find tmp -type f)" ""
  TMPDIR=$PWD/nowhere refuse 1 '^predict: temporary file of features in .*/nowhere: No such file' \
    "$BIN/predict" -w w.safetensors --features=f1 -o x val.shard
  assert_missing x
}
