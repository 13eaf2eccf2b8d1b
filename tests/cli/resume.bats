# A run that was killed and resumed ends with the same bits and the same log as a run that was never stopped.
load common
load training

setup() {
  common_setup
  make_training_set
}

# Prints the log without the speed.
log_of() { cut -f 1-8 "$1"; }

# kill_at STEP OPTION...: trains in the background and kills it when its log says that STEP steps are done.
kill_at() {
  local step=$1 pid
  shift
  "$BIN/train" -q "${SMALL[@]}" "$@" &
  pid=$!
  until [ -e log.tsv ] && awk -F '\t' -v step="$step" '$1 + 0 >= step { found = 1 } END { exit !found }' log.tsv; do
    sleep 0.02
  done
  kill -KILL "$pid"
  wait "$pid" || true
}

@test "train killed by SIGKILL and resumed ends with the same bits and the same log" {
  local run=(--epochs=16 --val=val.shard --val-every=2epochs --log-every=3steps "--lr-policy=step:0.5@5,10")
  small_train "${run[@]}" --log=whole.tsv -o whole.safetensors train.shard
  local at
  for at in 1 23 62; do
    rm -f log.tsv c.safetensors
    kill_at "$at" "${run[@]}" --log=log.tsv --checkpoint-every=1steps --checkpoint=c.safetensors -o w.safetensors train.shard
    [ ! -e w.safetensors ] || rm w.safetensors  # the run may have ended before the kill
    expect_status 0 "$BIN/train" --resume=c.safetensors --val=val.shard --val-every=2epochs --log-every=3steps \
      --log=log.tsv -o w.safetensors train.shard
    assert_contains "$stderr" "resumed at step"
    cmp w.safetensors whole.safetensors
    assert_equal "$(log_of log.tsv)" "$(log_of whole.tsv)"
  done
}

@test "train that is killed again and again, often while it writes a checkpoint, loses nothing" {
  # A checkpoint has 6 MB, and writing it takes far longer than a step.
  make_net 4 4000
  SMALL=(--net=small.net --mean=mean.safetensors --batch=8 --lr=0.00001 --steps=40)
  local run=(--checkpoint-every=1steps --checkpoint=c.safetensors)
  small_train -o whole.safetensors train.shard
  local seed=${CONVOY_TEST_SEED:-$RANDOM} kills=0 resume=() status pid
  echo "seed $seed"
  RANDOM=$seed
  while [ "$kills" -lt 8 ]; do
    if [ "${#resume[@]}" -eq 0 ]; then
      "$BIN/train" -q "${SMALL[@]}" "${run[@]}" -o w.safetensors train.shard &
    else
      "$BIN/train" -q "${resume[@]}" --checkpoint-every=1steps -o w.safetensors train.shard &
    fi
    pid=$!
    sleep "0.$((RANDOM % 500 + 100))"
    kill -KILL "$pid" 2> /dev/null || true
    status=0
    wait "$pid" || status=$?
    [ "$status" -ne 0 ] || break
    assert_equal "$status" 137
    kills=$((kills + 1))
    if [ -e c.safetensors ]; then
      expect_status 0 "$BIN/eval" -q -w c.safetensors val.shard  # intact, whatever was being written
      resume=(--resume=c.safetensors)
    fi
  done
  [ "${#resume[@]}" -gt 0 ] || resume=("${SMALL[@]}")
  "$BIN/train" -q "${resume[@]}" -o w.safetensors train.shard
  cmp w.safetensors whole.safetensors
}

@test "a full disk ends the run at a checkpoint, and the previous checkpoint stays intact" {
  # A checkpoint has 6 MB, and in the second run no file may be larger than 1 MB.
  make_net 4 4000
  small_train --steps=2 --checkpoint=c.safetensors -o w.safetensors train.shard
  cp c.safetensors before.safetensors
  # shellcheck disable=SC2016
  run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 1024; exec "$0" "$@"' "$BIN/train" -q --resume=c.safetensors \
    --steps=3 --checkpoint-every=1steps -o v.safetensors train.shard
  [ "$status" -eq 1 ]
  assert_contains "$stderr" "train: c.safetensors: File too large"
  cmp c.safetensors before.safetensors
  assert_missing v.safetensors
  assert_equal "$(find . -name 'c.safetensors*' | wc -l)" 1
}

@test "train ended by SIGTERM, during validation too, and resumed ends with the same bits" {
  local run=(--epochs=16 --val=val.shard --val-every=1steps) pid seed=${CONVOY_TEST_SEED:-$RANDOM}
  echo "seed $seed"
  RANDOM=$seed
  small_train "${run[@]}" --log=whole.tsv -o whole.safetensors train.shard
  "$BIN/train" -q "${SMALL[@]}" "${run[@]}" --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard &
  pid=$!
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 1 ]; do sleep 0.02; done
  sleep "0.0$((RANDOM % 90 + 10))"
  kill -TERM "$pid" || true
  wait "$pid" || true
  "$BIN/train" -q --resume=c.safetensors --val=val.shard --val-every=1steps --log=log.tsv -o w.safetensors train.shard
  cmp w.safetensors whole.safetensors
  assert_equal "$(log_of log.tsv)" "$(log_of whole.tsv)"
}

@test "a finished run goes on with more epochs, and equals one run of that many" {
  small_train --epochs=6 -o whole.safetensors train.shard
  small_train --epochs=2 --checkpoint-every=never -o w.safetensors train.shard  # writes a checkpoint at the end
  [ -e w.checkpoint.safetensors ]
  expect_status 0 "$BIN/train" --resume=w.checkpoint.safetensors --epochs=6 -o w.safetensors train.shard
  assert_contains "$stderr" "epochs: 2 in the checkpoint, 6 now"
  "$BIN/train" -q --resume=w.checkpoint.safetensors -o again.safetensors train.shard
  run ! cmp -s again.safetensors w.safetensors  # the 2 epochs of the checkpoint
  same_tensors w.safetensors whole.safetensors
}

