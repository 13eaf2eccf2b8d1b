# An older output stays as it was, byte by byte, if a run fails before it has read one input, whatever fails: each tool,
# each of its outputs, each kind of bad input.

# shellcheck disable=SC2154  # stderr and status are set by run

load common
load training

OLDER=$'an older file\nof two lines'

setup() {
  common_setup
  make_training_set
  small_train --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  make_bad_inputs
}
teardown() { exec 8>&-; }

# make_bad_inputs: makes in bad/ one input of each kind that no tool can use.
make_bad_inputs() {
  mkdir -p bad/folder
  : > bad/empty
  head -c 40 train.shard > bad/cut
  { head -c 20 train.shard && printf '\377\377\377\377' && tail -c +25 train.shard; } > bad/first-chunk
  { printf 'X' && tail -c +2 train.shard; } > bad/signature
  printf 'no shard, no image and no weights\n' > bad/text
  head -c 5000 /dev/zero > bad/zeros
  head -c 30 w.safetensors > bad/cut-weights
  ln -s nowhere bad/dangling
  ln -s loop bad/loop
  ln -s /proc/self/mem bad/unreadable  # read() gives EIO
  mkfifo bad/fifo
  BAD=(bad/empty bad/cut bad/first-chunk bad/signature bad/text bad/zeros bad/cut-weights bad/dangling bad/loop
    bad/missing bad/folder bad/unreadable)
}

# keeps FILE... -- COMMAND...: writes an older text into each FILE, and fails unless the command fails with a message, and
# leaves each FILE as it is and nothing beside them.
keeps() {
  local files=() file before
  while [ "$1" != -- ]; do files+=("$1") && shift; done
  shift
  mkdir -p out
  for file in "${files[@]}"; do printf '%s' "$OLDER" > "out/$file"; done
  before=$(ls -A out)
  run --separate-stderr "$@" < /dev/null
  [ "$status" -eq 1 ] || [ "$status" -eq 2 ] || fail "status $status of $*: $stderr" || return 1
  [ -n "$stderr" ] || fail "no message of $*" || return 1
  [ "$(ls -A out)" = "$before" ] || fail "$* leaves $(ls -A out)" || return 1
  for file in "${files[@]}"; do
    [ "$(cat "out/$file" && echo .)" = "$OLDER." ] || fail "$* changes $file: $(cat "out/$file")" || return 1
  done
}

@test "shardpack keeps older outputs if no input can be read" {
  local bad how
  for bad in "${BAD[@]}"; do
    for how in --list --info '--info --json'; do
      # shellcheck disable=SC2086
      keeps o -- "$BIN/shardpack" -q $how -o out/o "$bad" || return 1
      # shellcheck disable=SC2086
      keeps o -- "$BIN/shardpack" -q $how -o out/o "$bad" bad/missing || return 1
    done
    keeps o -- "$BIN/shardpack" -q -o out/o "$bad" || return 1
    keeps o -- "$BIN/shardpack" -q --shuffle -o out/o "$bad" || return 1
    keeps o -- "$BIN/shardpack" -q --codec=jpeg -j2 -o out/o "$bad" || return 1
    keeps a b -- "$BIN/shardpack" -q --split=a:0.5,b:0.5 -o out/%s "$bad" || return 1
    keeps 0 1 -- "$BIN/shardpack" -q --shards=2 -o out/%d "$bad" || return 1
    keeps 0 -- "$BIN/shardpack" -q --per-shard=5 -o out/%d "$bad" || return 1
    keeps o r -- "$BIN/shardpack" -q --on-error=frobnicate --rejects=out/r -o out/o "$bad" || return 1
    keeps o -- "$BIN/shardpack" -q --list --on-error=stop -o out/o "$bad" train.shard || return 1
    keeps o -- "$BIN/shardpack" -q --info --max-rejects=0 -o out/o "$bad" train.shard || return 1
  done
}

@test "imgprep keeps older outputs if no input can be read" {
  local bad how
  for bad in "${BAD[@]}"; do
    for how in '' --gray --codec=jpeg '--size=none' '--classes=bad/text' '--on-error=stop' '--max-rejects=0' -j2; do
      # shellcheck disable=SC2086
      keeps o -- "$BIN/imgprep" -q $how -o out/o "$bad" || return 1
    done
    keeps o -- "$BIN/imgprep" -q --size=8 --idx -o out/o "$bad" "$bad" || return 1
    keeps o -- "$BIN/imgprep" -q --files-from="$bad" -o out/o || return 1
    keeps o -- "$BIN/imgprep" -q --labels="$bad" -o out/o bad/missing || return 1
  done
}

