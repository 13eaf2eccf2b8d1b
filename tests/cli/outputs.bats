# Where outputs go: files of their own are replaced when they are whole, everything else is written directly, and no two
# outputs or runs write one file.
#
# The links here are of the same kind as /dev/stdout, which a tool with a fault could replace for the whole machine.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; output, stderr and lines are set by run

load common
load training

setup() {
  common_setup
  make_training_set
  small_train --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  fixture png a.png size=12x12 kind=gray
  ln -s /proc/self/fd/1 stdout
  ln -s /proc/self/fd/2 stderr
  ln -s /proc/self/fd fd
  PATH=$BIN:$PATH
  pid=
}
# What `started` has started, and the gate that it opened.
teardown() {
  exec 8>&-
  [ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null || :
}

# same_appended COMMAND [FILE]: COMMAND is run with OUT in it replaced by several names of descriptor 3, which appends to a
# file that has a line already; fails unless the file then ends in what the command writes to a file of its own.
same_appended() {
  local name
  rm -f whole
  expect_status 0 bash -c "${1//OUT/whole}" || return 1
  [ -s whole ] || fail "wrote nothing: $1" || return 1
  ln -sfn "$PWD/fd/3" third
  ln -sfn third link
  for name in /proc/self/fd/3 /proc/thread-self/fd/3 fd/3 third link /dev/fd/3; do
    echo 'an older line' > appended
    expect_status 0 bash -c "exec 3>> appended; ${1//OUT/$name}" || return 1
    (echo 'an older line' && cat whole) | cmp - appended || fail "$name: $1" || return 1
  done
  assert_links link third
}

assert_links() {  # PATH...: each of them is a symbolic link
  local path
  for path in "$@"; do
    [ -L "$path" ] || fail "$path is no link" || return 1
  done
}

@test "outputs that are descriptors by any name arrive in full and append" {
  same_appended 'imgprep -q --size=8 -o OUT a.png'
  same_appended 'shardpack -q --shuffle -o OUT train.shard'
  same_appended 'shardpack -q --list -o OUT train.shard'
  same_appended 'meanimg -q -o OUT train.shard'
  same_appended 'meanimg -q -o m.safetensors --png=OUT train.shard'
  same_appended 'predict -q -w w.safetensors -o OUT a.png'
  same_appended '"$BIN/eval" -q -w w.safetensors -o OUT val.shard'
  same_appended '"$BIN/eval" -q -w w.safetensors --confusion=OUT val.shard'
  same_appended '"$BIN/eval" -q -w w.safetensors --predictions=OUT val.shard'
  : > junk.png
  same_appended 'imgprep -q --size=8 -o x.shard --rejects=OUT a.png junk.png || :'
  small_train --steps=2 -o two.safetensors train.shard
  same_appended "train -q ${SMALL[*]} --steps=2 -o OUT train.shard"
  same_appended "train -q ${SMALL[*]} --steps=2 -o x.safetensors --checkpoint=OUT train.shard"
}

@test "every row of a log arrives on the stream that it is written to" {
  local run="train -q ${SMALL[*]} --steps=3 --log-every=1steps -o x.safetensors train.shard"
  expect_status 0 bash -c "$run --log=log.tsv"
  assert_lines log.tsv 4
  local rows
  rows=$(cut -f 1-8 log.tsv)
  expect_status 0 bash -c "$run --log=stdout > a.tsv"
  assert_equal "$(cut -f 1-8 a.tsv)" "$rows"
  expect_status 0 bash -c "$run --log=stderr 2> b.tsv"
  assert_equal "$(cut -f 1-8 b.tsv)" "$rows"
  echo older > c.tsv
  expect_status 0 bash -c "$run --log=fd/5 5>> c.tsv"
  assert_equal "$(cut -f 1-8 c.tsv)" "older"$'\n'"$rows"
  assert_links stdout stderr
}

@test "several commands of one redirected group write one after another" {
  expect_status 0 bash -c '(predict -q -k1 -w w.safetensors -o stdout a.png
    echo between
    predict -q -k1 -w w.safetensors -o "$PWD/stdout" a.png) > answers.txt'
  assert_equal "$(cut -f 1 answers.txt)" $'a.png\nbetween\na.png'
  assert_links stdout
  # Also by the number of the shell.
  expect_status 0 bash -c 'exec > answers.txt
    echo before
    predict -q -k1 -w w.safetensors -o "/proc/$$/fd/1" a.png
    echo behind'
  assert_equal "$(cut -f 1 answers.txt)" $'before\na.png\nbehind'
  expect_status 0 bash -c 'eval_() { "$BIN/eval" -q -w w.safetensors "$@" val.shard; }
    { eval_ -o stdout; eval_; } > results.txt'
  assert_equal "$(cut -f 1 results.txt | sort | uniq -c | awk '{ print $1 }' | sort -u)" 2
}

