# train: LARS, warmup and parts, which batches of thousands take.
load common
load training

setup() {
  common_setup
  make_training_set
}

# same_tensors FILE FILE: whether the tensors of two weights files have the same bytes, whatever else the files say.
same_tensors() {
  python3 - "$@" << 'END'
import json, struct, sys
def tensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items() if name != "__metadata__"}
sys.exit(tensors(sys.argv[1]) != tensors(sys.argv[2]))
END
}

LARS=(--optimizer=lars --lr=10 '--warmup=1.3,0.1' --log-every=1steps)

@test "LARS goes on to the bit from every step of its warmup and after it, in fp32 and bf16, on any threads" {
  local precision precisions=(fp32)
  ! "$BIN/train" -q "${SMALL[@]}" --precision=bf16 --steps=1 -o w.safetensors train.shard 2> /dev/null || precisions+=(bf16)
  for precision in "${precisions[@]}"; do
    local run=("${LARS[@]}" --precision="$precision" --threads=2)
    small_train "${run[@]}" --steps=9 --overwrite --log=whole.tsv -o whole.safetensors train.shard
    for at in 0 1 3 6 7 8; do
      rm -f c.safetensors log.tsv
      small_train "${run[@]}" --steps="$at" --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard
      "$BIN/train" -q --resume=c.safetensors --log-every=1steps --threads=2 --steps=9 --log=log.tsv -o w.safetensors train.shard
      cmp w.safetensors whole.safetensors
      assert_equal "$(cut -f 1-8 log.tsv)" "$(cut -f 1-8 whole.tsv)"
    done
  done
  # The log has the rate of the schedule: 6.5 steps of warmup from a tenth of 10.
  assert_equal "$(awk -F '\t' '$3 == "train" { printf "%.3f ", $8 }' whole.tsv)" "2.385 3.769 5.154 6.538 7.923 9.308 10.000 10.000 10.000 "
}

@test "LARS is another run than plain SGD, and the weights say so" {
  small_train --steps=3 --lr=0.002 -o sgd.safetensors train.shard
  small_train --steps=3 --lr=0.002 --optimizer=sgd -o same.safetensors train.shard
  cmp sgd.safetensors same.safetensors
  ! grep -q optimizer sgd.safetensors || fail "an option that is not used is stored"
  small_train --steps=3 --lr=10 --optimizer=lars -o lars.safetensors train.shard
  small_train --steps=3 --lr=10 --optimizer=lars:0.001 -o same.safetensors train.shard
  cmp lars.safetensors same.safetensors
  ! same_tensors lars.safetensors sgd.safetensors || fail "LARS changes nothing"
  "$BIN/netpack" --extract=options lars.safetensors > options
  assert_contains "$(cat options)" lars:0.001
}

@test "a resumed run and --at change the optimizer, and the weights record it" {
  # By --at, after the first epoch of five steps.
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=9 --at=1:optimizer=lars:0.002,lr=5 -o at.safetensors train.shard
  # shellcheck disable=SC2154  # set by run
  assert_contains "$stderr" 'step 5, epoch 1: optimizer=lars:0.002, lr=5'
  # By hand.
  small_train --steps=5 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 "$BIN/train" --resume=c.safetensors --checkpoint=c.safetensors --optimizer=lars:0.002 --lr=5 --steps=9 -o hand.safetensors train.shard
  assert_contains "$stderr" 'optimizer: sgd in the checkpoint, lars:0.002 now'
  assert_contains "$(head -c 8000 hand.safetensors | LC_ALL=C grep -ao 'convoy.changes.*convoy.checksum')" 'lars:0.002\",\"before\":\"sgd'
  same_tensors at.safetensors hand.safetensors || fail "--at and --resume differ"
  # And back; an option that is not given again stays.
  expect_status 0 "$BIN/train" --resume=c.safetensors --steps=11 -o w.safetensors train.shard
  case $stderr in *optimizer*) fail "an option that did not change is named: $stderr" ;; esac
  expect_status 0 "$BIN/train" --resume=c.safetensors --optimizer=sgd --lr=0.002 --steps=12 -o w.safetensors train.shard
  assert_contains "$stderr" 'optimizer: lars:0.002 in the checkpoint, sgd now'
}

@test "frozen layers stay as they are to the bit under LARS" {
  small_train --steps=0 -o first.safetensors train.shard
  sed -e '/^conv/s/$/ lr=0 bias-lr=0/' small.net > frozen.net
  "$BIN/train" -q "${SMALL[@]}" --net=frozen.net --init-from=first.safetensors --optimizer=lars --lr=10 --steps=4 -o w.safetensors train.shard
  python3 - << 'END'
import json, struct
def tensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items() if name != "__metadata__"}
before, after = tensors("first.safetensors"), tensors("w.safetensors")
changed = {name for name in before if before[name] != after[name]}
assert changed == {"f1.weight", "f1.bias", "f2.weight", "f2.bias"}, changed
END
}

@test "wrong optimizers are refused before the first step" {
  local wrong
  for wrong in '' adam LARS lars: lars:2 lars:-0.1 lars:nan sgd:0.1 lars:0.1:2; do
    refuse 2 optimizer "$BIN/train" -q "${SMALL[@]}" --optimizer="$wrong" --steps=1 -o w.safetensors train.shard
  done
}

# 2048 images of four classes in batches of 8 learn with a rate of 0.002. Measured with seeds 1 to 5: with a batch of 1024 and
# 128 times the rate, SGD ends every time as good as guessing, with or without warmup, and LARS with 0 to 21 % of errors.
@test "a batch of 1024 learns with LARS and a warmup, where plain SGD with the scaled rate guesses" {
  make_idx train 2048 size=12x12 classes=4
  make_idx val 400 size=12x12 classes=4 seed=2
  local set seed
  for set in train val; do
    "$BIN/imgprep" -q --size=none --gray --idx $set-images.idx $set-labels.idx -o $set.shard
  done
  "$BIN/meanimg" -q -o mean.safetensors train.shard
  error() {  # OPTION...: the share of errors of validation after 30 epochs
    small_train --batch=1024 --parts=4 --epochs=30 --val=val.shard --val-every=30epochs --overwrite --log=log.tsv "$@" -o w.safetensors train.shard 2> messages
    awk -F '\t' '$3 == "val" { error = $6 } END { print error }' log.tsv
  }
  for seed in 1 2 3; do
    lars=$(error --seed=$seed --optimizer=lars --lr=10 --warmup=5 --lr-policy=poly:2)
    sgd=$(error --seed=$seed --lr=0.256 --warmup=5,0.0078125 --lr-policy=poly:2)
    awk -v lars="$lars" -v sgd="$sgd" 'BEGIN { exit !(lars < 0.4 && sgd > 0.6) }' || fail "seed $seed: errors of $lars with LARS, $sgd with SGD"
  done
}
