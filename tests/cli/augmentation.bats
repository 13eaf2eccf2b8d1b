# train --color-noise and --dump-augmented: colour noise, and the images as the net sees them.
load common
load training

# Makes train.shard (24 colour images of 12x12 in 3 classes), mean.safetensors, and color.net, which takes 10x10 crops.
setup() {
  common_setup
  make_folders in 3 8 size=12x12
  "$BIN/imgprep" -q --size=none in -o train.shard
  "$BIN/meanimg" -q -o mean.safetensors train.shard
  printf '%s\n' 'input 10x10x3 from=12x12' 'conv c1 4 3x3 init=0.01' 'relu' 'fc f1 3 init=0.01' 'softmax' > color.net
}

# color_train OPTION...: runs train -q on these.
COLOR=(--net=color.net --mean=mean.safetensors --batch=8 --lr=0.0001)
color_train() { "$BIN/train" -q "${COLOR[@]}" "$@" train.shard; }

# refuse_color STATUS PATTERN OPTION...: as refuse, of a training that would write w.safetensors.
refuse_color() { refuse "$1" "$2" "$BIN/train" "${COLOR[@]}" "${@:3}" -o w.safetensors train.shard; }

# Finds Python with numpy, or skips the test.
requires_numpy() {
  PYTHON=${PYTHON:-/usr/bin/python3}
  requires "$PYTHON"
  "$PYTHON" -c 'import numpy' 2> /dev/null || skip "needs Python's numpy"
}

