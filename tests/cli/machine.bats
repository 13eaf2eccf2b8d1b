# Failures of the machine: no descriptors or memory left, a disk that cannot be read. They say nothing about an image or a
# record: the run ends, and older outputs stay.
load common

# expect_whole_or_older OUTPUT WHOLE: the run that has just ended (`run`) wrote all of it with status 0, or ended with
# status 1, and the older output is there. Counts in $done and $refused.
expect_whole_or_older() {
  case $status in
    0) cmp "$1" "$2" && done=$((done + 1)) ;;
    1) assert_equal "$(cat "$1")" older && refused=$((refused + 1)) ;;
    *) fail "status $status: $stderr" ;;
  esac || return 1
  local left
  left=$(find . -name "$1.*")
  [ -z "$left" ] || fail "$left stays"
}

# under_limits OUTPUT LETTER VALUES COMMAND...: runs the command, which writes OUTPUT, without a limit and under each value
# of `ulimit -LETTER`; both must occur, runs that succeed and runs that are refused. Their messages are in `messages`.
under_limits() {
  local output_file=$1 letter=$2 values=$3 value
  shift 3
  rm -f "$output_file"
  expect_status 0 "$@"
  mv "$output_file" whole
  done=0 refused=0
  : > messages
  for value in $values; do
    echo older > "$output_file"
    # Without the descriptors of Bats. The dynamic linker fails with 127, which Bats would complain about.
    # shellcheck disable=SC2016
    run --separate-stderr bash -c 'exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -'"$letter"' "$1"; shift; "$@"
      status=$?; [ $status -ne 127 ] || status=1; exit $status' bash "$value" "$@"
    expect_whole_or_older "$output_file" whole || fail "ulimit -$letter $value: $stderr" || return 1
    printf '%s\n' "$stderr" >> messages
  done
  [ "$done" -gt 0 ] || fail "no limit of $values is enough" || return 1
  [ "$refused" -gt 0 ] || fail "every limit of $values is enough"
}

make_images() {  # in photos: JPEG and PNG, in two classes
  make_folders photos 2 6
  fixture jpeg photos/class0/a.jpg size=40x30
  fixture jpeg photos/class1/b.jpg size=33x40
}

