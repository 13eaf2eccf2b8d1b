# train: learning rates, changes during a run, early stopping, kept weights, and nets that begin with the layers of others.
load common
load training

setup() {
  common_setup
  make_training_set
}

# steps FILE: prints the steps of a log's rows of training with their rates, "1:0.002 2:0.002 ...".
rates() { awk -F '\t' '$3 == "train" { printf "%s%s:%s", separator, $1, $8; separator = " " }' "$1"; }

# metadata KEY FILE: prints a text of the metadata of a safetensors file.
metadata() {
  python3 -c '
import json, struct, sys
with open(sys.argv[2], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
print(header["__metadata__"].get(sys.argv[1], ""))' "$1" "$2"
}

# tensors_of FILE [PREFIX]: prints name and digest of each tensor.
tensors_of() {
  python3 -c '
import hashlib, json, struct, sys
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
for name, entry in sorted(header.items()):
    if name != "__metadata__" and name.startswith(sys.argv[2] if len(sys.argv) > 2 else ""):
        begin, end = entry["data_offsets"]
        print(name, hashlib.sha256(data[begin:end]).hexdigest())' "$@"
}

requires_pytorch() {
  PYTHON=${PYTHON:-/usr/bin/python3}  # the one that finds Debian's packages
  "$PYTHON" -c 'import numpy, torch' 2> /dev/null || skip "needs python3-torch and python3-numpy"
}

# plain_net CLASSES [C1 [F1 [F2]]]: makes small.net without dropout, with such options for the layers.
plain_net() {
  printf '%s\n' 'input 10x10x1 from=12x12' "conv c1 8 3x3 pad=1 init=0.05 $2" 'relu' 'maxpool 2x2 stride=2' \
    "fc f1 16 init=0.05 $3" 'relu' "fc f2 $1 init=0.05 $4" 'softmax' > small.net
}

# compare_with_pytorch BEFORE AFTER SET OPTION...
compare_with_pytorch() {
  local before=$1 after=$2 set=$3
  shift 3
  "$PYTHON" "$ROOT/tests/pytorch/sgd.py" "$before" "$after" "$set-images.idx" "$set-labels.idx" "$@"
}

@test "--at changes options as epochs begin, and a resumed run goes on with them" {
  # 40 images in batches of 8: 5 steps an epoch.
  local run=(--at=1:lr=0.004 '--at=2:momentum=0.5,lr=0.001' --at=1:f1.lr=0 --log-every=1steps)
  expect_status 0 "$BIN/train" "${SMALL[@]}" "${run[@]}" --steps=14 --log=whole.tsv -o whole.safetensors train.shard
  assert_equal "$(rates whole.tsv)" "1:0.002 2:0.002 3:0.002 4:0.002 5:0.002 6:0.004 7:0.004 8:0.004 9:0.004 10:0.004 11:0.001 12:0.001 13:0.001 14:0.001"
  assert_contains "$stderr" 'step 5, epoch 1: lr=0.004, f1.lr=0'
  assert_contains "$stderr" 'step 10, epoch 2: momentum=0.5, lr=0.001'
  assert_contains "$(metadata convoy.options whole.safetensors)" '"at":"1:lr=0.004,f1.lr=0;2:momentum=0.5,lr=0.001"'
  # By hand: each epoch from the checkpoint of the one before, with its options.
  small_train --steps=5 --checkpoint=c.safetensors -o w.safetensors train.shard
  "$BIN/train" -q --resume=c.safetensors --checkpoint=c.safetensors --lr=0.004 --at=0:f1.lr=0 --steps=10 -o w.safetensors train.shard
  "$BIN/train" -q --resume=c.safetensors --lr=0.001 --momentum=0.5 --steps=14 -o w.safetensors train.shard
  assert_equal "$(tensors_of w.safetensors)" "$(tensors_of whole.safetensors)"
  local at
  for at in 1 4 5 6 9 10 11 13; do
    rm -f c.safetensors log.tsv
    small_train "${run[@]}" --steps="$at" --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard
    "$BIN/train" -q --resume=c.safetensors --log-every=1steps --steps=14 --log=log.tsv -o w.safetensors train.shard
    cmp w.safetensors whole.safetensors
    assert_equal "$(cut -f 1-8 log.tsv)" "$(cut -f 1-8 whole.tsv)"
  done
}

@test "--at changes crops and reflections at the exact image" {
  # Epochs begin within batches: 40 images in batches of 16. With center crops the mean loss of every image is known.
  small_train --batch=16 --epochs=2 --lr=0 --crop=random --flip=on --at=1:crop=center,flip=off --log=a.tsv --log-every=1steps \
    -o w.safetensors train.shard
  small_train --batch=16 --epochs=2 --lr=0 --crop=random --flip=on --log=b.tsv --log-every=1steps -o w.safetensors train.shard
  small_train --batch=16 --epochs=2 --lr=0 --crop=center --flip=off --log=c.tsv --log-every=1steps -o w.safetensors train.shard
  # Steps 1 and 2 are of the first epoch, steps 4 and 5 of the second, step 3 of both.
  loss() { awk -F '\t' -v step="$2" '$1 == step { print $5 }' "$1"; }
  assert_equal "$(loss a.tsv 2)" "$(loss b.tsv 2)"
  assert_equal "$(loss a.tsv 4)" "$(loss c.tsv 4)"
  [ "$(loss a.tsv 3)" != "$(loss b.tsv 3)" ]
  [ "$(loss a.tsv 3)" != "$(loss c.tsv 3)" ]
}

@test "--at changes colour noise, as run 145 did, and the statistics are there if only an epoch to come has it" {
  make_folders photos 4 6 size=16x16
  "$BIN/imgprep" -q --size=16 -o color.shard photos
  "$BIN/meanimg" -q -o color.mean color.shard
  printf '%s\n' 'input 14x14x3 from=16x16' 'conv c1 4 3x3 init=0.05' 'relu' 'fc f1 4 init=0.05' 'softmax' > color.net
  color() { "$BIN/train" -q --net=color.net --mean=color.mean --batch=8 --lr=0 --epochs=2 --log-every=1steps --overwrite "$@" color.shard; }
  color --log=none.tsv -o w.safetensors
  color --color-noise=0.5 --log=noise.tsv -o w.safetensors
  color --color-noise=0.5 --at=1:color-noise=0 --log=first.tsv -o w.safetensors
  color --at=1:color-noise=0.5 --log=second.tsv -o w.safetensors
  # 24 images in batches of 8: three steps an epoch.
  losses() { awk -F '\t' -v from="$2" -v to="$3" '$1 >= from && $1 <= to { print $5 }' "$1"; }
  assert_equal "$(losses first.tsv 1 3)" "$(losses noise.tsv 1 3)"
  assert_equal "$(losses first.tsv 4 6)" "$(losses none.tsv 4 6)"
  assert_equal "$(losses second.tsv 1 3)" "$(losses none.tsv 1 3)"
  assert_equal "$(losses second.tsv 4 6)" "$(losses noise.tsv 4 6)"
  [ "$(losses noise.tsv 4 6)" != "$(losses none.tsv 4 6)" ]
  # Resumed between the two, and without the file of the mean.
  "$BIN/train" -q --net=color.net --mean=color.mean --batch=8 --lr=0 --steps=2 --at=1:color-noise=0.5 --checkpoint=k.safetensors \
    -o w.safetensors color.shard
  "$BIN/train" -q --resume=k.safetensors --epochs=2 --log=resumed.tsv --log-every=1steps -o w.safetensors color.shard
  assert_equal "$(losses resumed.tsv 4 6)" "$(losses noise.tsv 4 6)"
}

@test "--at names what it does not know before the first step" {
  refuse 2 "at: 'batch=3': cannot change during a run; these can: lr, momentum, weight-decay, optimizer, crop, flip" \
    "$BIN/train" -q "${SMALL[@]}" --at=1:batch=3 --steps=1 -o w.safetensors train.shard
  refuse 2 "at: 'c9.lr=0': layer c9 is not in the net; those that learn are: c1, f1, f2" \
    "$BIN/train" -q "${SMALL[@]}" --at=1:c9.lr=0 --steps=1 -o w.safetensors train.shard
  refuse 2 "at: 'relu1.lr=0': layer relu1 has no parameters" "$BIN/train" -q "${SMALL[@]}" --at=1:relu1.lr=0 --steps=1 -o w.safetensors train.shard
  local bad
  for bad in '' : 1 1: 1:lr 1:lr= 1:lr=x 1:lr=-1 x:lr=1 -1:lr=1 1:=1 1:c1.lr=x 1:c1.lr=-1 1:lr=1,momentum=2 '1:lr=1;' '1:lr=1;;2:lr=1' \
    1:c1.speed=1 nan:lr=1 1:crop=left '1:lr=1,' 1:lr=1,,c1.lr=1 1:,lr=1; do
    case $bad in '1:lr=1;' | '') continue ;; esac
    refuse 2 'at' "$BIN/train" -q "${SMALL[@]}" "--at=$bad" --steps=1 -o w.safetensors train.shard
  done
  assert_missing w.safetensors
}

