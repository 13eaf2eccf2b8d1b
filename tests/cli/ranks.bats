# train as several processes: the same training as one, whatever the number of ranks, and the same end for all.
load common
load training

setup() {
  common_setup
  make_training_set
  command -v mpirun > /dev/null || skip "needs mpirun, of openmpi-bin"
  "$BIN/train" --version | grep -q '^ranks: MPI' || skip "built without MPI"
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  # Containers may forbid the copies between processes that Open MPI would rather use.
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
  timeout 60 mpirun --oversubscribe -np 2 true > mpirun.log 2>&1 || skip "mpirun does not start anything here: $(tail -n 1 mpirun.log)"
  rm mpirun.log
}

# ranks N OPTION...: trains with N ranks of one thread each.
ranks() {
  local count=$1
  shift
  timeout 100 mpirun --oversubscribe -np "$count" "$BIN/train" -q "${SMALL[@]}" -j 1 "$@"
}

# same_logs A B: compares the rows of two logs: the same steps, images and errors, and losses within rounding.
same_logs() {
  awk -F '\t' '
    FNR == 1 { next }
    FILENAME == ARGV[1] { key[FNR] = $1 FS $3 FS $4 FS $6 FS $7; loss[FNR] = $5; rows++; next }
    { difference = loss[FNR] - $5; if (difference < 0) difference = -difference }
    key[FNR] != $1 FS $3 FS $4 FS $6 FS $7 || difference > 2e-5 { print "row " FNR ": " loss[FNR] " and " $5; bad = 1 }
    { rows-- }
    END { if (rows != 0) print rows " rows too few"; exit bad || rows != 0 }' "$1" "$2"
}

@test "2, 3 and 4 ranks train as one does, and validate every image once" {
  local options=(--steps=12 --val=val.shard --val-every=5steps --log-every=1step) count
  expect_status 0 small_train -j 1 "${options[@]}" --log=one.tsv -o one.safetensors train.shard
  for count in 2 3 4; do
    expect_status 0 ranks $count "${options[@]}" --log=$count.tsv -o $count.safetensors train.shard
    same_logs one.tsv $count.tsv || fail "$count ranks differ"
  done
}

@test "with exact sums 1, 2 and 4 ranks end with the same bits, also if they take turns" {
  local options=(--parts=4 --sum=exact) count
  expect_status 0 small_train -j 1 "${options[@]}" --steps=9 -o one.safetensors train.shard
  for count in 2 4; do
    expect_status 0 ranks $count "${options[@]}" --steps=9 -o $count.safetensors train.shard
    cmp one.safetensors $count.safetensors
  done
  expect_status 0 ranks 4 "${options[@]}" --steps=3 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 small_train -j 1 "${options[@]}" --steps=6 --resume=c.safetensors --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 ranks 2 "${options[@]}" --steps=9 --resume=c.safetensors -o w.safetensors train.shard
  cmp one.safetensors w.safetensors
  run --separate-stderr ranks 2 --parts=6 --sum=exact -o x.safetensors train.shard
  assert_equal "$status" 2
  # shellcheck disable=SC2154  # set by run
  assert_contains "$stderr" "train: --sum: exact: 6 parts are 3 for each rank, which is not a power of two"
}

@test "all ranks leave damaged images out, and rank 0 lists them" {
  damage_payload train.shard 5
  damage_payload train.shard 30
  damage_payload val.shard 1
  local options=(--epochs=2 --val=val.shard --log-every=1step)
  run --separate-stderr small_train -j 1 "${options[@]}" --rejects=one.rejects --log=one.tsv -o one.safetensors train.shard
  assert_equal "$status" 3
  run --separate-stderr ranks 3 "${options[@]}" --rejects=ranks.rejects --log=ranks.tsv -o ranks.safetensors train.shard
  assert_equal "$status" 3
  same_logs one.tsv ranks.tsv
  assert_equal "$(sort ranks.rejects)" "$(sort one.rejects)"
  # shellcheck disable=SC2154  # set by run
  assert_equal "$(grep -c 'record 5 ' <<< "$stderr")" 1
}