@test "a lack of descriptors ends imgprep, and the older shard stays" {
  requires_address_limit 1000000  # a sanitizer takes descriptors of its own
  make_images
  under_limits o.shard n '3 4 5 6 7 8 9 12 16' "$BIN/imgprep" -q -j4 --size=16 -o o.shard photos
  assert_contains "$(cat messages)" 'Too many open files'
  tar -cf photos.tar photos
  gzip -k photos.tar
  under_limits o.shard n '3 4 5 6 7 8 9 12 16' "$BIN/imgprep" -q -j4 --size=16 -o o.shard photos.tar.gz
  printf '%s\n' photos/*/* > list
  under_limits o.shard n '3 4 5 6 7 8 9 12 16' "$BIN/imgprep" -q -j4 --size=16 -o o.shard --files-from=list
}

@test "a lack of descriptors ends shardpack and meanimg, and the older output stays" {
  requires_address_limit 1000000  # a sanitizer takes descriptors of its own
  make_images
  "$BIN/imgprep" -q --size=16 -o a.shard photos
  under_limits o.shard n '3 4 5 6 7 8 9 12' "$BIN/shardpack" -q -o o.shard a.shard a.shard a.shard
  under_limits list.txt n '3 4 5 6 7 8 9 12' "$BIN/shardpack" -q --list -o list.txt a.shard a.shard
  under_limits o.mean n '3 4 5 6 7 8 9 12' "$BIN/meanimg" -q -o o.mean a.shard a.shard
}

@test "a lack of memory ends imgprep, and the older shard stays" {
  requires_address_limit 400000
  make_images
  fixture jpeg photos/class1/large.jpg size=2400x1800
  fixture png photos/class0/large.png size=1600x1200
  under_limits o.shard v '20000 24000 26000 28000 30000 32000 36000 40000 44000 48000 56000 64000 80000 120000 400000' \
    "$BIN/imgprep" -q -j1 --max-memory=1G --size=16 -o o.shard photos
}

@test "more threads than the soft limit of descriptors raise it" {
  make_images
  expect_status 0 "$BIN/imgprep" -q -j1 --size=16 -o one.shard photos
  # shellcheck disable=SC2016
  expect_status 0 bash -c 'ulimit -Sn 8; exec "$@"' bash "$BIN/imgprep" -q -j12 --size=16 -o many.shard photos
  cmp one.shard many.shard
}

@test "a file that the disk cannot read ends the run and is named, and --exclude goes on without it" {
  make_images
  # Reading the first page of a process's memory, where nothing is, is an input/output error for every user.
  ln -s /proc/self/mem photos/class1/bad.png
  [[ $(cat photos/class1/bad.png 2>&1) == *'Input/output error'* ]] || skip "no file here has an input/output error"
  echo older > o.shard
  refuse 1 '^imgprep: photos/class1/bad.png: Input/output error$' "$BIN/imgprep" -q --size=16 -o o.shard photos
  refuse 1 'bad.png: Input/output error' "$BIN/imgprep" -q --max-rejects=50% --size=16 -o o.shard photos
  printf '%s\n' photos/*/* > list
  refuse 1 'bad.png: Input/output error' "$BIN/imgprep" -q --size=16 -o o.shard --files-from=list
  refuse 1 'bad.png: Input/output error' "$BIN/imgprep" -q --size=16 -o o.shard photos/*/*
  assert_equal "$(cat o.shard)" older
  # Without the name of an image, its content has to tell what it is.
  mv photos/class1/bad.png photos/class1/bad
  refuse 1 '^imgprep: photos/class1/bad: Input/output error$' "$BIN/imgprep" -q --size=16 -o o.shard photos
  assert_equal "$(cat o.shard)" older
  expect_status 0 "$BIN/imgprep" --exclude=bad --size=16 -o o.shard photos
  assert_contains "$stderr" '14 images'
}

# failing CALL COMMAND...: `run`s the command while the calls that CALL says of files here fail: see tests/faults.
failing() {
  local calls
  calls=$(dirname "$BIN")/test/calls.so
  requires_address_limit 1000000  # a sanitizer cannot be loaded after it
  [ -e "$calls" ] || fail "$calls is not built: make tests" || return 1
  rm -f report  # which goes on counting
  run --separate-stderr env LD_PRELOAD="$calls" FAULTS="$1" FAULTS_UNDER="$TMP" FAULTS_REPORT="$TMP/report" "${@:2}"
}

@test "shardpack --verify goes on behind a shard that the disk cannot read, and ends with status 1" {
  make_images
  "$BIN/imgprep" -q --size=64 -o a.shard photos
  cp a.shard b.shard
  cp a.shard c.shard
  local nth rows=0
  for nth in {1..30}; do
    failing "read:$nth:5:once" "$BIN/shardpack" -q --verify --rejects=r.tsv a.shard b.shard c.shard
    [ "$status" -ne 0 ] || break
    assert_equal "$status" 1
    assert_equal "$(cut -f1 <<< "$output")" $'a.shard\nb.shard\nc.shard'
    assert_equal "$(grep -c 'Input/output error' <<< "$stderr")" 1
    assert_equal "$(grep -c 'Input/output error' r.tsv)" 1
    assert_equal "$(wc -l <<< "$stderr")" 1
    rows=$((rows + 1))
  done
  [ "$rows" -ge 9 ] || fail "only $rows reads failed"
  # What would fail for the next shard too ends the run, and so does an output that cannot be written.
  echo older > v.tsv
  failing "open:2:24:always" "$BIN/shardpack" -q --verify -o v.tsv a.shard b.shard
  assert_equal "$status" 1
  assert_contains "$stderr" "Too many open files"
  assert_equal "$(wc -l <<< "$stderr")" 1
  assert_equal "$(cat v.tsv)" older
  rm v.tsv
  failing "write:1:28:always" "$BIN/shardpack" -q --verify -o v.tsv a.shard b.shard
  assert_equal "$status" 1
  assert_equal "$stderr" "shardpack: v.tsv: No space left on device"
  assert_missing v.tsv
  failing "read:1:5:once" "$BIN/shardpack" -q --verify --on-error=stop a.shard b.shard
  assert_equal "$status" 1
  assert_equal "$stderr" "shardpack: a.shard: Input/output error"
  failing "read:1:5:once" "$BIN/shardpack" -q -o o.shard a.shard b.shard
  assert_equal "$status" 1
  assert_missing o.shard
}
