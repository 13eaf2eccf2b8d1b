# --max-memory, and what a machine has: what needs more is refused in one line, with figures and what would fit, before it
# is asked for.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; stderr and status are set by run
load common
load training

# make_weights FILE NET SIDE [TENSOR SHAPE]...: writes a file of weights with zeros for a net on gray images of SIDE x SIDE;
# the file is sparse. NET has a blank for each newline's "|". With CLASSES=N, it has so many classes; with ODD=1, its
# tensors are not aligned.
make_weights() {
  python3 - "$@" << 'PYTHON'
import json, os, struct, sys
path, net, side = sys.argv[1], sys.argv[2].replace('|', '\n') + '\n', int(sys.argv[3])
tensors = [(sys.argv[i], json.loads(sys.argv[i + 1])) for i in range(4, len(sys.argv), 2)] + [('mean', [1, side, side])]
dataset = {'channels': 1, 'classes': [{'id': f'c{i}'} for i in range(int(os.environ.get('CLASSES', 2)))], 'codec': 'raw', 'height': side, 'width': side,
           'preprocessing': {'background': [0, 0, 0], 'exif': False, 'filter': 'bicubic', 'gray': True, 'size': side}}
header, at = {'__metadata__': {'format': 'pt', 'convoy.net': net, 'convoy.dataset': json.dumps(dataset),
                               'convoy.options': '{}', 'convoy.seed': '1', 'convoy.version': '1'}}, 0
for name, shape in tensors:
    size = 4
    for k in shape: size *= k
    header[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + size]}
    at += size
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8 + int(os.environ.get('ODD', 0)))
with open(path, 'wb') as file:
    file.write(struct.pack('<Q', len(text)) + text)
    file.truncate(8 + len(text) + at)
PYTHON
}

# A net whose file is small and whose activations are not: 2000 x 1000 x 1000 floats.
make_strange_weights() {
  make_weights strange.safetensors \
    'input 1000x1000x1|conv c 2000 1x1|relu|avgpool 10x10 stride=10|avgpool 10x10 stride=10|avgpool 10x10 stride=10|fc f 2|softmax' 1000 \
    c.weight '[2000,1,1,1]' c.bias '[2000]' f.weight '[2,2000]' f.bias '[2]'
}

# peak_kilobytes COMMAND...: runs the command, which must end with 0, and sets $peak to its largest resident set.
# AddressSanitizer would keep what is freed.
peak_kilobytes() {
  peak=$(ASAN_OPTIONS="${ASAN_OPTIONS-}:quarantine_size_mb=0" python3 - "$@" << 'PYTHON'
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
PYTHON
  )
}

@test "--max-memory is read strictly by every tool" {
  local tool
  for tool in imgprep meanimg shardpack train eval predict netpack shownet; do
    refuse 2 "^$tool: --max-memory: '1.5G' is not a number of bytes such as 500000, 512M or 8G" "$BIN/$tool" --max-memory=1.5G nothing
    refuse 2 "^$tool: --max-memory: no memory at all" "$BIN/$tool" --max-memory=0 nothing
    printf 'quiet=on\nmax-memory=much\n' > options.conf
    refuse 2 "^$tool: options.conf:2: --max-memory: 'much' is not a number of bytes" "$BIN/$tool" --config=options.conf nothing
  done
}

@test "train computes a batch beyond the limit in parts" {
  make_training_set
  local -a train=("$BIN/train" -q "${SMALL[@]}" --max-memory=32M --batch=8000 --steps=1 --device=cpu -j 1 -o w.safetensors
    train.shard)
  refuse 1 '^train: net: a part of 4000 images needs [0-9.]+ MiB .*, the limit is 32.0 MiB \(--max-memory\): a part of [0-9]+ images would fit, which takes more --parts$' \
    "${train[@]}" --parts=2
  local fits parts
  fits=$(sed -n 's/.*: a part of \([0-9]*\) images would fit.*/\1/p' <<< "$stderr")
  for parts in 4 5 8 10 16 20 25 32 40; do
    [ $((8000 / parts)) -gt "$fits" ] || break
  done
  expect_status 0 "${train[@]}" --parts="$parts"
}

