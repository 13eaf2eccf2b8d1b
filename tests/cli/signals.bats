# Signals: what ends a tool leaves no temporary file behind.
load common
load training

setup() {
  common_setup
  make_training_set
  mkfifo gate
}
# The gate is held open: a tool that reads it waits for bytes that never come.
teardown() { exec 8>&-; }

# ends_clean SIGNAL:STATUS FILE... -- COMMAND...: the command, once it has FILE's temporary file, is sent the signal, ends
# with the status, and leaves neither the FILEs nor temporary files of theirs.
ends_clean() {
  local signal=${1%:*} wanted=${1#*:} files=() pid file status=0
  shift
  while [ "$1" != -- ]; do files+=("$1") && shift; done
  shift
  # A shell lets its background jobs ignore SIGINT.
  env --default-signal=INT "$@" < /dev/null 8>&- &
  pid=$!
  for file in "${files[@]}"; do
    until compgen -G "$file.??????" > /dev/null; do
      kill -0 "$pid" || fail "ended by itself: $*" || return 1
      sleep 0.05
    done
  done
  kill -"$signal" "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" "$wanted" || return 1
  assert_missing "${files[@]}"
}

@test "SIGINT, SIGTERM and SIGHUP leave nothing of meanimg" {
  exec 8<> gate
  local signal
  for signal in INT:130 TERM:143 HUP:129; do
    ends_clean "$signal" m.safetensors m.png r.tsv -- \
      "$BIN/meanimg" -o m.safetensors --png=m.png --rejects=r.tsv train.shard gate
  done
}

@test "SIGTERM leaves nothing of shardpack, also while it gathers what to shuffle" {
  exec 8<> gate
  ends_clean TERM:143 r.tsv -- "$BIN/shardpack" --shuffle -o x.shard --rejects=r.tsv train.shard gate
  ends_clean TERM:143 r.tsv -- "$BIN/shardpack" --list --rejects=r.tsv -o list.tsv train.shard gate
  assert_missing x.shard list.tsv
}

@test "SIGINT and SIGTERM leave nothing of eval" {
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  local signal
  for signal in INT:130 TERM:143; do
    ends_clean "$signal" c.tsv -- "$BIN/eval" -q -w w.safetensors --confusion=c.tsv --predictions=gate val.shard
  done
}

@test "SIGINT and SIGTERM leave nothing of predict" {
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  exec 8<> gate
  fixture png a.png size=12x12 kind=gray
  local signal
  for signal in INT:130 TERM:143; do
    ends_clean "$signal" p.tsv r.tsv -- "$BIN/predict" -q -w w.safetensors -o p.tsv --rejects=r.tsv a.png gate
  done
}

@test "a signal that a tool was started to ignore stays ignored" {
  exec 8<> gate
  (trap '' TERM && exec "$BIN/meanimg" -o m.safetensors gate 8>&-) &
  local pid=$! status=0
  until compgen -G "m.safetensors.??????" > /dev/null; do sleep 0.05; done
  kill -TERM "$pid"
  sleep 0.2
  kill -HUP "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 129
}

@test "a reader that goes away ends imgprep quietly, and leaves no list of rejects" {
  make_folders photos 2 2
  # Two of these are more than a chunk, which is written while the list is still open.
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -q --size=1024 --rejects=r.tsv photos | true; exit "${PIPESTATUS[0]}"' "$BIN/imgprep"
  assert_equal "$status" 141
  assert_equal "$stderr" ""
  assert_missing r.tsv
}
