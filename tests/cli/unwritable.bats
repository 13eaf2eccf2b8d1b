# Outputs of a training that cannot be written for a while, or any more: the run goes on, tries again and says so.
# shellcheck disable=SC2154  # stderr is set by run
load common
load training

# A limit on the size of files is a full disk that everybody can make, also of a process that runs, and can mend: prlimit(1).
LIMIT=100  # bytes: the head of a log is within it, and no row

setup() {
  common_setup
  requires prlimit
  make_training_set
  pid=
}
teardown() { [ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null || :; }

log_of() { cut -f 1-8 "$1"; }

# train_on_full_disk OPTION...: starts a training whose files must not be larger than $LIMIT bytes, as process $pid.
train_on_full_disk() {
  # The messages go through a pipe, which has no size.
  prlimit --fsize="$LIMIT":unlimited "$BIN/train" "${SMALL[@]}" "$@" train.shard < /dev/null > >(cat > messages) 2>&1 &
  pid=$!
}

# wait_until COMMAND...: waits until it succeeds, as long as the training runs.
wait_until() {
  until "$@"; do
    kill -0 "$pid" 2> /dev/null || "$@" || fail "ended before: $*: $(cat messages)" || return 1
    sleep 0.02
  done
}
has_rows() { [ -e "$1" ] && [ "$(wc -l < "$1")" -gt 3 ]; }

# expect_message PATTERN: waits until a line of the training's messages matches.
expect_message() {
  local late
  for ((late = 0; late < 50; late++)); do
    ! grep -Eq -- "$1" messages 2> /dev/null || return 0
    sleep 0.02
    # What the training wrote last may still be in the pipe when it has ended.
    ! kill -0 "$pid" 2> /dev/null || late=0
  done
  fail "no '$1' in: $(cat messages)"
}

# The status of the training, when it has ended.
expect_end() {
  local status=0
  wait "$pid" || status=$?
  pid=
  assert_equal "$status" "$1" || fail "$(cat messages)"
}

count_messages() { grep -Ec -- "$1" messages || :; }

# Long enough to be acted on while it runs.
STEPS=(--steps=4000 --log-every=100steps)

@test "a log and checkpoints that cannot be written for a while are whole in the end" {
  small_train "${STEPS[@]}" --log=whole.tsv -o whole.safetensors train.shard
  train_on_full_disk "${STEPS[@]}" --log=log.tsv --checkpoint=c.safetensors --checkpoint-every=200steps -o w.safetensors
  expect_message '^train: log.tsv: File too large: the run goes on'
  expect_message '^train: c.safetensors: File too large: no checkpoint of step 200; the run goes on'
  prlimit --pid "$pid" --fsize=unlimited
  expect_message '^train: log.tsv: can be written again, and has all of its lines'
  expect_end 0
  assert_equal "$(count_messages 'log.tsv: File too large')" 1
  assert_equal "$(count_messages 'c.safetensors: File too large')" 1
  assert_equal "$(count_messages 'wrote c.safetensors')" 1
  assert_equal "$(log_of log.tsv)" "$(log_of whole.tsv)"
  cmp w.safetensors whole.safetensors
  # The checkpoint is of the last step.
  expect_status 0 "$BIN/train" --resume=c.safetensors --log=log.tsv -o again.safetensors train.shard
  assert_contains "$stderr" 'resumed at step 4000, the last'
  cmp again.safetensors whole.safetensors
}

@test "weights that cannot be written are tried again, and status 1 says what is lost" {
  echo older > w.safetensors
  small_train --steps=100 -o whole.safetensors train.shard
  train_on_full_disk --steps=100 --log=log.tsv --checkpoint-every=50steps -o w.safetensors
  expect_end 1
  expect_message '^train: w.safetensors: File too large: the weights are not written: the training is lost$'
  expect_message '^train: log.tsv: File too large: lost 5 lines that could not be written$'
  expect_message '^train: w.checkpoint.safetensors: File too large: no checkpoint of step 100$'
  assert_equal "$(cat w.safetensors)" older
  local left
  left=$(find . -name '*.??????' -newer train.shard -o -name '.*.convoy-lock')
  assert_equal "$left" ''
  assert_equal "$(wc -l < log.tsv)" 1  # and the beginning of the next
}

@test "weights are written as soon as that is possible" {
  small_train --steps=8000 -o whole.safetensors train.shard
  train_on_full_disk --steps=8000 --checkpoint-every=never -o w.safetensors
  expect_message '^train: w.safetensors: File too large: the weights are not written yet: trying again each second'
  prlimit --pid "$pid" --fsize=unlimited
  expect_end 0
  expect_message '^train: w.safetensors: written$'
  cmp w.safetensors whole.safetensors
}

@test "SIGTERM while nothing can be written ends the run with 143, and what is lost is said" {
  small_train --steps=100 -o whole.safetensors train.shard
  LIMIT=unlimited train_on_full_disk --steps=1000000 --log=log.tsv --log-every=100steps --checkpoint=c.safetensors \
    --checkpoint-every=50steps -o w.safetensors
  wait_until [ -s c.safetensors ]
  prlimit --pid "$pid" --fsize="$LIMIT":unlimited
  expect_message '^train: log.tsv: File too large'
  expect_message '^train: c.safetensors: File too large: no checkpoint of step [0-9]+, the last is of step [0-9]+;'
  kill -TERM "$pid"
  expect_end 143
  expect_message '^train: log.tsv: File too large: lost [0-9]+ lines? that could not be written$'
  expect_message '^train: c.safetensors: File too large: stopped at step [0-9]+; the training after step [0-9]+ is lost; --resume=c.safetensors repeats it$'
  # The checkpoint is whole, and the log goes on behind the rows that it has.
  expect_status 0 "$BIN/train" -q --resume=c.safetensors --log=log.tsv \
    --steps="$(($(sed -n 's/.*the last is of step \([0-9]*\);.*/\1/p' messages | tail -1) + 10))" -o w.safetensors train.shard
}

@test "if the folder of the weights is gone, the checkpoint has them" {
  mkdir out
  small_train --steps=4000 -o whole.safetensors train.shard
  LIMIT=unlimited train_on_full_disk --steps=4000 --checkpoint=c.safetensors --checkpoint-every=100steps -o out/w.safetensors
  wait_until [ -s c.safetensors ]
  rm -r out
  expect_end 1
  expect_message '^train: out/w.safetensors: No such file or directory: the weights are not written: --resume=c.safetensors writes them without another step$'
  mkdir out
  expect_status 0 "$BIN/train" --resume=c.safetensors -o out/w.safetensors train.shard
  cmp out/w.safetensors whole.safetensors
}

@test "a folder that is deleted and made again has all files in the end" {
  mkdir out
  small_train "${STEPS[@]}" --log=whole.tsv -o whole.safetensors train.shard
  LIMIT=unlimited train_on_full_disk "${STEPS[@]}" --log=out/log.tsv --checkpoint=out/c.safetensors \
    --checkpoint-every=200steps -o out/w.safetensors
  wait_until has_rows out/log.tsv
  rm -r out
  expect_message '^train: out/log.tsv: No such file or directory: the run goes on'
  expect_message '^train: out/c.safetensors: No such file or directory: no checkpoint of step'
  mkdir out
  expect_end 0
  assert_equal "$(log_of out/log.tsv)" "$(log_of whole.tsv)"
  cmp out/w.safetensors whole.safetensors
  [ -s out/c.safetensors ]
}

@test "a list of rejects that cannot be written does not cost the weights" {
  cp train.shard damaged.shard
  damage_payload damaged.shard 3
  mkdir lists
  prlimit --fsize=unlimited "$BIN/train" "${SMALL[@]}" --steps=2000 --rejects=lists/r.tsv --log=log.tsv --log-every=10steps \
    -o w.safetensors damaged.shard < /dev/null > messages 2>&1 &
  pid=$!
  wait_until has_rows log.tsv
  rm -r lists
  expect_end 1
  expect_message '^train: lists/r.tsv: No such file or directory$'
  [ -s w.safetensors ]
}