@test "two outputs that are one stream are refused" {
  local eval=("$BIN/eval" -q -w w.safetensors val.shard)
  refuse 2 '^eval: --confusion: stdout is what --output writes already' "${eval[@]}" --confusion=stdout
  refuse 2 '--confusion: /proc/self/fd/1 is what --output' "${eval[@]}" --confusion=/proc/self/fd/1
  refuse 2 '--predictions: fd/1 is what --confusion' "${eval[@]}" -o x --predictions=fd/1 --confusion=-
  refuse 2 '--log: stdout is what --output writes' "$BIN/train" "${SMALL[@]}" --log=stdout train.shard
  refuse 2 '--rejects: fd/1 is what --output writes' "$BIN/imgprep" --rejects=fd/1 a.png
  refuse 2 '--png: stdout is what --output writes' "$BIN/meanimg" --png=stdout val.shard
  refuse 2 '--rejects: stdout is what --output writes' "$BIN/predict" -w w.safetensors --rejects=stdout a.png
  mkfifo fifo
  refuse 2 '--predictions: ./fifo is what --confusion' "${eval[@]}" --confusion=fifo --predictions=./fifo
  # Also where two descriptors lead to one file, or one of the outputs would replace it.
  run -2 --separate-stderr bash -c '"$@" --confusion=fd/4 > results 4>> results' - "${eval[@]}"
  assert_contains "$stderr" "--confusion: fd/4 is what --output writes already"
  run -2 --separate-stderr bash -c '"$@" --confusion=results > results' - "${eval[@]}"
  assert_contains "$stderr" "--confusion: results is what --output writes already"
  run -2 bash -c '"$@" -o results 2> results' - "${eval[@]}"
  assert_contains "$(< results)" "--output: results is where standard error goes"
  # What is not a file can take everything.
  expect_status 0 "${eval[@]}" -o /dev/null --confusion=/dev/null --predictions=/dev/null
  [ -c /dev/null ]
}

@test "no binary output is mixed with messages" {
  run -2 bash -c '"$BIN/shardpack" train.shard > x.shard 2>&1'
  assert_contains "$(< x.shard)" "shardpack: standard output is standard error too and the output is binary"
  run -2 bash -c '"$BIN/train" '"${SMALL[*]}"' --steps=1 -o stderr train.shard 2> log'
  assert_contains "$(< log)" "train: stderr is standard error too and the output is binary"
  run -0 bash -c '"$BIN/eval" -w w.safetensors val.shard > all 2>&1'
  assert_contains "$(< all)" "top1_error"
}

@test "a stream into a file that is read is refused" {
  cp train.shard before
  run -2 --separate-stderr bash -c '"$BIN/shardpack" -q train.shard >> train.shard'
  assert_contains "$stderr" "shardpack: --output: standard output is an input"
  run -2 --separate-stderr bash -c '"$BIN/shardpack" -q -o fd/4 train.shard 4>> train.shard'
  assert_contains "$stderr" "--output: fd/4 is an input"
  run -2 --separate-stderr bash -c '"$BIN/shardpack" -q < train.shard >> train.shard'
  run -2 --separate-stderr bash -c '"$BIN/meanimg" --merge -q mean.safetensors mean.safetensors >> mean.safetensors'
  cmp before train.shard
}

