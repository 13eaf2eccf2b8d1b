# For the Bats files about train, eval and predict: `load training` after `load common`.

# make_training_set: makes in the working directory train.shard (40 gray 12x12 images of 4 classes, which differ in their
# stripes), val.shard (12 others), mean.safetensors, and small.net, which takes 10x10 crops of them and has dropout.
make_training_set() {
  make_idx train 40 size=12x12 classes=4
  make_idx val 12 size=12x12 classes=4 seed=2
  local set
  for set in train val; do
    "$BIN/imgprep" -q --size=none --gray --idx $set-images.idx $set-labels.idx -o $set.shard || return 1
  done
  "$BIN/meanimg" -q -o mean.safetensors train.shard || return 1
  make_net 4
}

# make_net CLASSES [FC]: makes small.net with that many classes, and FC (default: 16) units in its hidden layer.
make_net() {
  printf '%s\n' 'input 10x10x1 from=12x12' 'conv c1 8 3x3 pad=1 init=0.05' 'relu' 'maxpool 2x2 stride=2' \
    "fc f1 ${2:-16} init=0.05" 'relu' 'dropout 0.25' "fc f2 $1 init=0.05" 'softmax' > small.net
}

# small_train OPTION...: runs train -q on what make_training_set has made. In the background, write
# "$BIN/train" -q "${SMALL[@]}" ... & instead, so that $! is the program's.
SMALL=(--net=small.net --mean=mean.safetensors --batch=8 --lr=0.002 --flip=off)
small_train() { "$BIN/train" -q "${SMALL[@]}" "$@"; }

# requires_bf16: skips the test if the processor does not compute in bf16.
requires_bf16() {
  run --separate-stderr small_train --precision=bf16 --steps=1 -o bf16.safetensors train.shard
  # shellcheck disable=SC2154  # set by run
  [[ $stderr != *"does not compute in bf16"* ]] || skip "needs bf16, which takes AVX-512"
}

# damage_payload SHARD INDEX: changes a byte of that record's pixels.
damage_payload() {
  local offset
  offset=$("$BIN/shardpack" --list "$1" | sed -n "$(($2 + 1))p" | cut -f 5)
  printf '\377' | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
}

# without_checksum FILE: prints the weights, checkpoint or mean file without its checksum, so that it may be changed.
without_checksum() { LC_ALL=C sed 's/"convoy.checksum"/"convoy.disabled"/' "$1"; }

# wait_for FILE: waits until the file is not empty, for half a minute at most.
wait_for() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    [ ! -s "$1" ] || return 0
    sleep 0.1
  done
  fail "$1 did not come"
}

# value_of NAME: prints the value with that name in $output, which is eval's.
# shellcheck disable=SC2154
value_of() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' <<< "$output"; }