@test "a resumed run whose options change says so, trains with them, and its weights tell from which step on" {
  small_train --steps=5 --checkpoint=c.safetensors -o w.safetensors train.shard
  cp c.safetensors before.safetensors
  assert_equal "$(metadata convoy.changes w.safetensors)" ""
  expect_status 0 "$BIN/train" --resume=c.safetensors --checkpoint=c.safetensors --lr=0.01 --weight-decay=0 --lr-policy=step:0.5@2 --steps=10 \
    -o w.safetensors train.shard
  assert_contains "$stderr" 'resumed run: lr: 0.002 in the checkpoint, 0.01 now'
  assert_contains "$stderr" 'resumed run: lr-policy: fixed in the checkpoint, step:0.5@2 now'
  local expected='[{"after":"0.01","before":"0.002","option":"lr","step":5},{"after":"0","before":"5e-04","option":"weight-decay","step":5},{"after":"step:0.5@2","before":"fixed","option":"lr-policy","step":5}]'
  assert_equal "$(metadata convoy.changes w.safetensors)" "$expected"
  assert_equal "$(metadata convoy.changes c.safetensors)" "$expected"
  # Once more, without a change and with one.
  "$BIN/train" -q --resume=c.safetensors --checkpoint=c.safetensors --steps=12 -o w.safetensors train.shard
  assert_equal "$(metadata convoy.changes w.safetensors)" "$expected"
  "$BIN/train" -q --resume=c.safetensors --momentum=0.5 --steps=13 -o w.safetensors train.shard
  assert_contains "$(metadata convoy.changes w.safetensors)" '{"after":"0.5","before":"0.9","option":"momentum","step":12}]'
  expect_status 0 "$BIN/netpack" --info w.safetensors
  assert_equal "$(grep '^change' <<< "$output")" "$(printf 'change\t%s\n' 'lr	step 5: 0.002 -> 0.01' \
    'weight-decay	step 5: 5e-04 -> 0' 'lr-policy	step 5: fixed -> step:0.5@2' 'momentum	step 12: 0.9 -> 0.5')"
  # The new rate is that of a run that had it from this step on.
  small_train --at=1:lr=0.01,weight-decay=0 --steps=10 -o at.safetensors train.shard
  "$BIN/train" -q --resume=before.safetensors --checkpoint=d.safetensors --lr=0.01 --weight-decay=0 --steps=10 -o v.safetensors train.shard
  assert_equal "$(tensors_of v.safetensors)" "$(tensors_of at.safetensors)"
}