@test "a descriptor that is not open, or not for writing, is an error" {
  run -1 bash -c '"$BIN/imgprep" -q --size=8 -o fd/9 a.png 9>&-'
  assert_equal "$output" 'imgprep: fd/9: Bad file descriptor'
  run -1 bash -c '"$BIN/imgprep" -q --size=8 -o fd/9 a.png 9< small.net'
  assert_equal "$output" 'imgprep: fd/9: Bad file descriptor'
  # 3 and 4 are free until the tool opens files of its own.
  run -1 bash -c 'exec 3>&- 4>&-; eval_=("$BIN/eval" -q -w w.safetensors val.shard)
    "${eval_[@]}" --confusion=c.tsv --predictions=fd/3 || "${eval_[@]}" --confusion=c.tsv --predictions=fd/4'
  assert_equal "$output" $'eval: fd/3: Bad file descriptor\neval: fd/4: Bad file descriptor'
  run -1 bash -c '"$BIN/predict" -q -w w.safetensors -o fd/0 a.png <&-'
  assert_equal "$output" 'predict: fd/0: Bad file descriptor'
}

@test "FIFOs and devices stay what they are" {
  requires_full_device
  mkfifo fifo
  ln -s fifo to-fifo
  "$BIN/eval" -q -w w.safetensors -o whole val.shard
  cat fifo > got &
  expect_status 0 "$BIN/eval" -q -w w.safetensors -o to-fifo val.shard
  wait $!
  cmp got whole
  [ -p fifo ]
  assert_links to-fifo
  ln -s /dev/full full
  refuse 1 '^eval: full: No space left on device' "$BIN/eval" -q -w w.safetensors -o full val.shard
  [ -c /dev/full ]
  assert_links full
  refuse 1 '^eval: fd: Is a directory' "$BIN/eval" -q -w w.safetensors -o fd val.shard
}

@test "a run whose weights go into a stream writes no checkpoint beside it" {
  mkdir -p sub
  ln -s /dev/null sub/null
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=1 --checkpoint-every=1steps -o sub/null train.shard
  assert_contains "$stderr" "the weights go to sub/null: no checkpoints without --checkpoint=FILE"
  assert_equal "$(ls sub)" null
  expect_status 0 bash -c 'train -q '"${SMALL[*]}"' --steps=1 --checkpoint-every=1steps -o fd/4 train.shard 4> got'
  # A checkpoint from a pipe cannot be replaced.
  expect_status 0 bash -c 'train -q --resume=<(cat c.safetensors) --steps=2 --checkpoint-every=1steps -o x train.shard'
  [ -s x.checkpoint.safetensors ] || fail "no checkpoint"
}

@test "a symbolic link stays, and the file at its end is replaced or made" {
  mkdir -p disk/deep here
  ln -s ../disk/new here/a
  ln -s deep/../made disk/new
  ln -s "$PWD/disk/there" here/b
  echo old > disk/there
  chmod 640 disk/there
  "$BIN/eval" -q -w w.safetensors -o whole val.shard
  local link
  for link in here/a here/b; do
    expect_status 0 "$BIN/eval" -q -w w.safetensors -o "$link" val.shard
    [ -L "$link" ]
    cmp "$link" whole
  done
  assert_links disk/new
  [ ! -L disk/made ]
  cmp disk/made whole
  assert_equal "$(stat -c %a disk/there)" 640
  assert_equal "$(find here disk -mindepth 1 | sort | tr '\n' ' ')" \
    "disk/deep disk/made disk/new disk/there here/a here/b "
  # For each output.
  ln -s disk/log log && ln -s disk/weights weights && ln -s disk/checkpoint checkpoint && ln -s disk/rejects rejects
  small_train --steps=2 --log=log --rejects=rejects -o weights --checkpoint=checkpoint train.shard
  assert_links log weights checkpoint rejects
  [ -s disk/log ]
  [ -s disk/weights ]
  [ -s disk/checkpoint ]
  [ -e disk/rejects ]
  "$BIN/train" -q --resume=checkpoint --steps=4 --log=log --log-every=1steps -o weights train.shard
  assert_links log checkpoint
  assert_lines disk/log 4
}

