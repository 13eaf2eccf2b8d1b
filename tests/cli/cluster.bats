# examples/cluster: a data set that several runs prepare together, by GNU parallel and by Slurm, is that of one run.
load common

CLUSTER=$ROOT/examples/cluster

# Makes the folder `set` with photos and settings for 3 parts and 5 shards; WORD... are further lines.
make_cluster_set() {
  mkdir set
  make_folders set/photos 3 4
  cp "$CLUSTER/settings" set/settings
  printf '%s\n' PARTS=3 SHARDS=5 'IMGPREP=(--size=24)' SEED=4 "CONVOY=$BIN/convoy" "$@" >> set/settings
}

# Fails unless set/work holds what one run makes of set/photos.
expect_set() {
  "$BIN/imgprep" -q --size=24 -o whole.shard --max-rejects=1 set/photos
  cat set/work/parts/*-of-3.shard | "$BIN/shardpack" -q | cmp - whole.shard
  mkdir shards
  "$BIN/shardpack" -q --shuffle --seed=4 --shards=5 -o shards/train-%05d.shard whole.shard
  diff -r shards set/work/shards
  "$BIN/meanimg" -q whole.shard | cmp - set/work/mean.safetensors
}

requires_parallel() {
  requires parallel realpath
  parallel --version 2> /dev/null | grep -q '^GNU parallel' || skip "needs GNU parallel; this is another program of that name"
}

# Other machines do not see the test's folder.
requires_slurm() {
  requires sbatch squeue sinfo realpath
  local nodes
  nodes=$(timeout 10 sinfo --noheader --states=idle --Node --format=%o 2> /dev/null | sort -u)
  case $nodes in
    127.0.0.1 | localhost | "$(hostname)" | "$(hostname -s)") ;;
    *) skip "needs a Slurm cluster of this machine alone: tests/one-node-slurm bats tests/cli/cluster.bats" ;;
  esac
}

@test "examples/cluster: the parts that GNU parallel runs make the set of one run" {
  requires_parallel
  make_cluster_set
  expect_status 0 "$CLUSTER/with-parallel" set/settings --jobs=2
  assert_contains "$stderr" "12 images, 0 rejected"
  expect_set
  # Again, from elsewhere, over what is there.
  (cd set && expect_status 0 "$CLUSTER/with-parallel" settings)
  rm -r shards
  expect_set
}

@test "examples/cluster: parts that together lack too many images are a failure, and so is a part that fails" {
  requires_parallel
  make_cluster_set MAX_REJECTS=1
  head -c 60 set/photos/class0/1.png > cut.png
  cp cut.png set/photos/class0/1.png
  expect_status 0 "$CLUSTER/with-parallel" set/settings
  assert_contains "$stderr" "11 images, 1 rejected"
  expect_set
  # One in each of two parts: neither knows of the other.
  rm -r set/work
  cp cut.png set/photos/class2/3.png
  expect_status 1 "$CLUSTER/with-parallel" set/settings
  assert_contains "$stderr" "more rejects than MAX_REJECTS=1"
  assert_missing set/work/shards
  rm -r set/work
  cp cut.png set/photos/class2/2.png
  expect_status 1 "$CLUSTER/with-parallel" set/settings
  assert_contains "$stderr" "2 rejected, more than --max-rejects=1 allows"
  assert_missing set/work/parts/3-of-3.shard
  # A step does not begin without all parts of the one before it.
  expect_status 1 "$CLUSTER/part" set/settings shuffle 1
  assert_contains "$stderr" "2 of 3 parts are there"
}

@test "examples/cluster: shares of rejects are those of all images" {
  make_cluster_set MAX_REJECTS=10%
  head -c 60 set/photos/class0/1.png > cut.png
  cp cut.png set/photos/class0/1.png
  local n
  for n in 1 2 3; do expect_status 0 "$CLUSTER/part" set/settings images "$n"; done
  expect_status 0 "$CLUSTER/part" set/settings check
  cp cut.png set/photos/class2/3.png
  expect_status 0 "$CLUSTER/part" set/settings images 3
  expect_status 1 "$CLUSTER/part" set/settings check
  sed -i 's/10%/17%/' set/settings
  expect_status 0 "$CLUSTER/part" set/settings check
  echo SHARDS=11 >> set/settings
  expect_status 1 "$CLUSTER/part" set/settings check
  assert_contains "$stderr" "SHARDS=11 is more than there are images"
  expect_status 1 "$CLUSTER/part" set/settings imgs 3
  expect_status 1 "$CLUSTER/part" set/settings
}

# wait_for JOB...: until they have ended, or some minutes are over. Slurm looks at dependencies once or twice a minute.
wait_for() {
  local seconds jobs
  jobs=$(IFS=,; echo "$*")
  for ((seconds = 0; seconds < 240; seconds++)); do
    [ -n "$(squeue --noheader --jobs="$jobs" 2> /dev/null)" ] || return 0
    sleep 1
  done
  scancel "$@"
  fail "jobs $jobs do not end"
}

@test "examples/cluster: the parts that Slurm runs make the set of one run" {
  requires_slurm
  make_cluster_set
  expect_status 0 "$CLUSTER/with-slurm" set/settings --cpus-per-task=1
  # shellcheck disable=SC2086  # numbers
  wait_for $output
  expect_set
}

@test "examples/cluster: with Slurm, nothing is shuffled after a part that fails" {
  requires_slurm
  make_cluster_set
  : > set/photos/class1/0.png
  expect_status 0 "$CLUSTER/with-slurm" set/settings --cpus-per-task=1
  # shellcheck disable=SC2086
  wait_for $output
  [ -e set/work/parts/1-of-3.shard ]
  assert_missing set/work/parts/2-of-3.shard
  assert_missing set/work/shards
  assert_missing set/work/mean.safetensors
}
