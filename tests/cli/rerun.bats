# The same command again: what a run finds of an earlier one is gone on from, kept, or replaced if the user says so.
load common
load training

setup() {
  common_setup
  make_training_set
  run=(--checkpoint=c.safetensors --log=log.tsv --log-every=1steps -o w.safetensors train.shard)
}

# Prints the log without the speed.
log_of() { cut -f 1-8 "$1"; }

# whole STEPS: makes whole.safetensors and whole.tsv, of a run of that many steps that was never stopped.
whole() {
  rm -f whole.*
  small_train --steps="$1" --checkpoint=whole.c --log=whole.tsv --log-every=1steps -o whole.safetensors train.shard
}

# is_whole: the run ended as that of whole() did.
is_whole() {
  cmp w.safetensors whole.safetensors
  cmp c.safetensors whole.c
  assert_equal "$(log_of log.tsv)" "$(log_of whole.tsv)"
}

# killed OPTION...: starts a run that writes no checkpoint by itself, and kills it once it has logged steps.
killed() {
  rm -f log.tsv
  "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --checkpoint-every=never "$@" "${run[@]}" &
  local pid=$!
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do
    kill -0 "$pid" || fail "it ended by itself" || return 1
    sleep 0.02
  done
  kill -KILL "$pid"
  wait "$pid" || :
}

# Prints the sums of all files but those that Bats makes.
sums() { find . -type f ! -name 'separate-stderr-*' -print0 | sort -z | xargs -0 sha256sum; }

# nothing_changed COMMAND...: the command leaves every file of the folder as it is.
nothing_changed() {
  local before
  before=$(sums)
  "$@" || return 1
  assert_equal "$(sums)" "$before"
}

@test "the same command again is refused before any work, and names what it would replace and what to do" {
  small_train --steps=6 "${run[@]}"
  nothing_changed refuse 1 '^train: c.safetensors: holds step 6 of 6 of an earlier run: --resume=c.safetensors goes on .*--resume=auto .*--overwrite' \
    "$BIN/train" "${SMALL[@]}" --steps=3 "${run[@]}"
  assert_equal "$(wc -l <<< "$stderr")" 1
  # Before anything else is read: nothing else of the command is right.
  nothing_changed refuse 1 'c.safetensors: holds step 6' "$BIN/train" --net=nothing --mean=nothing "${run[@]}"
  # The checkpoint that is named after the output, also if it is of an unfinished run.
  small_train --steps=2 --checkpoint-every=1steps -o long.safetensors train.shard
  rm long.safetensors
  nothing_changed refuse 1 'long.checkpoint.safetensors: holds step 2 of 2' "$BIN/train" -q "${SMALL[@]}" -o long.safetensors train.shard
  # The log, without a checkpoint beside it.
  rm c.safetensors
  nothing_changed refuse 1 'log.tsv: holds 6 lines, up to step 6, of an earlier run: --resume=FILE .*--resume=auto .*--overwrite' \
    "$BIN/train" -q "${SMALL[@]}" --steps=3 "${run[@]}"
  # Neither is asked for: the weights alone are replaced, as any output is.
  small_train --steps=2 -o w.safetensors train.shard
  # A log in which nothing was logged, and empty files, are no loss.
  head -n 1 log.tsv > log && mv log log.tsv
  : > c.safetensors
  expect_status 0 small_train --steps=6 "${run[@]}"
  assert_equal "$stderr" ""
}

@test "files that are neither checkpoint nor log are not replaced unasked" {
  echo "my notes" > c.safetensors
  nothing_changed refuse 1 'c.safetensors: is there already, and is no checkpoint' "$BIN/train" -q "${SMALL[@]}" --steps=1 "${run[@]}"
  mv c.safetensors log.tsv
  small_train --steps=1 -o c.safetensors train.shard
  nothing_changed refuse 1 'c.safetensors: is there already, .*it holds weights only' \
    "$BIN/train" -q "${SMALL[@]}" --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  rm c.safetensors
  local how
  for how in --batch=8 --resume=auto; do
    nothing_changed refuse 1 'log.tsv: exists and is not a training log' "$BIN/train" -q "${SMALL[@]}" "$how" --steps=1 "${run[@]}"
  done
  # A FIFO, a device and a descriptor hold nothing.
  expect_status 0 small_train --steps=2 --log=/dev/null --checkpoint=/dev/null -o w.safetensors train.shard
  expect_status 0 small_train --steps=2 --log=/dev/null --checkpoint=/dev/null -o w.safetensors train.shard
}