@test "train refuses a net beyond the limit before it allocates, with figures and a batch that fits" {
  make_training_set
  refuse 1 '^train: net: a batch of 2000 needs [0-9.]+ MiB of memory \(weights .*, activations .*, workspace .*\), the limit is 32.0 MiB \(--max-memory\): --batch=[0-9]+ would fit$' \
    "$BIN/train" -q "${SMALL[@]}" --max-memory=32M --batch=2000 --steps=1 --device=cpu -j 1 -o w.safetensors train.shard
  assert_equal "$(grep -c memory <<< "$stderr")" 1
  assert_missing w.safetensors
  local fits
  fits=$(sed -n 's/.*--batch=\([0-9]*\) would fit$/\1/p' <<< "$stderr")
  [ "$fits" -gt 100 ] || fail "$fits"
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --max-memory=32M --batch="$fits" --steps=1 --device=cpu -j 1 -o w.safetensors train.shard
  # A batch whose activations alone are beyond it.
  refuse 1 '^train: net: a batch of 100000 needs at least [0-9.]+ MiB of memory .*, the limit is 32.0 MiB \(--max-memory\): --batch=[0-9]+ would fit$' \
    "$BIN/train" -q "${SMALL[@]}" --max-memory=32M --batch=100000 --steps=1 --device=cpu -j 1 -o w.safetensors train.shard
  fits=$(sed -n 's/.*--batch=\([0-9]*\) would fit$/\1/p' <<< "$stderr")
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --max-memory=32M --batch="$fits" --steps=1 --device=cpu -j 1 -o w.safetensors train.shard
  # Not a bit depends on the limit, and it can be in the file of options.
  printf 'max-memory=64M\n' > options.conf
  expect_status 0 "$BIN/train" -q --config=options.conf "${SMALL[@]}" --steps=3 --device=cpu -j 1 -o a.safetensors train.shard
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --steps=3 --device=cpu -j 1 -o b.safetensors train.shard
  cmp a.safetensors b.safetensors
  printf 'max-memory=10K\n' > options.conf
  refuse 1 'not even a batch of 1 fits, a larger --max-memory would allow it$' \
    "$BIN/train" -q --config=options.conf "${SMALL[@]}" --steps=3 --device=cpu -o c.safetensors train.shard
}

@test "eval refuses a net beyond the limit" {
  make_training_set
  small_train --steps=1 --device=cpu -o w.safetensors train.shard
  refuse 1 '^eval: net: a batch of 40 needs .* the limit is 300.0 KiB \(--max-memory\): --batch=[0-9]+ would fit$' \
    "$BIN/eval" -q -w w.safetensors --device=cpu -j 1 --max-memory=300K -o e.tsv train.shard
  assert_missing e.tsv
  expect_status 0 "$BIN/eval" -q -w w.safetensors --device=cpu --max-memory=300M -o e.tsv train.shard
}

@test "weights from a stranger cannot make predict take gigabytes unsaid" {
  requires python3
  make_strange_weights
  [ "$(stat -c %s strange.safetensors)" -lt 5000000 ]
  fixture png a.png
  refuse 1 '^predict: net: a batch of 1 needs at least 7\.[0-9] GiB of memory \(.*activations 7\.[0-9] GiB.*\), the limit is 2.0 GiB \(--max-memory\): not even a batch of 1 fits' \
    "$BIN/predict" -q -w strange.safetensors --device=cpu -j 2 --max-memory=2G a.png
  requires_address_limit 4000000
  # shellcheck disable=SC2016
  refuse 1 '^predict: net: a batch of 1 needs at least 7\.[0-9] GiB .*, the limit is 3\.[0-9] GiB \(ulimit -v beside [0-9]+ threads\)' \
    "$(printf '#!/bin/bash\nulimit -v 4000000\nexec "%s" "$@"\n' "$BIN/predict" > predict; chmod +x predict; echo ./predict)" \
    -q -w strange.safetensors --device=cpu -j 2 a.png
  # What is refused takes nothing.
  run bash -c "$(printf 'ulimit -v 4000000; exec python3 - "$0" "$@" << "PYTHON"\nimport resource, subprocess, sys\nsubprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nPYTHON')" \
    "$BIN/predict" -q -w strange.safetensors --device=cpu a.png
  [ "$output" -lt 400000 ] || fail "$output KiB"
}