@test "a resumed run says which of its reports were not asked for again" {
  small_train --steps=6 --val=val.shard --log=log.tsv --checkpoint=c.safetensors -o whole.safetensors train.shard
  expect_status 0 "$BIN/train" -q --resume=c.safetensors -o w.safetensors train.shard
  assert_equal "$stderr" "$(printf 'train: resumed run: --%s was given before, and is not now\n' val log)"
  cmp w.safetensors whole.safetensors
  small_train --steps=6 --val=val.shard --log=log.tsv --checkpoint=c.safetensors --overwrite -o whole.safetensors train.shard
  expect_status 0 "$BIN/train" -q --resume=c.safetensors --log=log.tsv --val=val.shard -o w.safetensors train.shard
  assert_equal "$stderr" ""
}

validation_due() { grep -qF '\"validation_due\":true' c.safetensors; }
@test "a run that a signal ended during validation can go on without validation" {
  make_idx big 20000 size=12x12 classes=4 seed=3
  "$BIN/imgprep" -q --size=none --gray --idx big-images.idx big-labels.idx -o big.shard
  small_train --steps=2 -o whole.safetensors train.shard
  local pid tries
  for ((tries = 0; tries < 20; tries++)); do
    rm -f log.tsv
    "$BIN/train" -q "${SMALL[@]}" --steps=2 --val=big.shard --log=log.tsv --log-every=1steps --checkpoint=c.safetensors \
      -o w.safetensors train.shard &
    pid=$!
    until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 2 ]; do sleep 0.01; done  # both steps are done: it validates
    kill -TERM "$pid" || true
    wait "$pid" || true
    ! validation_due || break
  done
  validation_due
  expect_status 0 "$BIN/train" --resume=c.safetensors -o w.safetensors train.shard
  assert_contains "$stderr" "--val was given before"
  cmp w.safetensors whole.safetensors
}

@test "--precision=auto is fp32 on a CPU" {
  expect_status 0 "$BIN/train" "${SMALL[@]}" --device=cpu --steps=2 -o auto.safetensors train.shard
  assert_contains "$stderr" "precision fp32"
  small_train --device=cpu --precision=fp32 --steps=2 -o fp32.safetensors train.shard
  cmp auto.safetensors fp32.safetensors
}

@test "a run in bf16 goes on in bf16 if it is resumed" {
  requires_bf16
  small_train --precision=bf16 --steps=4 -o whole.safetensors train.shard
  small_train --precision=bf16 --steps=2 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 "$BIN/train" --resume=c.safetensors --precision=auto --steps=4 -o w.safetensors train.shard
  assert_contains "$stderr" "precision bf16"
  cmp w.safetensors whole.safetensors
}

# Compares only the tensors, because the metadata hold the options, which may differ.
same_tensors() {
  local file skip
  for file in "$@"; do
    skip=$(od -A n -t u8 -N 8 "$file" | tr -d ' ')
    tail -c "+$((skip + 9))" "$file" > "$file.tensors"
  done
  cmp "$1.tensors" "$2.tensors"
}

@test "train --resume names what differs, and refuses what must not differ" {
  small_train --steps=6 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 "$BIN/train" --resume=c.safetensors --steps=8 --lr=0.001 --momentum=0.8 -j 1 -o v.safetensors train.shard
  assert_contains "$stderr" "lr: 0.002 in the checkpoint, 0.001 now"
  assert_contains "$stderr" "momentum: 0.9 in the checkpoint, 0.8 now"
  small_train --steps=6 --checkpoint=c.safetensors --overwrite -o w.safetensors train.shard
  refuse 2 'batch: 8 in the checkpoint, 9 now: a resumed run cannot change it' \
    "$BIN/train" --resume=c.safetensors --batch=9 -o v2.safetensors train.shard
  refuse 2 'seed: 1 in the checkpoint, 2 now' "$BIN/train" --resume=c.safetensors --seed=2 -o v2.safetensors train.shard
  refuse 2 'at step 6, the last: there is nothing left to train with lr: 0.002 in the checkpoint, 0.3 now' \
    "$BIN/train" --resume=c.safetensors --lr=0.3 -o v2.safetensors train.shard
  refuse 2 'at step 6 already' "$BIN/train" --resume=c.safetensors --steps=5 -o v2.safetensors train.shard
  refuse 1 'a training set of 40 records' "$BIN/train" --resume=c.safetensors -o v2.safetensors val.shard
  "$BIN/shardpack" -q --shuffle -o other.shard train.shard
  refuse 1 'another training set, or of its shards in another order' \
    "$BIN/train" --resume=c.safetensors -o v2.safetensors other.shard
  make_net 4 17
  refuse 1 'another net' "$BIN/train" --resume=c.safetensors --net=small.net -o v2.safetensors train.shard
  refuse 1 'not a checkpoint' "$BIN/train" --resume=w.safetensors -o v2.safetensors train.shard
  refuse 1 'another mean' "$BIN/train" --resume=c.safetensors --mean=none -o v2.safetensors train.shard
  refuse 1 'No such file' "$BIN/train" --resume=nothing -o v2.safetensors train.shard
  head -c 3000 c.safetensors > cut.safetensors
  refuse 1 'cut.safetensors: offset' "$BIN/train" --resume=cut.safetensors -o v2.safetensors train.shard
  assert_missing v2.safetensors
}