@test "--overwrite starts anew, and removes the earlier checkpoint at once" {
  whole 4
  small_train --steps=6 "${run[@]}"
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=4 --overwrite "${run[@]}"
  assert_contains "$stderr" "c.safetensors: removed: holds step 6 of 6 of an earlier run"
  is_whole
  # A run that dies before its first checkpoint is not gone on from at another run's step.
  killed --overwrite
  [ ! -e c.safetensors ]
  # What is wrong with the command is found before anything is removed.
  small_train --steps=4 --overwrite "${run[@]}"
  nothing_changed refuse 1 'nothing: No such file' "$BIN/train" -q --net=nothing --mean=none --overwrite "${run[@]}"
  make_net 3
  nothing_changed refuse 1 'has 4 classes, the net only 3' "$BIN/train" -q "${SMALL[@]}" --overwrite "${run[@]}"
  refuse 2 'exclude each other' "$BIN/train" -q --overwrite --resume=c.safetensors "${run[@]}"
}

@test "--resume=auto does the right thing, however often one command is run" {
  whole 12
  local auto=("${SMALL[@]}" --steps=12 --resume=auto --checkpoint-every=1steps "${run[@]}")
  expect_status 0 "$BIN/train" "${auto[@]}"
  assert_contains "$stderr" "no checkpoint c.safetensors yet: the run starts anew"
  is_whole
  # Finished: nothing is done again, and the weights are there even if they were lost.
  rm w.safetensors
  expect_status 0 "$BIN/train" "${auto[@]}"
  assert_contains "$stderr" "c.safetensors: resumed at step 12, the last: the run is finished"
  is_whole
  # Killed at any time, and asked again: five times before its first step, in it, while it writes.
  rm c.safetensors log.tsv w.safetensors
  local seed=${CONVOY_TEST_SEED:-$RANDOM} kills pid status
  echo "seed $seed"
  RANDOM=$seed
  for ((kills = 0; kills < 12; kills++)); do
    "$BIN/train" -q "${auto[@]}" &
    pid=$!
    sleep "0.0$((RANDOM % 90 + 10))"
    kill -KILL "$pid" 2> /dev/null || :
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 137 ] || assert_equal "$status" 0
  done
  expect_status 0 "$BIN/train" -q "${auto[@]}"
  assert_equal "$stderr" ""
  is_whole
  assert_equal "$(compgen -G '*~' || :)" ""
  # More steps than before.
  whole 14
  expect_status 0 "$BIN/train" "${auto[@]}" --steps=14
  assert_contains "$stderr" "steps: 12 in the checkpoint, 14 now"
  is_whole
  # Fewer cannot be had from it.
  nothing_changed refuse 2 'at step 14 already, beyond the 3 asked for' "$BIN/train" -q "${auto[@]}" --steps=3
}

@test "--resume=auto keeps the log of a run that died before its first checkpoint, and starts" {
  whole 5
  killed
  [ ! -e c.safetensors ]
  cp log.tsv before.tsv
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --resume=auto --steps=5 "${run[@]}"
  assert_contains "$stderr" "of an earlier run: kept as log.tsv.~1~"
  cmp log.tsv.~1~ before.tsv
  is_whole
  # A run that --resume=auto has begun has a checkpoint from its start on, and its log needs not be kept.
  rm c.safetensors log.tsv*
  killed --resume=auto
  [ -s c.safetensors ]
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --resume=auto --steps=5 "${run[@]}"
  assert_equal "$stderr" ""
  is_whole
  assert_equal "$(compgen -G '*~' || :)" ""
}

