# Signals: a tool that a signal ends leaves no temporary file behind.
load common
load training

setup() {
  common_setup
  make_training_set
  mkfifo gate
}
# The gate is held open, so that a tool that reads it waits for bytes that never come.
teardown() { exec 8>&-; }
# An empty one, held open.
new_gate() {
  exec 8>&-
  rm -f gate
  mkfifo gate
  exec 8<> gate
}

# ends_clean SIGNAL:STATUS FILE... -- COMMAND...: starts the command, sends it the signal once each FILE has its temporary
# file, and fails unless it ends with the status and leaves neither the FILEs nor their temporary files.
ends_clean() {
  local signal=${1%:*} wanted=${1#*:} files=() pid file status=0
  shift
  while [ "$1" != -- ]; do files+=("$1") && shift; done
  shift
  # A shell makes its background jobs ignore SIGINT and SIGQUIT.
  env --default-signal=INT,QUIT "$@" < /dev/null 8>&- &
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

@test "meanimg leaves nothing behind, whatever signal ends it" {
  exec 8<> gate
  local signal
  ulimit -c 0
  for signal in INT:130 TERM:143 HUP:129 QUIT:131 ALRM:142 USR1:138 USR2:140 XCPU:152; do
    ends_clean "$signal" m.safetensors m.png r.tsv -- \
      "$BIN/meanimg" -o m.safetensors --png=m.png --rejects=r.tsv train.shard gate
  done
}

@test "meanimg leaves nothing behind if it crashes" {
  requires_address_limit 1000000  # a sanitizer has handlers of its own
  exec 8<> gate
  local signal
  ulimit -c 0
  for signal in SEGV:139 ABRT:134 FPE:136 ILL:132; do
    ends_clean "$signal" m.safetensors m.png r.tsv -- \
      "$BIN/meanimg" -o m.safetensors --png=m.png --rejects=r.tsv train.shard gate
  done
}

@test "a run that gets no thread says what helps, and leaves nothing behind" {
  requires_address_limit 1000000  # a sanitizer wants to be loaded first
  local calls tool nth said=0
  calls=$(dirname "$BIN")/test/calls.so
  [ -e "$calls" ] || fail "$calls is not built: make tests"
  fixture png a.png size=12x12 kind=gray
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  for tool in "predict -q -j3 -w w.safetensors -o x a.png" "eval -q -j3 -w w.safetensors -o x val.shard" \
    "train -q -j3 ${SMALL[*]} --steps=1 -o x train.shard"; do
    for nth in 1 2 3 4 5 6 7 8; do
      # shellcheck disable=SC2086
      run --separate-stderr env LD_PRELOAD="$calls" FAULTS="thread:$nth:11:always" FAULTS_UNDER="$TMP" FAULTS_REPORT="$TMP/report" \
        "$BIN"/$tool
      [ "$status" -ne 0 ] || { rm -f x* && continue; }
      assert_equal "$status" 1
      [[ $stderr == *"try a smaller -j" ]] || fail "of thread $nth of $tool: $stderr"
      assert_missing x
      said=$((said + 1))
    done
  done
  [ "$said" -ge 9 ] || fail "only $said runs lacked a thread"
}

@test "shardpack leaves nothing behind after SIGHUP and SIGTERM, even while it collects what to shuffle" {
  exec 8<> gate
  local signal
  for signal in HUP:129 TERM:143; do
    ends_clean "$signal" r.tsv -- "$BIN/shardpack" --shuffle -o x.shard --rejects=r.tsv train.shard gate
    ends_clean "$signal" r.tsv -- "$BIN/shardpack" --list --rejects=r.tsv -o list.tsv train.shard gate
  done
  assert_missing x.shard list.tsv
}

@test "eval leaves nothing behind after SIGHUP, SIGINT and SIGTERM" {
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  local signal
  for signal in HUP:129 INT:130 TERM:143; do
    ends_clean "$signal" c.tsv -- "$BIN/eval" -q -w w.safetensors --confusion=c.tsv --predictions=gate val.shard
  done
}

@test "predict leaves nothing behind after SIGHUP, SIGINT and SIGTERM" {
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  exec 8<> gate
  fixture png a.png size=12x12 kind=gray
  local signal
  for signal in HUP:129 INT:130 TERM:143; do
    ends_clean "$signal" p.tsv r.tsv -- "$BIN/predict" -q -w w.safetensors -o p.tsv --rejects=r.tsv a.png gate
  done
}

# extraction_ended SIGNAL:STATUS: extracts many images into ex, sends the signal when the first is there, and fails unless
# the run ends with the status, and each file with the name of an image is whole.
extraction_ended() {
  local pid file status=0
  env --default-signal=INT,QUIT "$BIN/shardpack" -q -j2 --extract=ex many.shard < /dev/null &
  pid=$!
  until [ -n "$(find ex -name '*.png' 2> /dev/null)" ]; do kill -0 "$pid" || fail "it ended by itself" || return 1; done
  kill -"${1%:*}" "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" "${1#*:}" || return 1
  [ -d ex ] || return 0
  while IFS= read -r file; do
    cmp "$file" "whole/${file#ex/}" || return 1
  done < <(find ex -name '*.png')
}

@test "an extraction that a signal ends leaves whole images or none, and can be given again" {
  make_idx many 4000 size=28x28 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx many-images.idx many-labels.idx -o many.shard
  "$BIN/shardpack" -q --extract=whole many.shard
  local signal
  for signal in HUP:129 INT:130 TERM:143; do
    extraction_ended "$signal"
    [ ! -e ex ] || fail "$signal leaves $(find ex | head)"
  done
  mkdir ex  # a folder that was there stays
  extraction_ended TERM:143
  assert_equal "$(ls -A ex)" ""
  for signal in QUIT:131 XCPU:152 USR2:140; do
    extraction_ended "$signal"
    assert_equal "$(find ex -type f ! -name '*.png')" "" || fail "of $signal"
    rm -r ex
  done
  extraction_ended KILL:137
  refuse 1 '^shardpack: ex: is not empty: name another folder, or, if a run that was killed .* remove it first$' \
    "$BIN/shardpack" -q --extract=ex many.shard
  rm -r ex
  expect_status 0 "$BIN/shardpack" -q --extract=ex many.shard
  diff -r ex whole
  assert_equal "$(compgen -G '.*convoy-lock' || :)" ""
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

@test "a file that reaches the size limit is a write error" {
  make_folders photos 2 2
  # shellcheck disable=SC2016
  run --separate-stderr bash -c 'ulimit -f 8; exec "$0" -q --size=256 -o x.shard photos' "$BIN/imgprep"
  assert_equal "$status" 1
  assert_equal "$stderr" "imgprep: x.shard: File too large"
  assert_missing x.shard
}

@test "train says where a signal stopped it, and how to go on" {
  small_train_until() {  # SIGNAL OPTION...
    local signal=$1 pid status=0
    rm -f log.tsv
    env --default-signal=INT "$BIN/train" "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps "${@:2}" \
      train.shard 2> messages &
    pid=$!
    # train writes the head of the log before the first step; until then a signal ends the run silently.
    until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 1 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.05; done
    kill -"$signal" "$pid"
    wait "$pid" || status=$?
    stopped=$status
  }
  small_train_until INT -o w.safetensors
  assert_equal "$stopped" 130
  grep -Eqx 'train: stopped at step [0-9]+; --resume=w.checkpoint.safetensors goes on' messages || fail "$(cat messages)"
  small_train_until HUP --overwrite -o w.safetensors
  assert_equal "$stopped" 129
  grep -Eqx 'train: stopped at step [0-9]+; --resume=w.checkpoint.safetensors goes on' messages || fail "$(cat messages)"
  small_train_until TERM > w.safetensors
  assert_equal "$stopped" 143
  grep -qx 'train: the weights go to standard output: no checkpoints without --checkpoint=FILE' messages || fail "$(cat messages)"
  grep -qx 'train: no checkpoint written: give --checkpoint=FILE' messages || fail "$(cat messages)"
}

@test "train ignores a signal that it was started to ignore" {
  # A shell makes its background jobs ignore SIGINT.
  "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors \
    -o w.safetensors train.shard &
  local pid=$! lines status=0
  wait_for log.tsv
  kill -INT "$pid"
  lines=$(wc -l < log.tsv)
  until [ "$(wc -l < log.tsv)" -gt $((lines + 100)) ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.05; done
  kill -TERM "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 143
}

@test "train under nohup outlives SIGHUP" {
  nohup "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors \
    -o w.safetensors train.shard &
  local pid=$! lines status=0
  wait_for log.tsv
  kill -HUP "$pid"
  lines=$(wc -l < log.tsv)
  until [ "$(wc -l < log.tsv)" -gt $((lines + 100)) ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.05; done
  kill -TERM "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 143
}

@test "a reader that goes away ends imgprep quietly, and leaves no list of rejects" {
  make_folders photos 2 2
  # Two of these fill more than a chunk, so one is written while the list is still open.
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -q --size=1024 --rejects=r.tsv photos | true; exit "${PIPESTATUS[0]}"' "$BIN/imgprep"
  assert_equal "$status" 141
  assert_equal "$stderr" ""
  assert_missing r.tsv
}

@test "a shard cut short while it is read ends shardpack with a message and leaves nothing" {
  local pid status=0
  ulimit -c 0
  make_folders photos 1 12
  "$BIN/imgprep" -q --size=256 -o big.shard photos photos photos photos
  exec 8<> gate
  "$BIN/shardpack" -q -j1 --shuffle --rejects=r.tsv -o gate big.shard 2> messages 8>&- &
  pid=$!
  head -c 4096 gate > /dev/null  # it has reached the records, most of which fit neither into the pipe nor into buffers
  truncate -s 4096 big.shard
  timeout 20 cat gate > /dev/null 8>&- &
  wait "$pid" || status=$?
  assert_equal "$status" 135
  assert_equal "$(< messages)" "shardpack: a file that is being read was cut short or cannot be read"
  assert_missing r.tsv
  exec 8>&-  # ends cat
}

@test "one signal ends imgprep at once, also while it waits for an image" {
  exec 8<> gate
  fixture png a.png size=20x20
  local signal
  for signal in TERM:143 INT:130 HUP:129; do
    ends_clean "$signal" o.shard r.tsv -- "$BIN/imgprep" -q --size=16 -o o.shard --rejects=r.tsv a.png gate
  done
}

# ended PID SIGNAL:STATUS: sends the signal once, and fails unless the process ends with the status.
ended() {
  local status=0 tries=0
  kill -"${2%:*}" "$1"
  while kill -0 "$1" 2> /dev/null && [ "$tries" -lt 400 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  kill -KILL "$1" 2> /dev/null && fail "one SIG${2%:*} does not end it" && return 1
  wait "$1" || status=$?
  assert_equal "$status" "${2#*:}"
}

@test "one signal ends shardpack while it waits for the rest of a record, and nothing is left" {
  make_folders photos 2 3
  "$BIN/imgprep" -q --size=64 -o a.shard photos
  local signal options pid
  for options in "-o x.shard" "-o x.shard -j3 --codec=jpeg" "-o x-%d.shard --per-shard=1000" "-o x.shard --max-rejects=1" \
    "--extract=ex -j1" "--extract=ex -j3" "--list -o x.tsv" "--verify -o x.tsv"; do
    for signal in TERM:143 INT:130 HUP:129; do
      new_gate  # without what the one before has not read
      head -c 40000 a.shard > gate
      # shellcheck disable=SC2086
      env --default-signal=INT "$BIN/shardpack" -q $options --rejects=r.tsv a.shard gate < /dev/null 8>&- &
      pid=$!
      case $options in
        --extract*) until [ -e ex/class1 ]; do kill -0 "$pid" || fail "it ended by itself" || return 1; sleep 0.05; done ;;
        *) until compgen -G "x*.??????" > /dev/null; do kill -0 "$pid" || fail "it ended by itself" || return 1; sleep 0.05; done ;;
      esac
      ended "$pid" "$signal" || fail "$options"
      assert_equal "$(compgen -G '[xr]*' || :)" "" || fail "$options $signal"
      [ ! -e ex ] || fail "$options $signal leaves ex"
    done
  done
  # The older outputs stay. And the same of one output after another.
  echo older > x-1.shard
  new_gate
  cat a.shard > gate &
  "$BIN/shardpack" -q -o x-%d.shard --per-shard=4 gate < /dev/null 8>&- &
  pid=$!
  wait_for x-0.shard
  until compgen -G "x-1.shard.??????" > /dev/null; do kill -0 "$pid" || fail "it ended by itself" || return 1; sleep 0.05; done
  ended "$pid" TERM:143
  assert_equal "$(compgen -G 'x*')" $'x-0.shard\nx-1.shard'
  assert_equal "$(cat x-1.shard)" older
  expect_status 0 "$BIN/shardpack" --verify x-0.shard
}

@test "one signal ends every tool while it waits for somebody to open a FIFO" {
  small_train --steps=2 --checkpoint-every=never -o w.safetensors train.shard
  local signal command pid
  for command in "shardpack --extract=ex gate" "shardpack -o x gate" "meanimg -o x gate" "imgprep -o x gate" \
    "predict -w w.safetensors -o x gate" "eval -w w.safetensors -o x gate" "shardpack -o gate train.shard" \
    "predict -w w.safetensors -o gate a.png" "train ${SMALL[*]} --steps=1 -o x gate"; do
    for signal in TERM:143 INT:130; do
      # shellcheck disable=SC2086
      env --default-signal=INT "$BIN"/${command%% *} -q ${command#* } < /dev/null &
      pid=$!
      sleep 0.2
      ended "$pid" "$signal" || fail "$command"
      assert_missing x ex
    done
  done
}

@test "one signal ends every tool while nobody reads its output" {
  make_folders photos 2 12
  "$BIN/imgprep" -q --size=64 -o a.shard photos
  exec 8<> gate
  local signal command pid
  for command in "imgprep --size=64 photos" "shardpack a.shard" "shardpack --shuffle -j2 a.shard" \
    "shardpack --codec=raw -o gate a.shard"; do
    for signal in TERM:143 INT:130 HUP:129; do
      # shellcheck disable=SC2086
      env --default-signal=INT "$BIN"/${command%% *} -q ${command#* } < /dev/null > gate 8>&- &
      pid=$!
      sits_still "$pid"
      ended "$pid" "$signal" || fail "$command"
      dd if=gate of=drained bs=65536 count=1 status=none
    done
  done
}

# sits_still PID: waits until the process has used no time for a while.
sits_still() {
  local before=- now
  # A thread that can run, and only has no processor, is not still.
  while now=$(cut -d' ' -f14,15 "/proc/$1/stat") &&
    { [ "$now" != "$before" ] || grep -qs '^State:.R' "/proc/$1/task/"*/status; }; do
    before=$now
    sleep 0.5
  done
}

@test "one signal ends train while nobody reads its log or its weights, with a checkpoint" {
  exec 8<> gate
  local signal pid
  for signal in TERM:143 INT:130; do
    env --default-signal=INT "$BIN/train" "${SMALL[@]}" --overwrite --steps=100000000 --log=gate --log-every=1steps \
      -o w.safetensors train.shard < /dev/null 2> messages 8>&- &
    pid=$!
    sits_still "$pid"
    ended "$pid" "$signal" || fail "$(cat messages)"
    assert_contains "$(cat messages)" "nobody reads it, and a signal ends the run"
    grep -Eqx 'train: stopped at step [0-9]+; --resume=w.checkpoint.safetensors goes on' messages || fail "$(cat messages)"
    dd if=gate of=drained bs=65536 count=1 status=none
  done
  make_net 4 2000
  for signal in TERM:143 INT:130; do
    env --default-signal=INT "$BIN/train" "${SMALL[@]}" --overwrite --steps=2 --checkpoint=c.safetensors \
      train.shard < /dev/null 2> messages > gate 8>&- &
    pid=$!
    sits_still "$pid"
    ended "$pid" "$signal" || fail "$(cat messages)"
    grep -Eq '^train: stdout: nobody reads it, and a signal ends the run: the weights are not written: --resume=c.safetensors' \
      messages || fail "$(cat messages)"
    dd if=gate of=drained bs=65536 count=1 status=none
  done
  expect_status 0 "$BIN/train" -q --resume=c.safetensors -o w.safetensors train.shard
}