@test "what no rank can do is said once" {
  run --separate-stderr ranks 3 -o w.safetensors missing.shard
  assert_equal "$status" 1
  assert_equal "$(grep -c '^train: missing.shard: ' <<< "$stderr")" 1
  run --separate-stderr ranks 2 --parts=3 -o w.safetensors train.shard
  assert_equal "$status" 2
  assert_equal "$(grep -c '^train: --parts: 3 parts cannot be shared out evenly among 2 ranks$' <<< "$stderr")" 1
  run --separate-stderr ranks 9 -o w.safetensors train.shard
  assert_equal "$status" 2
  assert_contains "$stderr" 'train: --batch: 8 images are too few for 9 ranks'
  assert_missing w.safetensors
}

@test "a rank that alone cannot open a shard, or has another one, ends all before the first step" {
  local one=("$BIN/train" -q "${SMALL[@]}" -j 1 -o w.safetensors)
  run --separate-stderr timeout 60 mpirun --oversubscribe -np 1 "${one[@]}" train.shard : -np 1 "${one[@]}" missing.shard
  assert_equal "$status" 1
  assert_equal "$(grep '^train:' <<< "$stderr")" 'train: rank 1: missing.shard: No such file or directory'
  run --separate-stderr timeout 60 mpirun --oversubscribe -np 1 "${one[@]}" train.shard : -np 1 "${one[@]}" val.shard
  assert_equal "$status" 1
  assert_equal "$(grep '^train:' <<< "$stderr")" 'train: rank 1: works on another net or training set, or with other options than rank 0'
  assert_missing w.safetensors
}

# The ranks of the mpirun with process number $1.
ranks_of() { pgrep -P "$1" -x train; }

@test "if a rank is killed, all end within seconds, and the run goes on from its checkpoint" {
  local start step others
  mpirun --oversubscribe -np 2 "$BIN/train" -q "${SMALL[@]}" -j 1 --parts=2 --sum=exact --epochs=1000000 --checkpoint=c.safetensors \
    --checkpoint-every=10steps -o w.safetensors train.shard 2> killed.err &
  local mpirun=$!
  for _ in {1..200}; do [ ! -e c.safetensors ] || break; sleep 0.1; done
  others=$(ranks_of $mpirun)
  kill -KILL "$(tail -n 1 <<< "$others")"
  start=$SECONDS
  run wait $mpirun
  while kill -0 "$(head -n 1 <<< "$others")" 2> /dev/null; do
    [ $((SECONDS - start)) -lt 20 ] || fail "a rank lives after $((SECONDS - start)) s"
    sleep 0.1
  done
  [ ! -e w.safetensors ] || fail 'a run that was killed has weights'
  step=$("$BIN/netpack" --info c.safetensors | awk '$1 == "state" && $2 == "step" { print $3 }')
  expect_status 0 ranks 2 --parts=2 --sum=exact --steps=$((step + 5)) --resume=c.safetensors -o w.safetensors train.shard
  expect_status 0 small_train -j 1 --parts=2 --sum=exact --steps=$((step + 5)) -o whole.safetensors train.shard
  "$BIN/netpack" --list w.safetensors | cut -f 1-7 > w.list  # without the file's name
  "$BIN/netpack" --list whole.safetensors | cut -f 1-7 | cmp - w.list
}

@test "a signal to one rank stops all after a checkpoint" {
  mpirun --oversubscribe -np 3 "$BIN/train" -q "${SMALL[@]}" -j 1 --parts=3 --epochs=1000000 --checkpoint=c.safetensors \
    --checkpoint-every=10steps -o w.safetensors train.shard 2> signal.err &
  local mpirun=$! status=0
  for _ in {1..200}; do [ ! -e c.safetensors ] || break; sleep 0.1; done
  kill -TERM "$(ranks_of $mpirun | tail -n 1)"
  wait $mpirun || status=$?
  assert_equal $status 143
  expect_status 0 "$BIN/netpack" --verify c.safetensors
}