@test "all of it in bf16 and with other numbers of threads: resumed, the same bits" {
  requires_bf16
  small_train --steps=6 -o old.safetensors train.shard
  local run=(--val=val.shard --val-every=3steps --keep=all) j step
  local options=(--precision=bf16 --init-from=old.safetensors "--lr-policy=plateau:0.5,1,3" "--warmup=1,0.5" --early-stop=9
    '--at=1:momentum=0.8,f1.lr=0,f1.bias-lr=0;2.5:f1.lr=1,crop=center')
  for j in 1 3; do
    small_train "${options[@]}" "${run[@]}" -j$j --steps=18 -o whole.safetensors train.shard
    for step in 4 6 11 13; do
      rm -f w.*
      small_train "${options[@]}" "${run[@]}" -j$j --steps=$step --checkpoint=w.checkpoint.safetensors -o w.safetensors train.shard
      "$BIN/train" -q --resume=w.checkpoint.safetensors "${run[@]}" -j$j --steps=18 -o w.safetensors train.shard
      cmp w.safetensors whole.safetensors
      assert_equal "$(tensors_of w.epoch-003.safetensors)" "$(tensors_of whole.epoch-003.safetensors)"
    done
    rm -f whole.*
  done
}

@test "--early-stop ends a run whose validation error has stopped falling, and a resumed one does the same" {
  local run=(--val=val.shard --val-every=5steps --log-every=2steps)
  expect_status 0 "$BIN/train" "${SMALL[@]}" "${run[@]}" --early-stop=3 --epochs=100 --log=whole.tsv --checkpoint=whole.checkpoint.safetensors \
    -o whole.safetensors train.shard
  assert_contains "$stderr" ' % in 3 validations: the run stops early'
  # By the log: the run ends at the first validation with three in a row without a smaller error.
  awk -F '\t' '
    $3 == "val" { n++; if (n == 1 || $6 < best) { best = $6; stale = 0 } else stale++; last = $1; if (stale >= 3 && !end) end = $1 }
    $1 != "step" { final = $1 }
    END { exit !(end && end == last && final == end && end < 500) }' whole.tsv || fail "$(cat whole.tsv)"
  local at last
  last=$(tail -n 1 whole.tsv | cut -f 1)
  for at in 3 5 "$((last - 3))"; do
    rm -f c.safetensors log.tsv
    small_train "${run[@]}" --early-stop=3 --steps="$at" --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard
    "$BIN/train" -q --resume=c.safetensors "${run[@]}" --epochs=100 --log=log.tsv -o w.safetensors train.shard
    cmp w.safetensors whole.safetensors
  done
  # It is finished, unless it gets more patience.
  expect_status 0 "$BIN/train" --resume=whole.checkpoint.safetensors --val=val.shard -o again.safetensors train.shard
  assert_contains "$stderr" 'where it stopped early: the run is finished'
  cmp again.safetensors whole.safetensors
  refuse 2 'where the run stopped early: there is nothing left to train with lr' \
    "$BIN/train" --resume=whole.checkpoint.safetensors --val=val.shard --lr=1 -o again.safetensors train.shard
  expect_status 0 "$BIN/train" --resume=whole.checkpoint.safetensors --val=val.shard --val-every=5steps --early-stop=never \
    --steps=$((last + 5)) -o again.safetensors train.shard
  assert_contains "$stderr" 'resumed run: early-stop: 3 in the checkpoint, none now'
  refuse 2 'early-stop: it decides by the validation error: give --val' "$BIN/train" -q "${SMALL[@]}" --early-stop=2 --steps=1 -o w.safetensors train.shard
  for at in 0 -1 x 1.5; do
    refuse 2 'early-stop' "$BIN/train" -q "${SMALL[@]}" --val=val.shard --early-stop=$at --steps=1 -o w.safetensors train.shard
  done
}