@test "a net whose images take long is said" {
  requires python3
  make_weights slow.safetensors 'input 64x64x1|conv c1 4096 1x1|conv c2 4096 5x5 pad=2|avgpool 8x8 stride=8|avgpool 8x8 stride=8|fc f 2|softmax' 64 \
    c1.weight '[4096,1,1,1]' c1.bias '[4096]' c2.weight '[4096,4096,5,5]' c2.bias '[4096]' f.weight '[2,4096]' f.bias '[2]'
  fixture png a.png
  refuse 1 '^predict: slow.safetensors: one image takes 1.7e\+12 multiply-adds, [0-9]+ times as many as AlexNet.s: each may take long$' \
    "$BIN/predict" -q -w slow.safetensors --device=cpu --max-memory=100M a.png
}

# make_large FOLDER COUNT: PNGs of 1500x1500 pixels with alpha, of which each takes some 14 MiB.
make_large() {
  local i
  mkdir "$1"
  for ((i = 0; i < $2; i++)); do fixture png "$1/$i.png" size=1500x1500 kind=rgba seed="$i" || return 1; done
}

@test "images share the limit whatever the number of threads, and the shard is the same" {
  make_large large 6
  local j
  # Each takes more than half of what all may take: one at a time.
  for j in 1 4; do
    expect_status 0 "$BIN/imgprep" -q --max-memory=40M -j $j --size=32 -o $j.shard large
    [[ $stderr != *pixels* ]] || fail "$stderr"
  done
  cmp 1.shard 4.shard
  expect_status 0 "$BIN/imgprep" -q -j 4 --size=32 -o free.shard large
  cmp 1.shard free.shard
  # As members of an archive, too, of which encoded ones wait in memory.
  tar -cf large.tar large
  expect_status 0 "$BIN/imgprep" -q --max-memory=40M -j 4 --size=32 -o tar.shard large.tar
  expect_status 0 "$BIN/imgprep" -q -j 1 --size=32 -o tar1.shard large.tar
  cmp tar.shard tar1.shard
  # Results of the images' own size wait for their turn within the limit as well.
  for j in 1 4; do
    expect_status 0 "$BIN/imgprep" -q --max-memory=90M -j $j --size=none -o none$j.shard large
    expect_status 0 "$BIN/imgprep" -q --max-memory=120M -j $j --size=none --codec=jpeg -o jpeg$j.shard large
  done
  cmp none1.shard none4.shard
  cmp jpeg1.shard jpeg4.shard
}

@test "the memory of images stays below the limit on many threads" {
  requires python3
  make_large large 8
  peak_kilobytes "$BIN/imgprep" -q -j 8 --size=32 -o free.shard large
  local free=$peak
  peak_kilobytes "$BIN/imgprep" -q -j 1 --size=32 -o small.shard large/0.png
  local one=$peak
  peak_kilobytes "$BIN/imgprep" -q -j 8 --max-memory=40M --size=32 -o limited.shard large
  # One image at a time, beside what eight threads take for themselves.
  [ "$peak" -lt $((one + 20000)) ] || fail "$peak KiB, one image: $one KiB, without a limit: $free KiB"
  [ "$free" -gt $((one + 20000)) ] || fail "the limit has no effect: $free KiB"
}

@test "an image beyond the limit is rejected with the figure and what would allow it, on any number of threads" {
  make_large large 3
  fixture png large/small.png
  local j
  for j in 1 4; do
    expect_status 3 "$BIN/imgprep" -q --max-memory=20M -j $j --size=32 --rejects=$j.txt -o $j.shard large
    assert_contains "$stderr" "large/0.png: 1500x1500 pixels need 15.0 MiB of memory, more than the 8.8 MiB that an image may take: --max-memory=35M would allow it"
  done
  cmp 1.txt 4.txt
  cmp 1.shard 4.shard
  assert_lines 1.txt 3
  expect_status 0 "$BIN/imgprep" -q --max-memory=35M -j 4 --size=32 -o all.shard large
  refuse 1 'more than the 8\.8 MiB that an image may take' "$BIN/imgprep" -q --max-memory=20M --on-error=stop --size=32 -o s.shard large
  # An encoded one.
  head -c 3000000 /dev/urandom > noise
  { head -c 33 large/0.png; cat noise; } > noise.png
  expect_status 1 "$BIN/imgprep" -q --max-memory=20M --size=32 -o n.shard noise.png
  assert_contains "$stderr" "noise.png: 2.9 MiB, more than the 2.2 MiB of memory that an encoded image may take: --max-memory=27M would allow it"
  tar -cf noise.tar noise.png
  expect_status 1 "$BIN/imgprep" -q --max-memory=20M --size=32 -o n.shard noise.tar
  assert_contains "$stderr" "2.9 MiB, more than the 2.2 MiB of memory that an encoded image may take"
  # In predict beside its net.
  make_training_set
  small_train --steps=1 --device=cpu -o w.safetensors train.shard
  for j in 1 4; do
    expect_status 3 "$BIN/predict" -q -w w.safetensors --device=cpu --max-memory=20M -j $j -o $j.tsv large
    assert_contains "$stderr" "large/0.png: 1500x1500 pixels need"
  done
  cmp 1.tsv 4.tsv
}