@test "--resume=auto keeps a checkpoint that does not fit, says why, and starts" {
  make_net 5
  make_idx five 10 size=12x12 classes=5
  "$BIN/imgprep" -q --size=none --gray --idx five-images.idx five-labels.idx -o five.shard
  small_train --steps=3 --checkpoint=five.c -o x.safetensors five.shard
  small_train --steps=3 --checkpoint=five-outputs.c -o x.safetensors train.shard
  make_net 4
  "$BIN/shardpack" -q --shuffle -o other.shard train.shard
  small_train --steps=3 --checkpoint=other.c -o x.safetensors other.shard
  small_train --steps=3 --checkpoint=val.c -o x.safetensors val.shard
  small_train --steps=3 --batch=7 --checkpoint=batch.c -o x.safetensors train.shard
  small_train --steps=3 --seed=2 --checkpoint=seed.c -o x.safetensors train.shard
  "$BIN/train" -q --net=small.net --mean=none --batch=8 --steps=3 --checkpoint=mean.c -o weights.c train.shard
  head -c 3000 batch.c > cut.c
  echo junk > junk.c
  whole 3
  local file reason number=0
  for file in five:'another net' five-outputs:'another net' other:'shards in another order' val:'training set of 12 records' \
    batch:'batch: 7 in the checkpoint, 8 now' seed:'seed: 2 in the checkpoint, 1 now' mean:'another mean' \
    weights:'weights only' cut:'cut short' junk:'where a checkpoint is expected'; do
    reason=${file#*:} file=${file%%:*}
    rm -f log.tsv
    cp "$file.c" c.safetensors
    expect_status 0 "$BIN/train" -q "${SMALL[@]}" --seed=1 --steps=3 --resume=auto "${run[@]}"
    number=$((number + 1))
    grep -q "^train: c.safetensors: .*$reason.*: kept as c.safetensors.~$number~; the run starts anew$" <<< "$stderr" ||
      fail "$file: $stderr"
    cmp "$file.c" "c.safetensors.~$number~"
    is_whole
  done
  # The file at the end of a link, which stays, is what is kept.
  mkdir disk
  mv batch.c disk/c && ln -sf disk/c c.safetensors && rm log.tsv
  expect_status 0 "$BIN/train" -q "${SMALL[@]}" --steps=3 --resume=auto "${run[@]}"
  [ -L c.safetensors ] && [ -s disk/c.~1~ ]
  is_whole
}

@test "--resume=auto needs what starts a run, and a checkpoint that is a file" {
  small_train --steps=3 "${run[@]}"
  nothing_changed refuse 2 '--net=FILE is missing' "$BIN/train" -q --mean=none --resume=auto "${run[@]}"
  nothing_changed refuse 2 '--mean=FILE is missing' "$BIN/train" -q --net=small.net --resume=auto "${run[@]}"
  nothing_changed refuse 1 'nothing: No such file' "$BIN/train" -q --net=nothing --mean=none --resume=auto "${run[@]}"
  nothing_changed refuse 1 'nothing.shard: No such file' "$BIN/train" -q "${SMALL[@]}" --resume=auto --checkpoint=c.safetensors -o x nothing.shard
  local out
  for out in - /dev/null; do
    refuse 2 'auto needs a checkpoint that is a file: give --checkpoint=FILE' "$BIN/train" -q "${SMALL[@]}" --resume=auto -o "$out" train.shard
  done
  # A file of that name.
  cp c.safetensors auto
  expect_status 0 "$BIN/train" -q --resume=./auto --steps=4 -o x train.shard
}

@test "a resumed run replaces no other checkpoint, and continues no other run's log" {
  small_train --steps=4 "${run[@]}"
  small_train --steps=9 --checkpoint=d.safetensors --log=nine.tsv --log-every=1steps -o x train.shard
  nothing_changed refuse 1 'd.safetensors: holds step 9 of 9 .*: --resume=d.safetensors goes on from it, but --resume names another: give --checkpoint another name or remove it' \
    "$BIN/train" -q --resume=c.safetensors --steps=8 --checkpoint=d.safetensors -o y train.shard
  ln -s d.safetensors link
  expect_status 0 "$BIN/train" -q --resume=link --steps=10 --checkpoint=d.safetensors -o y train.shard
  # Rows of the run that are after the checkpoint are dropped, and that is said.
  expect_status 0 "$BIN/train" --resume=c.safetensors --steps=5 --log=nine.tsv --log-every=1steps -o y train.shard
  assert_contains "$stderr" "nine.tsv: dropped the lines after step 4, up to step 9"
  assert_lines nine.tsv 6
  small_train --steps=4 --batch=5 --checkpoint=e.safetensors --log=five.tsv --log-every=1steps -o x train.shard
  nothing_changed refuse 1 'five.tsv: is the log of another run' \
    "$BIN/train" -q --resume=c.safetensors --steps=7 --log=five.tsv -o y train.shard
}

@test "options that a resumed run changes on purpose are notes, others warnings" {
  small_train -j 2 --steps=4 --checkpoint=c.safetensors -o w.safetensors train.shard
  cp c.safetensors d.safetensors
  expect_status 0 "$BIN/train" --resume=c.safetensors -j 2 --epochs=2 --lr=0.001 --momentum=0.8 --weight-decay=0.1 \
    --lr-policy=step:0.1@1 --crop=center --flip=on -o v.safetensors train.shard
  local change
  for change in 'steps: 4 in the checkpoint, none now' 'epochs: none in the checkpoint, 2 now' 'lr: 0.002 in the checkpoint, 0.001 now' \
    'momentum: 0.9 in the checkpoint, 0.8 now' 'weight-decay: 5e-04 in the checkpoint, 0.1 now' \
    'lr-policy: fixed in the checkpoint, step:0.1@1 now' 'crop: random in the checkpoint, center now' 'flip: off in the checkpoint, on now'; do
    grep -qxF "train: resumed run: $change" <<< "$stderr" || fail "no '$change' in: $stderr"
  done
  assert_equal "$(grep -c 'resumed run: ' <<< "$stderr")" 8
  expect_status 0 "$BIN/train" -q --resume=d.safetensors -j 2 --steps=5 --lr=0.001 -o v.safetensors train.shard
  assert_equal "$stderr" ""
}