@test "meanimg keeps older outputs if no input can be read" {
  local bad
  for bad in "${BAD[@]}"; do
    keeps o p -- "$BIN/meanimg" -q -o out/o --png=out/p "$bad" || return 1
    keeps o p -- "$BIN/meanimg" -q -j2 --on-error=stop -o out/o --png=out/p "$bad" train.shard || return 1
    keeps o p -- "$BIN/meanimg" -q --merge -o out/o --png=out/p "$bad" || return 1
    keeps o p -- "$BIN/meanimg" -q --merge -o out/o --png=out/p mean.safetensors "$bad" || return 1
  done
}

@test "eval and predict keep older outputs if no input can be read, or the weights cannot" {
  local bad eval=(-q -o out/o --confusion=out/c --predictions=out/p)
  fixture png a.png size=12x12 kind=gray
  for bad in "${BAD[@]}"; do
    keeps o c p -- "$BIN/eval" "${eval[@]}" -w w.safetensors "$bad" || return 1
    keeps o c p -- "$BIN/eval" "${eval[@]}" -w w.safetensors --on-error=stop "$bad" val.shard || return 1
    keeps o c p r -- "$BIN/eval" "${eval[@]}" --rejects=out/r -w "$bad" val.shard || return 1
    keeps o -- "$BIN/predict" -q -w w.safetensors -o out/o "$bad" || return 1
    keeps o -- "$BIN/predict" -q -w w.safetensors --batch=1 --json -o out/o "$bad" || return 1
    keeps o -- "$BIN/predict" -q -w w.safetensors -o out/o --files-from="$bad" || return 1
    keeps o r -- "$BIN/predict" -q -w "$bad" --rejects=out/r -o out/o a.png || return 1
  done
  keeps o -- "$BIN/predict" -q -w w.safetensors -o out/o  # nothing on standard input
  keeps o -- "$BIN/predict" -q -w w.safetensors --framed -o out/o
  keeps o r -- "$BIN/predict" -q -w w.safetensors --device=cuda:99 --rejects=out/r -o out/o a.png
}

@test "train keeps older outputs if no input can be read" {
  local bad train=("$BIN/train" -q --batch=8 --steps=1 --overwrite -o out/w --checkpoint=out/c --log=out/l --rejects=out/r)
  for bad in "${BAD[@]}"; do
    keeps w c l r -- "${train[@]}" --net=small.net --mean=mean.safetensors "$bad" || return 1
    keeps w c l r -- "${train[@]}" --net="$bad" --mean=mean.safetensors train.shard || return 1
    keeps w c l r -- "${train[@]}" --net=small.net --mean="$bad" train.shard || return 1
    keeps w c l r -- "${train[@]}" --net=small.net --mean=mean.safetensors --val="$bad" train.shard || return 1
    keeps w l r -- "$BIN/train" -q --resume="$bad" --steps=2 -o out/w --log=out/l --rejects=out/r train.shard || return 1
    keeps o -- "$BIN/train" -q --describe --net="$bad" -o out/o || return 1
  done
}

@test "a list of rejects replaces an older one, and says why there is no other output" {
  local bad tool
  for bad in bad/missing bad/empty bad/text; do
    for tool in 'shardpack -q --list' 'shardpack -q --info' 'imgprep -q' 'predict -q -w w.safetensors'; do
      echo "$OLDER" > r
      echo "$OLDER" > o
      # shellcheck disable=SC2086
      expect_status 1 "$BIN"/$tool --rejects=r -o o "$bad"
      assert_equal "$(< o)" "$OLDER"
      if [ "$(< r)" = "$OLDER" ]; then continue; fi
      assert_equal "$(cut -f 1 r | head -n 1)" "$bad" || return 1
    done
  done
}