# make_large_shard FILE: four images of 1000x1000 pixels.
make_large_shard() {
  local i
  for i in 0 1 2 3; do fixture png "part$i.png" size=1000x1000 seed=$i || return 1; done
  "$BIN/imgprep" -q --size=1000 -o "$1" part?.png 2> /dev/null
}

@test "meanimg sums up on as many threads as fit, and refuses sums that fit on none" {
  requires python3
  make_large_shard l.shard
  refuse 1 '^meanimg: l.shard: the sums of images of 1000x1000x3 need 97.3 MiB of memory, the limit is 80.0 MiB \(--max-memory\): --max-memory=98M would allow it$' \
    "$BIN/meanimg" -q --max-memory=80M -o m.safetensors l.shard
  assert_missing m.safetensors
  "$BIN/meanimg" -q -j 8 -o free.safetensors l.shard
  peak_kilobytes "$BIN/meanimg" -q -j 8 --max-memory=98M -o m.safetensors l.shard
  cmp m.safetensors free.safetensors
  [ "$peak" -lt 130000 ] || fail "$peak KiB"
  # From a pipe its records are held as well.
  expect_status 1 bash -c 'cat l.shard | "$0" "$@"' "$BIN/meanimg" -q --max-memory=98M -o m2.safetensors
  assert_contains "$stderr" "the sums of images of 1000x1000x3 need"
  "$BIN/meanimg" -q --max-memory=400M -j 8 -o m.safetensors < <(cat l.shard)  # a pipe
  cmp m.safetensors free.safetensors
  refuse 1 'm.safetensors: .*need [0-9.]+ MiB of memory' "$BIN/meanimg" -q --merge --max-memory=40M -o s.safetensors m.safetensors m.safetensors
}

@test "shardpack refuses chunks from a pipe, transcoding and extracting beyond the limit" {
  make_large_shard l.shard
  local look
  for look in --list --info --verify; do
    # A file is mapped.
    expect_status 0 "$BIN/shardpack" -q $look --max-memory=3M l.shard
    local file=$output
    expect_status 0 bash -c 'cat l.shard | "$0" "$@"' "$BIN/shardpack" -q $look
    assert_equal "${output//stdin/l.shard}" "$file"
    expect_status 1 bash -c 'cat l.shard | "$0" "$@"' "$BIN/shardpack" -q $look --max-memory=3M
    assert_contains "$stderr" "that comes through a pipe would need"
    assert_contains "$stderr" "of memory, the limit is 3.0 MiB (--max-memory)"
  done
  refuse 1 'l.shard: records that are transcoded need [0-9.]+ MiB of memory, the limit is 20.0 MiB' \
    "$BIN/shardpack" -q --codec=jpeg --max-memory=20M -o j.shard l.shard
  assert_missing j.shard
  expect_status 0 "$BIN/shardpack" -q --codec=jpeg --max-memory=60M -j 4 -o j.shard l.shard
  expect_status 0 "$BIN/shardpack" -q --codec=jpeg -j 4 -o free.shard l.shard
  cmp j.shard free.shard
  refuse 1 'l.shard: records that are extracted need' "$BIN/shardpack" -q --extract=out --max-memory=20M l.shard
  [ ! -e out ]
  expect_status 0 "$BIN/shardpack" -q --extract=out --max-memory=60M l.shard
  refuse 2 '^shardpack: --memory is more than --max-memory' "$BIN/shardpack" --shuffle --memory=2G --max-memory=1G -o s.shard l.shard
  refuse 1 'l.shard: tables of 4 records need 256 B of memory, the limit is 100 B' "$BIN/shardpack" -q --shuffle --max-memory=100 -o s.shard l.shard
  # Shuffled through a temporary file within half of the limit, in the same order.
  expect_status 0 "$BIN/shardpack" -q --shuffle --max-memory=8M -o s.shard l.shard
  expect_status 0 "$BIN/shardpack" -q --shuffle -o t.shard l.shard
  cmp s.shard t.shard
}