# best_step LOG: prints the step of the first validation with the least error.
best_step() { awk -F '\t' '$3 == "val" && (!n++ || $6 < best) { best = $6; step = $1 } END { print step }' "$1"; }

@test "--keep=best keeps the weights of the best validation, whole and to the bit, wherever the run is stopped" {
  local run=(--val=val.shard --val-every=3steps --log-every=3steps --keep=best --lr=0.02)
  small_train "${run[@]}" --steps=30 --log=whole.tsv -o whole.safetensors train.shard
  local best
  best=$(best_step whole.tsv)
  assert_contains "$(metadata convoy.kept whole.best.safetensors)" "\"step\":$best,"
  # They are what a run of so many steps ends with.
  small_train --lr=0.02 --steps="$best" -o short.safetensors train.shard
  assert_equal "$(tensors_of whole.best.safetensors)" "$(tensors_of short.safetensors)"
  "$BIN/eval" -q -w whole.best.safetensors val.shard > evaluated
  awk -F '\t' -v step="$best" 'NR == FNR { if ($1 == "top1_error") error = $2; next }
    $3 == "val" && $1 == step { d = $6 - error; exit !(d < 1e-5 && d > -1e-5) }' evaluated whole.tsv
  local at
  for at in 1 3 4 "$best" $((best + 1)) 29; do
    rm -f w.*
    small_train "${run[@]}" --steps="$at" --checkpoint=w.checkpoint.safetensors -o w.safetensors train.shard
    "$BIN/train" -q --resume=w.checkpoint.safetensors "${run[@]}" --steps=30 -o w.safetensors train.shard
    assert_equal "$(metadata convoy.kept w.best.safetensors)" "$(metadata convoy.kept whole.best.safetensors)"
    assert_equal "$(tensors_of w.best.safetensors)" "$(tensors_of whole.best.safetensors)"
    cmp w.safetensors whole.safetensors
  done
}