# ended_early SIGNAL:STATUS FILE... -- COMMAND...: the command waits for its first input; it gets the signal, and must leave
# each FILE as it was.
ended_early() {
  local signal=${1%:*} wanted=${1#*:} files=() file pid status=0
  shift
  while [ "$1" != -- ]; do files+=("$1") && shift; done
  shift
  rm -rf out && mkdir out
  for file in "${files[@]}"; do printf '%s' "$OLDER" > "out/$file"; done
  env --default-signal=INT,QUIT "$@" < /dev/null 8>&- &
  pid=$!
  until compgen -G "out/.${files[0]}.convoy-lock" > /dev/null; do
    kill -0 "$pid" || fail "ended by itself: $*" || return 1
    sleep 0.02
  done
  # One signal may be noted for after the read that is under way, which takes a second one.
  while kill -"$signal" "$pid" 2> /dev/null; do sleep 0.05; done
  wait "$pid" || status=$?
  assert_equal "$status" "$wanted" || return 1
  assert_equal "$(find out -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')" "$(printf '%s\n' "${files[@]}" | sort | tr '\n' ' ')" || return 1
  for file in "${files[@]}"; do
    [ "$(cat "out/$file" && echo .)" = "$OLDER." ] || fail "$signal: $* changes $file" || return 1
  done
}

@test "a signal before the first input keeps older outputs" {
  exec 8<> bad/fifo
  ulimit -c 0
  local signal
  for signal in TERM:143 INT:130 QUIT:131 USR2:140; do
    ended_early "$signal" o -- "$BIN/shardpack" -q --list -o out/o bad/fifo
    ended_early "$signal" o -- "$BIN/shardpack" -q --info -o out/o bad/fifo
    ended_early "$signal" o r -- "$BIN/meanimg" -q -o out/o --rejects=out/r bad/fifo
    ended_early "$signal" o r -- "$BIN/predict" -q -w w.safetensors -o out/o --rejects=out/r bad/fifo
    ended_early "$signal" o r -- "$BIN/imgprep" -q --size=8 -o out/o --rejects=out/r bad/fifo
    ended_early "$signal" r -- "$BIN/imgprep" -q --size=8 -o x --rejects=out/r bad/text bad/fifo
    ended_early "$signal" o r -- "$BIN/shardpack" -q --list -o out/o --rejects=out/r bad/text bad/fifo
  done
}

@test "a folder that cannot be put on disk is told, and the output stands" {
  local calls
  calls=$(dirname "$BIN")/test/calls.so
  [ -e "$calls" ] || fail "$calls is not built: make tests"
  requires_address_limit 1000000  # a sanitizer wants to be loaded first
  "$BIN/shardpack" -q -o whole train.shard
  mkdir out
  # The first fsync() is that of the file, the second that of the folder; 5 is EIO.
  failing() {  # KIND:N:ERROR:HOW COMMAND...: runs the command with that fault; fails unless it ends with status 1
    rm -f report
    expect_status 1 env LD_PRELOAD="$calls" FAULTS_UNDER="$TMP" FAULTS_REPORT="$TMP/report" FAULTS="$1" "${@:2}"
  }
  echo "$OLDER" > out/o
  failing fsync:2:5:once "$BIN/shardpack" -q -o out/o train.shard
  assert_equal "$stderr" \
    "shardpack: out/o: written, but perhaps not on disk yet: the folder cannot be synced: Input/output error"
  cmp out/o whole
  echo "$OLDER" > out/o
  failing fsync:1:5:once "$BIN/shardpack" -q -o out/o train.shard
  assert_equal "$stderr" "shardpack: out/o: Input/output error"
  assert_equal "$(< out/o)" "$OLDER"
  # Parts that get their names together all get them.
  "$BIN/shardpack" -q --split=a:0.5,b:0.5 -o whole-%s train.shard
  failing fsync:3:5:always "$BIN/shardpack" -q --split=a:0.5,b:0.5 --on-error=stop \
    -o out/%s train.shard
  assert_contains "$stderr" "written, but perhaps not on disk yet"
  cmp out/a whole-a
  cmp out/b whole-b
  # Some file systems tell only when the file is closed that it has no room; 28 is ENOSPC.
  echo "$OLDER" > out/o
  local nth
  for nth in 1 2 3 4 5 6 7 8; do
    rm -f report
    run --separate-stderr env LD_PRELOAD="$calls" FAULTS_UNDER="$TMP" FAULTS_REPORT="$TMP/report" \
      FAULTS="close:$nth:28:once" "$BIN/shardpack" -q --list -o out/o train.shard
    if [ "$status" -eq 0 ]; then echo "$OLDER" > out/o && continue; fi
    assert_equal "$stderr" "shardpack: out/o: No space left on device"
    assert_equal "$(< out/o)" "$OLDER"
    return 0
  done
  fail "no close() of the output failed"
}