@test "lists beyond the limit are refused before their entries are made" {
  seq 1 100000 | sed 's/^/nofile/' > list.txt
  refuse 1 '^imgprep: list.txt: its lines need [0-9.]+ MiB of memory, the limit is 5.0 MiB \(--max-memory\): --max-memory=[0-9]+M would allow it$' \
    "$BIN/imgprep" -q --max-memory=5M --files-from=list.txt -o o.shard
  refuse 1 '^shardpack: list.txt: its lines need' "$BIN/shardpack" -q --max-memory=5M --files-from=list.txt -o o.shard
  fixture png a.png
  refuse 1 'list.txt: its lines need' "$BIN/imgprep" -q --max-memory=5M --labels=list.txt -o o.shard a.png
}

# limited KIBIBYTES COMMAND...: runs the command with so much address space.
limited() {
  bash -c 'ulimit -v "$1" && shift && exec "$@"' limited "$@"
}

@test "a training that is accepted under a limit on address space works to its end" {
  requires_address_limit 100000
  make_training_set
  local limit accepted=0 refused=0
  for ((limit = 120000; limit <= 600000; limit += 40000)); do
    run --separate-stderr limited $limit "$BIN/train" -q "${SMALL[@]}" --max-rejects=0 --batch=40 --steps=2 --device=cpu -j 4 \
      --val=val.shard --val-every=1steps --checkpoint-every=1steps --log=log.tsv --overwrite -o w.safetensors train.shard
    if [ "$status" = 0 ]; then
      accepted=$((accepted + 1))
    else
      assert_equal "$status" 1
      [[ $stderr == *"the limit is"*"(ulimit -v beside"* || $stderr == *"cannot start a thread"* ]] || fail "$limit: $stderr"
      assert_equal "$accepted" 0
      refused=$((refused + 1))
    fi
  done
  [ "$accepted" -gt 0 ] && [ "$refused" -gt 0 ] || fail "$accepted accepted, $refused refused"
}

@test "an image beyond what the machine allows ends the run: only a limit that the user sets leaves images out" {
  requires_address_limit 300000
  mkdir photos
  fixture png photos/large.png size=6000x6000 kind=rgba
  fixture png photos/small.png
  refuse 1 '^imgprep: photos/large.png: 6000x6000 pixels need [0-9.]+ MiB of memory, more than the [0-9.]+ MiB that an image may take of [0-9.]+ MiB \(ulimit -v\): --max-memory=[0-9]+M would allow it, --max-memory=[0-9]+M leaves such images out$' \
    "$(printf '#!/bin/bash\nulimit -v 300000\nexec "%s" "$@"\n' "$BIN/imgprep" > imgprep; chmod +x imgprep; echo ./imgprep)" \
    -q -j 1 --size=32 -o o.shard photos
  assert_missing o.shard
  local advised
  advised=$(sed -n 's/.* --max-memory=\([0-9]*M\) leaves such images out$/\1/p' <<< "$stderr")
  expect_status 3 limited 300000 "$BIN/imgprep" -q -j 1 --size=32 --max-memory="$advised" -o o.shard photos
  assert_contains "$stderr" 'photos/large.png: 6000x6000 pixels need'
}

@test "a list from a pipe says what was read of it" {
  seq 1 200000 | sed 's/^/nofile/' > list.txt
  expect_status 1 bash -c 'cat list.txt | "$0" "$@"' "$BIN/imgprep" -q --max-memory=5M --files-from=- -o o.shard
  assert_contains "$stderr" 'imgprep: stdin: its lines need '
  assert_contains "$stderr" 'MiB of memory after the first 1.7 MiB, the limit is 5.0 MiB (--max-memory): a larger --max-memory would allow more, and a file instead of a pipe would tell how much is needed'
  # What is no list is said first.
  head -c 3000000 /dev/zero > zeros
  expect_status 1 bash -c 'cat zeros | "$0" "$@"' "$BIN/imgprep" -q --max-memory=5M --files-from=- -o o.shard
  [[ $stderr != *"its lines"* ]] || fail "$stderr"
}