@test "--keep=best loses nothing when the run is killed at any moment" {
  local run=(--val=val.shard --val-every=1steps --keep=best --lr=0.02 --checkpoint-every=5steps)
  small_train "${run[@]}" --steps=40 -o whole.safetensors train.shard
  local seed=${CONVOY_TEST_SEED:-$RANDOM} kills=0 status pid
  echo "seed $seed"
  RANDOM=$seed
  while [ "$kills" -lt 12 ]; do
    "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --steps=40 --resume=auto -o w.safetensors train.shard &
    pid=$!
    sleep "0.$((RANDOM % 400 + 100))"
    kill -KILL "$pid" 2> /dev/null || true
    status=0
    wait "$pid" || status=$?
    [ "$status" -ne 0 ] || break
    assert_equal "$status" 137
    kills=$((kills + 1))
    [ ! -e w.best.safetensors ] || expect_status 0 "$BIN/eval" -q -w w.best.safetensors val.shard
  done
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --steps=40 --resume=auto -o w.safetensors train.shard
  cmp w.safetensors whole.safetensors
  cmp w.best.safetensors whole.best.safetensors
}

@test "--keep=all keeps the weights of each epoch, and the best" {
  small_train --keep=all --val=val.shard --epochs=3 -o w.safetensors train.shard
  local epoch
  for epoch in 1 2 3; do
    small_train --epochs=$epoch -o short.safetensors train.shard
    assert_equal "$(tensors_of "w.epoch-00$epoch.safetensors")" "$(tensors_of short.safetensors)"
    assert_contains "$(metadata convoy.kept "w.epoch-00$epoch.safetensors")" "\"step\":$((5 * epoch)),\"top1_error\":"
  done
  assert_contains "$("$BIN/netpack" --info w.best.safetensors)" 'kept	top1_error	'
  expect_status 0 "$BIN/netpack" --verify w.best.safetensors w.epoch-001.safetensors
  assert_missing w.epoch-004.safetensors
  # Without a validation set there is no best one.
  small_train --keep=all --epochs=1 -o v.safetensors train.shard
  [ -e v.epoch-001.safetensors ]
  assert_missing v.best.safetensors
  refuse 2 'keep: best decides by the validation error: give --val' "$BIN/train" -q "${SMALL[@]}" --keep=best --epochs=1 -o u.safetensors train.shard
  refuse 2 'keep' "$BIN/train" -q "${SMALL[@]}" --keep=some --epochs=1 -o u.safetensors train.shard
  refuse 2 'keep: its files are named after --output' "$BIN/train" -q "${SMALL[@]}" --keep=all --epochs=1 train.shard
}