@test "a link that leads nowhere is an error that says where" {
  ln -s loop1 loop2 && ln -s loop2 loop1
  ln -s gone/x nowhere
  refuse 1 '^eval: loop1: Too many levels of symbolic links' "$BIN/eval" -q -w w.safetensors -o loop1 val.shard
  refuse 1 '^eval: nowhere \(a link to gone/x\): No such file' "$BIN/eval" -q -w w.safetensors -o nowhere val.shard
  refuse 1 '^train: nowhere ' "$BIN/train" -q "${SMALL[@]}" --steps=1 -o x --log=nowhere train.shard
  assert_links loop1 loop2 nowhere
  assert_missing x
}

# started FILE COMMAND...: starts the command, which reads the FIFO `gate`, in the background, and waits until it holds FILE;
# sets pid.
started() {
  local file=$1 tries
  shift
  "$@" < /dev/null 8>&- &
  pid=$!
  for ((tries = 0; tries < 300; tries++)); do
    [ ! -e "$(dirname "$file")/.$(basename "$file").convoy-lock" ] || return 0
    kill -0 "$pid" || fail "ended by itself: $*" || return 1
    sleep 0.05
  done
  fail "$file was not held"
}

@test "of two runs that write one file the later one stops" {
  mkfifo gate
  exec 8<> gate
  mkdir sub
  ln -s sub other
  ln -s other/x link
  echo old > sub/x
  started sub/x "$BIN/shardpack" -q -o sub/x train.shard gate
  local name
  for name in sub/x other/x link "$PWD/sub/../sub/x"; do
    refuse 1 "x|link: another run is writing it \(process $pid\)" "$BIN/shardpack" -q -o "$name" train.shard
    refuse 1 "another run is writing it" "$BIN/eval" -q -w w.safetensors --confusion="$name" val.shard
  done
  assert_equal "$(< sub/x)" old
  "$BIN/shardpack" -q -o sub/y train.shard  # another file in the folder
  # A run that was killed leaves nothing that stops the next.
  kill -KILL "$pid"
  wait "$pid" || :
  expect_status 0 "$BIN/shardpack" -q -o link train.shard
  cmp sub/x train.shard
  assert_equal "$(find sub -name '.*.convoy-lock')" ""
}

@test "a series of shards is written by one run at a time" {
  mkfifo gate
  exec 8<> gate
  started x-0 "$BIN/shardpack" -q --per-shard=10 -o x-%d train.shard gate
  until [ -e x-2 ]; do kill -0 "$pid" || fail "it ended"; sleep 0.05; done
  refuse 1 '^shardpack: x-0: another run is writing it' "$BIN/shardpack" -q --per-shard=10 -o x-%d train.shard
  # The first signal is noted for the time after the read that is under way, the second ends the run.
  while kill -TERM "$pid" 2> /dev/null; do sleep 0.1; done
  wait "$pid" || :
  assert_equal "$(compgen -G '.x*' || :)" ""
  expect_status 0 "$BIN/shardpack" -q --per-shard=10 -o x-%d train.shard
}

@test "two trainings do not write one checkpoint, log or output" {
  mkdir run
  started run/c "$BIN/train" -q "${SMALL[@]}" --steps=1000000 --checkpoint=run/c --log=run/log --log-every=1steps \
    -o run/w train.shard
  until [ -e run/log ] && [ "$(wc -l < run/log)" -gt 1 ]; do kill -0 "$pid" || fail "it ended"; sleep 0.05; done
  local other=("$BIN/train" -q "${SMALL[@]}" --steps=1 train.shard)
  refuse 1 '^train: run/c: another run is writing it' "${other[@]}" --checkpoint=run/c -o x
  refuse 1 '^train: run/log: another run is writing it' "${other[@]}" --log=run/log -o x
  refuse 1 '^train: run/w: another run is writing it' "${other[@]}" -o run/w
  assert_missing x
  kill -USR1 "$pid"
  until [ -s run/c ]; do kill -0 "$pid" || fail "it ended"; sleep 0.05; done
  refuse 1 'run/c: another run is writing it' "$BIN/train" -q --resume=run/c -o x train.shard
  kill -KILL "$pid"
  wait "$pid" || :
  local step
  step=$(tail -n 1 run/log | cut -f 1)
  expect_status 0 "$BIN/train" -q --resume=run/c --log=run/log --steps=$((step + 1)) -o run/w train.shard
  assert_equal "$(cd run && find . -name '.*.convoy-lock')" ""
}