@test "labels and classes count" {
  make_idx big 20000 size=2x2 classes=4
  refuse 1 'big-labels.idx: the labels so far need 234.4 KiB of memory, the limit is 200.0 KiB \(--max-memory\): --max-memory=1M would allow it$' \
    "$BIN/imgprep" -q --size=none --gray --idx --max-memory=200K -o o.shard big-images.idx big-labels.idx
  expect_status 0 "$BIN/imgprep" -q --size=none --gray --idx --max-memory=1M -o o.shard big-images.idx big-labels.idx
  seq 1 30000 | sed 's/^/class/' > classes.txt
  fixture png a.png
  refuse 1 'classes.txt: its lines need [0-9.]+ MiB of memory, the limit is 5.0 MiB' "$BIN/imgprep" -q --max-memory=5M --classes=classes.txt -o o.shard a.png
}

@test "what a header claims costs nothing before a record bears it out" {
  requires python3
  fixture png big.png size=2000x2000
  "$BIN/imgprep" -q --size=none --codec=jpeg -o big.shard big.png
  # A byte within the JPEG, of which the first is 255 anyway.
  local offset
  offset=$("$BIN/shardpack" --list big.shard | cut -f 5)
  printf '\376' | dd of=big.shard bs=1 seek=$((offset + 1)) conv=notrunc status=none
  peak_kilobytes "$BIN/meanimg" -q -j 1 -o m.safetensors big.shard || true
  [ "$peak" -lt 100000 ] || fail "$peak KiB"
  expect_status 1 "$BIN/meanimg" -q -o m.safetensors big.shard
  assert_contains "$stderr" 'every record was rejected'
  # A net of two lines.
  make_training_set
  printf '%s\n' 'input 10x10x3 from=20000x20000' 'fc f 4' 'softmax' > huge.net
  refuse 1 '^train: net: mean images of 20000x20000x3 need 8.9 GiB of memory, the limit is 1.0 GiB \(--max-memory\): --max-memory=9156M would allow it$' \
    "$BIN/train" -q --net=huge.net --mean=none --max-memory=1G --steps=1 --device=cpu -o w.safetensors train.shard
  # Weights.
  local net='input 8x8x1 from=9000x9000|fc f 2|softmax'
  make_weights mean.safetensors "$net" 9000 f.weight '[2,64]' f.bias '[2]'
  refuse 1 '^predict: mean.safetensors: values of the mean image \[1,9000,9000\] need 309.0 MiB of memory, the limit is 100.0 MiB' \
    "$BIN/predict" -q -w mean.safetensors --device=cpu --max-memory=100M big.png
  ODD=1 make_weights odd.safetensors "$net" 9000 f.weight '[2,64]' f.bias '[2]'
  refuse 1 '^predict: odd.safetensors: tensors that are not aligned, and so copied, need 309.0 MiB of memory, the limit is 100.0 MiB' \
    "$BIN/predict" -q -w odd.safetensors --device=cpu --max-memory=100M big.png
  refuse 1 '^eval: odd.safetensors: tensors that are not aligned' "$BIN/eval" -q -w odd.safetensors --device=cpu --max-memory=100M train.shard
}

@test "a large number as a label is cheap, and its classes count" {
  requires python3
  fixture png a.png
  printf 'a.png\t1048575\n' > list.txt
  refuse 1 '^imgprep: list.txt: classes up to the largest label, 1048575, need 512.0 MiB of memory, the limit is 100.0 MiB \(--max-memory\): --max-memory=513M would allow it$' \
    "$BIN/imgprep" -q --max-memory=100M --files-from=list.txt -o o.shard
  refuse 1 'list.txt: classes up to the largest label, 1048575, need' "$BIN/imgprep" -q --max-memory=100M --labels=list.txt -o o.shard a.png
  peak_kilobytes "$BIN/imgprep" -q -j 1 --files-from=list.txt -o o.shard
  [ "$peak" -lt 524288 ] || fail "$peak KiB"
  # So do those that folders name.
  python3 -c 'import os
for i in range(4500):
    os.makedirs(f"in/{i}")
    os.link("a.png", f"in/{i}/a.png")'
  refuse 1 '^imgprep: classes: those found so far need 2\.[0-9] MiB of memory, the limit is 2.0 MiB' "$BIN/imgprep" -q --max-memory=2M --size=8 -o o.shard in
}