@test "kept weights of an earlier run are not replaced without a word, and no input is" {
  local run=(--val=val.shard --epochs=1 --checkpoint-every=never)
  small_train "${run[@]}" --keep=all -o w.safetensors train.shard
  cp w.best.safetensors before
  rm w.checkpoint.safetensors
  refuse 1 'w.best.safetensors: is there already, of an earlier run with --keep: --overwrite removes it' \
    "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --keep=best -o w.safetensors train.shard
  cmp w.best.safetensors before
  small_train "${run[@]}" -o w.safetensors train.shard  # which keeps nothing
  cmp w.best.safetensors before
  expect_status 0 "$BIN/train" "${SMALL[@]}" "${run[@]}" --keep=all --overwrite --seed=3 -o w.safetensors train.shard
  assert_contains "$stderr" 'w.best.safetensors: removed: was kept by an earlier run'
  assert_contains "$stderr" 'w.epoch-001.safetensors: removed'
  run cmp w.best.safetensors before
  [ "$status" -eq 1 ]
  # A run of --resume=auto that starts anew keeps them aside.
  rm -f w.checkpoint.safetensors
  cp w.best.safetensors before
  expect_status 0 "$BIN/train" "${SMALL[@]}" "${run[@]}" --keep=best --resume=auto --seed=4 -o w.safetensors train.shard
  assert_contains "$stderr" 'w.best.safetensors: was kept by an earlier run: kept as'
  cmp 'w.best.safetensors.~1~' before
  # Nor do they take the place of what the run reads.
  refuse 2 'keep: .*w.best.safetensors is an input' "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --keep=best --overwrite --init-from=w.best.safetensors \
    -o w.safetensors train.shard
  refuse 2 'keep: .*is what --log writes already' "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --keep=best --overwrite --log=w.best.safetensors \
    -o w.safetensors train.shard
}

@test "a run that is resumed with --keep where the file of the best weights is another's says so" {
  local run=(--val=val.shard --val-every=1steps --keep=best --checkpoint-every=1steps)
  # Up to a step that is not the best so far.
  local steps=6 best=6
  small_train "${run[@]}" --steps=$steps -o w.safetensors train.shard
  while best=$(metadata convoy.checkpoint w.checkpoint.safetensors | sed 's/.*"best_step":\([0-9]*\).*/\1/') && [ "$best" -eq "$steps" ]; do
    steps=$((steps + 1))
    "$BIN/train" -q --resume=w.checkpoint.safetensors "${run[@]}" --steps=$steps -o w.safetensors train.shard
  done
  rm w.best.safetensors
  expect_status 0 "$BIN/train" --resume=w.checkpoint.safetensors "${run[@]}" --steps=$((steps + 1)) -o w.safetensors train.shard
  assert_contains "$stderr" "w.best.safetensors: does not hold the best weights so far, which were those of step $best: "
  assert_contains "$(metadata convoy.kept w.best.safetensors)" "\"step\":$((steps + 1)),"
  steps=$((steps + 2))
  expect_status 0 "$BIN/train" --resume=w.checkpoint.safetensors --val=val.shard --steps=$steps -o w.safetensors train.shard
  assert_contains "$stderr" '--keep was given before, and is not now'
}

@test "--init-from takes the layers that fit, draws the others from the seed, and says so" {
  small_train --steps=10 -o old.safetensors train.shard
  make_idx other 30 size=12x12 classes=3 seed=5
  "$BIN/imgprep" -q --size=none --gray --idx other-images.idx other-labels.idx -o other.shard
  printf '%s\n' 'input 10x10x1 from=12x12' 'conv c1 8 3x3 pad=1 init=0.05' 'relu' 'conv c2 8 3x3 pad=1 init=0.05' 'relu' \
    'maxpool 2x2 stride=2' 'fc f1 16 init=0.05' 'relu' 'dropout 0.25' 'fc f2 3 init=0.05' 'softmax' > new.net
  expect_status 0 "$BIN/train" --net=new.net --init-from=old.safetensors --steps=0 -o first.safetensors other.shard
  assert_contains "$stderr" \
    'old.safetensors: taken: c1, f1; drawn from the seed: c2 (not there), f2 (3x16, there 4x16); its mean'
  "$BIN/train" -q --net=new.net --mean=mean.safetensors --steps=0 -o drawn.safetensors other.shard
  local layer
  for layer in c1 f1 mean; do
    assert_equal "$(tensors_of first.safetensors $layer)" "$(tensors_of old.safetensors $layer)"
  done
  for layer in c2 f2; do
    assert_equal "$(tensors_of first.safetensors $layer)" "$(tensors_of drawn.safetensors $layer)"
  done
  assert_equal "$(metadata convoy.initial first.safetensors)" '{"file":"old.safetensors","layers":["c1","f1"]}'
  assert_contains "$("$BIN/netpack" --info first.safetensors)" 'initial	layers	["c1","f1"]'
  # A checkpoint serves, too, and its momenta are not taken.
  small_train --steps=10 --checkpoint=c.safetensors -o old.safetensors train.shard
  "$BIN/train" -q --net=new.net --init-from=c.safetensors --steps=3 -o a.safetensors other.shard
  "$BIN/train" -q --net=new.net --init-from=old.safetensors --steps=3 -o b.safetensors other.shard
  assert_equal "$(tensors_of a.safetensors)" "$(tensors_of b.safetensors)"
  # Resumed, it is the same to the bit.
  "$BIN/train" -q --net=new.net --init-from=old.safetensors --steps=2 --checkpoint=d.safetensors -o c2.safetensors other.shard
  "$BIN/train" -q --resume=d.safetensors --steps=3 -o c2.safetensors other.shard
  cmp b.safetensors c2.safetensors
  rm -f d.safetensors
  for step in 1 3; do
    "$BIN/train" -q --net=new.net --init-from=old.safetensors --steps=$step --resume=auto --checkpoint=d.safetensors -o c2.safetensors other.shard
  done
  cmp b.safetensors c2.safetensors
}