# compare_with_numpy DUMP SIGMA SCALE: computes each picture of the folder from its name: Philox's draws for crop,
# reflection and noise, and the formulas of convoy-train(1), from train.shard and mean.safetensors. Batches have 5
# images, the seed is 3.
compare_with_numpy() {
  local record offset length
  "$BIN/imgprep" -q --size=none ${GRAY:+--gray} "$1"/*.png -o dumped.shard
  "$BIN/shardpack" --list train.shard > train.list
  "$BIN/shardpack" --list dumped.shard > dumped.list
  (cd "$1" && ls) > names
  "$PYTHON" - "$2" "$3" << 'END'
import json, re, struct, sys
import numpy

SIGMA, SCALE = float(sys.argv[1]), sys.argv[2]
SEED, BATCH, STORED, CROP = 3, 5, 12, 10

def philox(counter, key):
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & 0xFFFFFFFF, (p >> 32) ^ d ^ k1, p & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d

def block(purpose, epoch, record, index):
    return philox((index, record, epoch, purpose << 24), (SEED, 0))

def normal(u, v):
    radius = numpy.sqrt(-2 * numpy.log((u + 1) / 2**32))
    return radius * numpy.cos(2 * numpy.pi * v / 2**32), radius * numpy.sin(2 * numpy.pi * v / 2**32)

def pixels(shard, side):
    data = open(shard + ".shard", "rb").read()
    images = []
    for line in open(shard + ".list"):
        fields = line.rstrip("\n").split("\t")
        offset, length = int(fields[4]), int(fields[5])
        image = numpy.frombuffer(data[offset:offset + length], numpy.uint8)
        images.append(image.reshape(side, side, -1))
    return images

raw = open("mean.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:start])
def tensor(name):
    begin, end = header[name]["data_offsets"]
    return numpy.frombuffer(raw[start + begin:start + end], "<f4").reshape(header[name]["shape"]).astype(float)
mean = tensor("mean").transpose(1, 2, 0)
vectors, deviations = tensor("color_eigenvectors"), tensor("color_stddev")
images, dumped, names = pixels("train", STORED), pixels("dumped", CROP), open("names").read().split()
assert len(names) == len(dumped) > 0
mirrored, differing, shifts = 0, 0, []
for name, got in zip(names, dumped):
    step, place, record = (int(n) for n in re.match(r"step(\d+)-(\d+)-record(\d+)-label\d+-class\d.png$", name).groups())
    epoch = ((step - 1) * BATCH + place) // len(images)
    first, second = block(4, epoch, record, 0), block(4, epoch, record, 1)
    margins = STORED - CROP + 1
    top, left = (((first[i] | first[i + 1] << 32) * margins) >> 64 for i in (0, 2))
    mirror = second[0] & 1
    image, below = (a[top:top + CROP, left:left + CROP] for a in (images[record], mean))
    if mirror:
        image, below = image[:, ::-1], below[:, ::-1]
    if SIGMA == 0:
        shift, scale = 0, 1
    else:
        words = block(9, epoch, record, 0)
        alpha = SIGMA * numpy.array(normal(words[0], words[1]) + normal(words[2], words[3])[:1])
        lengths = deviations if SCALE == "deviations" else (deviations / 255) ** 2 * 255
        shift, scale = vectors.T @ (alpha * lengths), 1 / (1 + SIGMA) if SCALE == "deviations" else 1
        shifts.append(shift)
    want = numpy.clip((image - below + shift) * scale + below, 0, 255)
    assert abs(got - want).max() < 0.5 + 1e-3, (name, abs(got - want).max())
    mirrored += mirror
if SIGMA > 0:
    assert numpy.abs(shifts).mean() > 0.5, "the shifts are worth a test"
assert 0 < mirrored < len(names)
END
}

@test "the images that train dumps are what numpy computes, in both readings of colour noise" {
  requires_numpy
  local scale
  for scale in deviations eigenvalues; do
    color_train --seed=3 --batch=5 --steps=0 --color-noise=0.3 --color-noise-scale=$scale --dump-augmented=$scale:60 \
      -o w.safetensors
    assert_equal "$(find $scale -name '*.png' | wc -l)" 60
    compare_with_numpy $scale 0.3 $scale
  done
  color_train --seed=3 --batch=5 --steps=0 --dump-augmented=plain -o w.safetensors
  assert_equal "$(find plain -name '*.png' | wc -l)" 64
  compare_with_numpy plain 0 deviations
}

@test "the images that train dumps of a gray net are what numpy computes" {
  requires_numpy
  "$BIN/imgprep" -q --size=none --gray in -o train.shard
  "$BIN/meanimg" -q -o mean.safetensors train.shard
  sed -i 's/10x10x3/10x10x1/' color.net
  color_train --seed=3 --batch=5 --steps=0 --dump-augmented=gray:30 -o w.safetensors
  GRAY=yes compare_with_numpy gray 0 deviations
}

@test "colour noise does not depend on batch or threads, and dumps begin where a run is resumed" {
  color_train --color-noise=0.2 --steps=6 -j1 --dump-augmented=one:48 -o w.safetensors
  color_train --color-noise=0.2 --steps=6 -j3 --dump-augmented=three:48 -o w.safetensors
  diff -r one three
  color_train --color-noise=0.2 --steps=6 --batch=5 --dump-augmented=five:24 -o w.safetensors
  # The first 24 images are epoch 0: every record once.
  local record
  for record in 00 07 23; do
    cmp one/step[123]-?-record$record-*.png five/step?-?-record$record-*.png
  done
  color_train --color-noise=0.2 --steps=4 --checkpoint=c.safetensors -o w.safetensors
  "$BIN/train" -q --resume=c.safetensors --steps=6 --dump-augmented=rest:16 -o w.safetensors train.shard
  assert_equal "$(find rest -name '*.png' | wc -l)" 16
  for record in rest/*; do cmp "$record" "one/${record#rest/}"; done
}

@test "a run with colour noise that is stopped and resumed ends with the same bits, and other than without noise" {
  local options=(--color-noise=0.1 --steps=12 -j2)
  color_train "${options[@]}" --checkpoint=whole.checkpoint -o whole.safetensors
  local step
  for step in 1 3 7; do
    color_train "${options[@]}" --steps=$step --checkpoint=c$step.safetensors -o part.safetensors
    # Mean and colour statistics come from the checkpoint.
    "$BIN/train" -q --resume=c$step.safetensors --steps=12 -j2 -o resumed.safetensors train.shard
    cmp resumed.safetensors whole.safetensors
  done
  "$BIN/train" -q --resume=c3.safetensors --mean=mean.safetensors --steps=12 -j2 -o resumed.safetensors train.shard
  cmp resumed.safetensors whole.safetensors
  color_train --steps=12 -j2 -o plain.safetensors
  run ! cmp -s plain.safetensors whole.safetensors
  color_train "${options[@]}" --color-noise-scale=eigenvalues -o eigenvalues.safetensors
  run ! cmp -s eigenvalues.safetensors whole.safetensors
}

@test "a run with colour noise is resumed to the bit in bf16" {
  make_training_set
  requires_bf16
  setup
  color_train --color-noise=0.1 --precision=bf16 --steps=6 -o whole.safetensors
  color_train --color-noise=0.1 --precision=bf16 --steps=2 --checkpoint=c.safetensors -o part.safetensors
  "$BIN/train" -q --resume=c.safetensors --steps=6 -o resumed.safetensors train.shard
  cmp resumed.safetensors whole.safetensors
}

@test "colour noise may begin, change and end where a run is resumed" {
  color_train --steps=4 --checkpoint=c.safetensors -o w.safetensors
  refuse 2 '--color-noise: needs colour statistics, which c.safetensors does not hold' \
    "$BIN/train" --resume=c.safetensors --steps=8 --color-noise=0.1 -o w.safetensors train.shard
  refuse 2 '--color-noise: needs colour statistics, which w.safetensors does not hold' \
    "$BIN/train" --net=color.net --init-from=w.safetensors --steps=8 --color-noise=0.1 -o new.safetensors train.shard
  expect_status 0 "$BIN/train" --resume=c.safetensors --mean=mean.safetensors --steps=8 --color-noise=0.1 \
    -o w.safetensors train.shard
  assert_contains "$stderr" "resumed run: color-noise: 0 in the checkpoint, 0.1 now"
  grep -aq '"color-noise\\":\\"0.1\\"' w.safetensors
  color_train --color-noise=0.1 --steps=4 --checkpoint=d.safetensors -o w.safetensors
  cp d.safetensors e.safetensors
  expect_status 0 "$BIN/train" --resume=d.safetensors --steps=8 --color-noise=0 -o none.safetensors train.shard
  assert_contains "$stderr" "resumed run: color-noise: 0.1 in the checkpoint, 0 now"
  "$BIN/train" -q --resume=e.safetensors --steps=8 -o more.safetensors train.shard
  run ! cmp -s none.safetensors more.safetensors
  # Other statistics than before are those of another mean.
  make_folders other 3 8 size=12x12 seed=9
  "$BIN/imgprep" -q --size=none other -o other.shard
  "$BIN/meanimg" -q -o other.safetensors other.shard
  refuse 1 'another mean than --mean=other.safetensors' "$BIN/train" --resume=e.safetensors --mean=other.safetensors \
    --steps=9 -o w.safetensors train.shard
}

@test "colour noise ends and begins with the first image of an epoch, also in a run that is resumed" {
  color_train --batch=5 --steps=0 --color-noise=0.2 --dump-augmented=noisy:48 -o w.safetensors
  color_train --batch=5 --steps=0 --dump-augmented=plain:48 -o w.safetensors
  color_train --batch=5 --steps=0 --color-noise=0.2 --at=1:color-noise=0 --dump-augmented=ends:48 -o w.safetensors
  color_train --batch=5 --steps=0 --at=1:color-noise=0.2 --dump-augmented=begins:48 -o w.safetensors
  # Epoch 1 begins with image 24, within a batch.
  local image number=0 before after
  for image in noisy/*.png; do
    image=${image#noisy/}
    if [ $number -lt 24 ]; then before=noisy after=plain; else before=plain after=noisy; fi
    cmp "ends/$image" "$before/$image"
    cmp "begins/$image" "$after/$image"
    number=$((number + 1))
  done
  assert_equal $number 48
  run ! diff -rq noisy plain
  # A checkpoint of the time before the noise has what the noise will need.
  color_train --batch=5 --steps=12 --at=1:color-noise=0.2 -o whole.safetensors
  color_train --batch=5 --steps=3 --at=1:color-noise=0.2 --checkpoint=c.safetensors -o w.safetensors
  "$BIN/train" -q --resume=c.safetensors --steps=12 -o resumed.safetensors train.shard
  cmp resumed.safetensors whole.safetensors
  run ! cmp -s w.safetensors whole.safetensors
  make_training_set
  refuse 2 '^train: --color-noise: is for nets that take three colours' \
    "$BIN/train" "${SMALL[@]}" --at=2:color-noise=0.1 -o w.safetensors train.shard
}

@test "without colour noise the weights have the bytes that they always had; validation and eval have none" {
  color_train --steps=6 -o plain.safetensors
  color_train --steps=6 --color-noise=0 --color-noise-scale=deviations -o zero.safetensors
  cmp plain.safetensors zero.safetensors
  run ! grep -aq color plain.safetensors
  # With a learning rate of 0 the net stays as it is: training sees noise, validation does not.
  local noise
  for noise in 0 0.5; do
    color_train --steps=6 --lr=0 --color-noise=$noise --val=train.shard --log=$noise.tsv --log-every=1epoch \
      -o $noise.safetensors
    "$BIN/eval" -w $noise.safetensors train.shard > $noise.eval
    "$BIN/predict" -w $noise.safetensors train.shard > $noise.predict
    awk -F '\t' '$3 == "val" { print $5, $6 }' $noise.tsv > $noise.val
    awk -F '\t' '$3 == "train" { print $5 }' $noise.tsv > $noise.train
  done
  [ -s 0.val ] && [ -s 0.train ]
  cmp 0.val 0.5.val
  cmp 0.eval 0.5.eval
  cmp 0.predict 0.5.predict
  run ! cmp -s 0.train 0.5.train
}

@test "colour noise is refused where there are no colours, or no statistics of them" {
  requires_numpy
  refuse 2 '^train: --color-noise: needs --mean=FILE, which meanimg wrote' "$BIN/train" --net=color.net --mean=none \
    --color-noise=0.1 -o w.safetensors train.shard
  refuse_color 2 "^train: --color-noise: .*-1" --color-noise=-1
  refuse_color 2 "^train: --color-noise-scale: .*variances" --color-noise=0.1 --color-noise-scale=variances
  "$PYTHON" - << 'END'
import json, struct
raw = open("mean.safetensors", "rb").read()
start = 8 + struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:start])
begin, end = header["mean"]["data_offsets"]
text = json.dumps({"mean": {"dtype": "F32", "shape": header["mean"]["shape"], "data_offsets": [0, end - begin]}}).encode()
open("bare.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + raw[start + begin:start + end])
END
  refuse 1 "^train: bare.safetensors: tensor 'color_eigenvectors' is missing: --color-noise needs" \
    "$BIN/train" --net=color.net --mean=bare.safetensors --color-noise=0.1 -o w.safetensors train.shard
  "$BIN/train" -q --net=color.net --mean=bare.safetensors --steps=1 -o w.safetensors train.shard
  make_training_set
  refuse 2 '^train: --color-noise: is for nets that take three colours; this one takes 1 channel' \
    "$BIN/train" "${SMALL[@]}" --color-noise=0.1 -o w.safetensors train.shard
}
@test "train goes on after --dump-augmented, to the same weights" {
  color_train --steps=5 -o plain.safetensors
  color_train --steps=5 --dump-augmented=seen:3 -o w.safetensors
  cmp plain.safetensors w.safetensors
  assert_equal "$(find seen -type f | wc -l)" 3
  expect_status 0 "$BIN/train" --net=color.net --mean=mean.safetensors --batch=8 --steps=0 --dump-augmented=a:b:2 \
    -o w.safetensors train.shard
  assert_contains "$stderr" "a:b: 2 images as the net sees them"
  assert_equal "$(find a:b -type f | wc -l)" 2
}

@test "train --dump-augmented takes a folder that is new or empty, or has an earlier dump that may be replaced" {
  mkdir empty full
  color_train --steps=0 --dump-augmented=empty:2 -o w.safetensors
  touch full/notes
  refuse_color 1 '^train: full: is not empty' --steps=0 --dump-augmented=full
  refuse_color 1 '^train: full: is not empty' --steps=0 --overwrite --dump-augmented=full
  refuse_color 1 '^train: empty: is not empty' --steps=0 --dump-augmented=empty
  color_train --steps=0 --overwrite --seed=5 --dump-augmented=empty:9 -o w.safetensors
  assert_equal "$(find empty -type f | wc -l)" 9
  color_train --steps=0 --resume=auto --dump-augmented=empty:4 -o w.safetensors
  assert_equal "$(find empty -type f | wc -l)" 4
  ln -s "$PWD/full/notes" empty/step1-0-record0-label0-a.png
  refuse_color 1 '^train: empty: is not empty' --steps=0 --overwrite --dump-augmented=empty
  rm w.checkpoint.safetensors
  refuse_color 1 '^train: train.shard: is not a folder' --dump-augmented=train.shard
  refuse_color 2 '^train: --dump-augmented: names no folder' --dump-augmented=:5
  refuse_color 2 '^train: --dump-augmented: ' --dump-augmented=d:0
  refuse_color 2 '^train: --dump-augmented: ' --dump-augmented=d:1000001
  refuse_color 2 '^train: --dump-augmented: ' --dump-augmented=d:
  refuse_color 1 '^train: ' --dump-augmented=/proc/nothing/d
  assert_missing d
}

@test "train --dump-augmented leaves damaged records out, and nothing behind if it fails" {
  damage_payload train.shard 3
  expect_status 3 color_train --order=sequential --steps=3 --dump-augmented=seen:8 -o w.safetensors
  assert_equal "$(find seen -type f | wc -l)" 7
  assert_equal "$(grep -c 'record 3' <<< "$stderr")" 1
  rm w.safetensors
  refuse_color 1 'record 3' --order=sequential --on-error=stop --steps=3 --dump-augmented=stopped:8
  assert_missing stopped w.safetensors
}
