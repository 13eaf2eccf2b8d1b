# TMPDIR that is missing, no folder, or full: every tool that copies what comes through a pipe says so and stops.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; output, stderr and lines are set by run

load common
load training

setup() {
  common_setup
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  : > no-folder
}
teardown() { ! mountpoint -q "$TMP/tmp" || umount "$TMP/tmp"; }

# A tar of 3 classes that is larger than 64 KiB and gives a small shard.
make_archive() {
  make_folders photos 3 30 size=12x12
  tar -cf photos.tar photos
  [ "$(stat -c %s photos.tar)" -gt 100000 ]
}
# A shard of the small net that is larger than 64 KiB.
make_large_shard() {
  make_idx large 800 size=12x12 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx large-images.idx large-labels.idx -o large.shard
  [ "$(stat -c %s large.shard)" -gt 100000 ]
}

# fails_to_spool WHAT REASON COMMAND...: fails unless the command, in the folder $TMPDIR, ends with status 1 and one message,
# which names WHAT, the folder and the reason, and leaves no file x.
fails_to_spool() {
  local wanted="^[a-z]+: $1 in $TMPDIR: $2\$"
  shift 2
  expect_status 1 "$@" || return 1
  [[ $stderr =~ $wanted ]] || fail "of $*: $stderr" || return 1
  assert_missing x
}

# fails_without_room REASON: the same of each tool that spools; the temporary file has room for 64 KiB, or none.
fails_without_room() {
  local reason=$1
  fails_to_spool "temporary copy of stdin" "$reason" bash -c 'cat photos.tar | "$BIN/imgprep" -q --size=4 -o x' || return 1
  fails_to_spool "temporary copy of stdin" "$reason" \
    bash -c 'cat photos.tar | "$BIN/imgprep" -q --size=4 -o x - photos.tar' || return 1
  fails_to_spool "temporary copy of /dev/fd/[0-9]+" "$reason" \
    bash -c '"$BIN/imgprep" -q --size=4 -o x <(cat photos.tar)' || return 1
  fails_to_spool "temporary file of the shuffle" "$reason" \
    "$BIN/shardpack" -q --shuffle --memory=1000 -o x large.shard || return 1
  fails_to_spool "temporary copy of stdin" "$reason" \
    bash -c 'cat large.shard | "$BIN/shardpack" -q --shuffle --shards=30 -o x%d' || return 1
  fails_to_spool "temporary copy of stdin" "$reason" \
    bash -c 'cat large.shard | "$BIN/eval" -q -w w.safetensors -o x' || return 1
  fails_to_spool "temporary copy of /dev/fd/[0-9]+" "$reason" \
    bash -c 'cat val.shard | "$BIN/eval" -q -w <(cat w.safetensors large.shard) -o x val.shard' || return 1
  fails_to_spool "temporary copy of stdin" "$reason" \
    bash -c 'cat large.shard | "$BIN/train" -q '"${SMALL[*]}"' --steps=1 -o x' || return 1
  fails_to_spool "temporary copy of stdin" "$reason" \
    bash -c 'cat large.shard | "$BIN/predict" -q -w w.safetensors -o x' || return 1
  fails_to_spool "temporary copy of /dev/fd/[0-9]+" "$reason" \
    bash -c '"$BIN/predict" -q -w w.safetensors -o x <(cat large.shard)'
}

@test "a missing TMPDIR ends the tools that spool" {
  make_archive
  make_large_shard
  export TMPDIR=$TMP/missing
  fails_without_room "No such file or directory"
}

@test "a TMPDIR that is no folder ends the tools that spool" {
  make_archive
  make_large_shard
  export TMPDIR=$TMP/no-folder
  fails_without_room "Not a directory"
}

@test "a temporary file that can grow no further ends the tools that spool" {
  make_archive
  make_large_shard
  mkdir tmp
  export TMPDIR=$TMP/tmp
  ulimit -f 64
  fails_without_room "File too large"
  assert_equal "$(ls -A tmp)" ""
}

@test "a full TMPDIR ends the tools that spool" {
  make_archive
  make_large_shard
  mkdir tmp
  mount -t tmpfs -o size=64k tmpfs tmp 2> /dev/null || skip "needs the right to mount a small tmpfs"
  export TMPDIR=$TMP/tmp
  fails_without_room "No space left on device"
}

@test "without the need for a second pass no temporary file is made" {
  make_archive
  "$BIN/imgprep" -q --size=4 -o whole.shard photos.tar
  printf 'class%d\n' 0 1 2 > classes.txt
  export TMPDIR=$TMP/missing
  expect_status 0 bash -c 'cat photos.tar | "$BIN/imgprep" -q --size=4 --classes=classes.txt -o x.shard'
  cmp x.shard whole.shard
  expect_status 0 bash -c '"$BIN/imgprep" -q --size=4 -o y.shard < photos.tar'
  cmp y.shard whole.shard
}