@test "class tables within shards and weights count" {
  requires python3
  make_training_set
  seq 1 30000 | sed 's/^/class/' > classes.txt
  fixture png a.png
  "$BIN/imgprep" -q --size=12 --gray --classes=classes.txt -o c.shard a.png
  local refusal='metadata of [0-9.]+ KiB need [0-9.]+ MiB of memory, the limit is 5.0 MiB \(--max-memory\): --max-memory=[0-9]+M would allow it$'
  refuse 1 "^meanimg: c.shard: $refusal" "$BIN/meanimg" -q --max-memory=5M -o m.safetensors c.shard
  refuse 1 "^shardpack: c.shard: $refusal" "$BIN/shardpack" -q --max-memory=5M -o s.shard c.shard
  refuse 1 "^shardpack: c.shard: $refusal" "$BIN/shardpack" -q --shuffle --max-memory=5M -o s.shard c.shard
  refuse 1 "^shardpack: c.shard: $refusal" "$BIN/shardpack" -q --list --max-memory=5M c.shard
  refuse 1 "^shardpack: c.shard: $refusal" "$BIN/shardpack" -q --extract=out --max-memory=5M c.shard
  expect_status 1 bash -c 'cat c.shard | "$0" "$@"' "$BIN/shardpack" -q --info --max-memory=5M
  assert_contains "$stderr" 'stdin: metadata of'
  refuse 1 "^train: c.shard: $refusal" "$BIN/train" -q "${SMALL[@]}" --max-memory=5M --steps=1 --device=cpu -o w.safetensors c.shard
  small_train --steps=1 --device=cpu -o w.safetensors train.shard
  refuse 1 "^eval: c.shard: $refusal" "$BIN/eval" -q -w w.safetensors --device=cpu --max-memory=5M c.shard
  expect_status 1 "$BIN/predict" -q -w w.safetensors --device=cpu --max-memory=5M -j 1 c.shard
  assert_contains "$stderr" 'c.shard: metadata of'
  CLASSES=30000 make_weights c.safetensors 'input 12x12x1|fc f 2|softmax' 12 f.weight '[2,144]' f.bias '[2]'
  refuse 1 "^predict: c.safetensors: the contents of a header of [0-9.]+ KiB need [0-9.]+ MiB of memory, the limit is 5.0 MiB" \
    "$BIN/predict" -q -w c.safetensors --device=cpu --max-memory=5M a.png
  refuse 1 "^predict: c.safetensors: ${refusal/5.0 MiB/12.0 MiB}" "$BIN/predict" -q -w c.safetensors --device=cpu --max-memory=12M a.png
}

@test "what is kept of each record or line counts" {
  make_idx many 8000 size=2x2 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx -o many.shard many-images.idx many-labels.idx
  refuse 1 'many.shard: the names of the files so far need 1.0 MiB of memory, the limit is 1.0 MiB' \
    "$BIN/shardpack" -q --extract=out --max-memory=1M many.shard
  [ ! -e out ]
  # Each input of an extraction has images of its own size.
  make_large_shard l.shard
  "$BIN/imgprep" -q --size=8 -o s.shard part0.png
  refuse 1 'l.shard: records that are extracted need' "$BIN/shardpack" -q --extract=out --max-memory=20M -j 4 s.shard l.shard s.shard
  expect_status 0 "$BIN/shardpack" -q --extract=out --max-memory=60M -j 4 s.shard l.shard s.shard
  assert_equal "$(find out -type f | wc -l)" 6
  # The log of a training that is resumed.
  make_training_set
  small_train --steps=2 --device=cpu --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard
  local last
  last=$(tail -n 1 log.tsv)
  yes "$last" | head -n 200000 >> log.tsv
  refuse 1 'train: log.tsv: lines of the older log need [0-9.]+ MiB of memory, the limit is 20.0 MiB' \
    "$BIN/train" -q "${SMALL[@]}" --max-memory=20M --resume=c.safetensors --steps=3 --device=cpu --log=log.tsv -o w.safetensors train.shard
  refuse 1 'train: log.tsv: lines of the older log need' \
    "$BIN/train" -q "${SMALL[@]}" --max-memory=20M --resume=auto --checkpoint=c.safetensors --steps=3 --device=cpu --log=log.tsv -o w.safetensors train.shard
  [ ! -e log.tsv.~1~ ] && [ ! -e c.safetensors.~1~ ]
}