@test "--init-from refuses what does not fit" {
  small_train --steps=1 -o old.safetensors train.shard
  printf '%s\n' 'input 10x10x1 from=12x12' 'fc g1 4' 'softmax' > none.net
  refuse 1 'old.safetensors: no layer has the name and the shape of one of the net' \
    "$BIN/train" -q --net=none.net --init-from=old.safetensors --steps=1 -o w.safetensors train.shard
  sed 's/from=12x12/from=14x14/' small.net > larger.net
  refuse 2 'mean=FILE is missing: that of old.safetensors is of 12x12x1, and the net takes stored images of 14x14x1' \
    "$BIN/train" -q --net=larger.net --init-from=old.safetensors --steps=1 -o w.safetensors train.shard
  refuse 1 'mean.safetensors' "$BIN/train" -q --net=small.net --init-from=mean.safetensors --steps=1 -o w.safetensors train.shard
  refuse 1 'No such file' "$BIN/train" -q --net=small.net --init-from=nothing.safetensors --steps=1 -o w.safetensors train.shard
  refuse 2 'init-from: .*is an input|is an input' "$BIN/train" -q "${SMALL[@]}" --init-from=old.safetensors --steps=1 -o old.safetensors train.shard
  small_train --steps=1 --checkpoint=c.safetensors -o old.safetensors train.shard
  refuse 2 'init-from: a run that is resumed has its weights from the checkpoint' \
    "$BIN/train" -q --resume=c.safetensors --init-from=old.safetensors --steps=2 -o w.safetensors train.shard
  head -c 2000 old.safetensors > cut.safetensors
  refuse 1 'cut.safetensors' "$BIN/train" -q --net=small.net --init-from=cut.safetensors --steps=1 -o w.safetensors train.shard
  assert_missing w.safetensors
}

# Frozen layers: the profile shows no work for them, and PyTorch comes to the same weights.
@test "layers with lr=0 and bias-lr=0 cost nothing backward, and their weights stay" {
  local frozen='lr=0 bias-lr=0'
  plain_net 4
  small_train --steps=5 -o old.safetensors train.shard
  plain_net 4 "$frozen" "$frozen"
  small_train --init-from=old.safetensors --steps=10 --profile -o w.safetensors train.shard 2> profile
  ! grep -E '^(backward|update) +(c1|f1|maxpool)' profile || fail "$(cat profile)"
  grep -qE '^backward +f2' profile
  local layer
  for layer in c1 f1; do
    assert_equal "$(tensors_of w.safetensors $layer)" "$(tensors_of old.safetensors $layer)"
  done
  [ "$(tensors_of w.safetensors f2)" != "$(tensors_of old.safetensors f2)" ]
  # f2 is what it becomes if --at keeps the others: they are then compiled to learn, but never do.
  plain_net 4
  small_train --init-from=old.safetensors --at=0:c1.lr=0,c1.bias-lr=0,f1.lr=0,f1.bias-lr=0 --at=90:c1.lr=1,f1.lr=1 --steps=10 \
    -o v.safetensors train.shard
  assert_equal "$(tensors_of v.safetensors)" "$(tensors_of w.safetensors)"
}

@test "SGD with frozen layers and fine-tuning, and LARS, are what PyTorch computes" {
  requires_pytorch
  local run=(--crop=center --order=sequential) sgd=(--batch=8 --lr=0.002)
  plain_net 4
  small_train "${run[@]}" --steps=0 -o first.safetensors train.shard
  small_train "${run[@]}" --steps=7 -o w.safetensors train.shard
  compare_with_pytorch first.safetensors w.safetensors train --steps=7 "${sgd[@]}"
  # Frozen: the first layer; one in the middle; weights alone; with other factors.
  local case=0 factors
  for factors in 'c1:lr=0 bias-lr=0::' ':f1:lr=0 bias-lr=0:' 'c1:lr=0::f2' ':f1:lr=3 decay=2:' 'c1:lr=0 bias-lr=0:f1:f2'; do
    case $((case++)) in
      0) plain_net 4 'lr=0 bias-lr=0'; factors=(--factor=c1.weight:0:1 --factor=c1.bias:0:0) ;;
      1) plain_net 4 '' 'lr=0 bias-lr=0'; factors=(--factor=f1.weight:0:1 --factor=f1.bias:0:0) ;;
      2) plain_net 4 'lr=0'; factors=(--factor=c1.weight:0:1) ;;
      3) plain_net 4 '' 'lr=3 decay=2 bias-lr=2'; factors=(--factor=f1.weight:3:2 --factor=f1.bias:2:0) ;;
      4) plain_net 4 'lr=0 bias-lr=0' 'lr=0 bias-lr=0'
        factors=(--factor=c1.weight:0:1 --factor=c1.bias:0:0 --factor=f1.weight:0:1 --factor=f1.bias:0:0) ;;
    esac
    small_train "${run[@]}" --init-from=first.safetensors --steps=7 -o w.safetensors train.shard
    compare_with_pytorch first.safetensors w.safetensors train --steps=7 "${sgd[@]}" "${factors[@]}"
  done
  # LARS: with biases that start at zero, other factors, a change of optimizers, and in parts.
  local factored=(--factor=c1.weight:0:1 --factor=c1.bias:0:0 --factor=f1.weight:3:2 --factor=f1.bias:2:0)
  plain_net 4
  small_train "${run[@]}" --optimizer=lars --lr=10 --steps=7 -o w.safetensors train.shard
  compare_with_pytorch first.safetensors w.safetensors train --steps=7 --batch=8 --lr=10 --lars=0.001
  small_train "${run[@]}" --optimizer=lars:0.02 --lr=2 --batch=32 --parts=4 --weight-decay=0.1 --steps=5 -o w.safetensors train.shard
  compare_with_pytorch first.safetensors w.safetensors train --steps=5 --batch=32 --lr=2 --lars=0.02 --decay=0.1
  plain_net 4 'lr=0 bias-lr=0' 'lr=3 decay=2 bias-lr=2'
  small_train "${run[@]}" --init-from=first.safetensors --optimizer=lars --lr=10 --steps=7 -o w.safetensors train.shard
  compare_with_pytorch first.safetensors w.safetensors train --steps=7 --batch=8 --lr=10 --lars=0.001 "${factored[@]}"
  # Fine-tuning to three other classes: the last layer is new, and learns ten times as fast.
  make_idx other 30 size=12x12 classes=3 seed=5
  "$BIN/imgprep" -q --size=none --gray --idx other-images.idx other-labels.idx -o other.shard
  plain_net 3 'lr=0 bias-lr=0' '' 'lr=10 bias-lr=20'
  small_train "${run[@]}" --init-from=w.safetensors --steps=0 -o tuned0.safetensors other.shard
  small_train "${run[@]}" --init-from=w.safetensors --steps=1 -o tuned.safetensors other.shard
  compare_with_pytorch tuned0.safetensors tuned.safetensors other --steps=1 "${sgd[@]}" --factor=c1.weight:0:1 \
    --factor=c1.bias:0:0 --factor=f2.weight:10:1 --factor=f2.bias:20:0
}
