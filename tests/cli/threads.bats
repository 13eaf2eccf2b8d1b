# How many threads the tools start by default, and that those without work sleep.

load common
load training

setup_file() { make_file_set; }
setup() { use_file_set; }

# make_file_set: w.safetensors, a net of one step, for all tests of this file.
make_file_set() {
  cd "$BATS_FILE_TMPDIR" || return 1
  make_training_set && small_train --steps=1 -o w.safetensors train.shard && fixture png a.png size=12x12
}
use_file_set() { cd "$BATS_FILE_TMPDIR" || return 1; }

# threads_of [VARIABLE=VALUE]... COMMAND...: the number of threads that the tool says it uses.
threads_of() {
  expect_status 0 env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT "$@"
  # shellcheck disable=SC2154  # set by expect_status
  sed -n 's/.*, threads \([0-9]*\).*/\1/p' <<< "$stderr"
}

@test "the default of -j follows OMP_NUM_THREADS, OMP_THREAD_LIMIT and the affinity mask" {
  local eval=("$BIN/eval" -w w.safetensors val.shard)
  assert_equal "$(threads_of OMP_NUM_THREADS=3 "${eval[@]}")" 3
  assert_equal "$(threads_of OMP_NUM_THREADS=5,2 "${eval[@]}")" 5
  assert_equal "$(threads_of OMP_NUM_THREADS=3 "${eval[@]}" -j2)" 2
  assert_equal "$(threads_of OMP_NUM_THREADS=3 OMP_THREAD_LIMIT=2 "${eval[@]}")" 2
  assert_equal "$(threads_of taskset -c "$(taskset -cp $$ | sed 's/.*[^0-9]\([0-9]*\)$/\1/')" "${eval[@]}")" 1
  assert_equal "$(threads_of OMP_NUM_THREADS=none "${eval[@]}")" "$(threads_of "${eval[@]}")"
}

# spin_count [VARIABLE=VALUE]... COMMAND...: how often the threads of GNU's OpenMP look for work before they sleep.
spin_count() {
  expect_status 0 env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose "$@"
  sed -n "s/.*GOMP_SPINCOUNT = '\([^']*\)'.*/\1/p" <<< "$stderr" | tail -n 1
}

@test "threads without work sleep soon, unless the user says otherwise" {
  local eval=("$BIN/eval" -q -w w.safetensors val.shard) active
  [ -n "$(spin_count "${eval[@]}")" ] || skip "not GNU's OpenMP"
  assert_equal "$(spin_count "${eval[@]}")" 1000
  assert_equal "$(spin_count "$BIN/predict" -q -w w.safetensors val.shard)" 1000
  assert_equal "$(spin_count "$BIN/train" -q "${SMALL[@]}" --steps=1 -o t.safetensors train.shard)" 1000
  assert_equal "$(spin_count GOMP_SPINCOUNT=77 "${eval[@]}")" 77
  active=$(spin_count OMP_WAIT_POLICY=active "${eval[@]}")
  [ "$active" -gt 1000000 ] || fail "with OMP_WAIT_POLICY=active: $active"
}

@test "a program keeps its name and its arguments when it executes itself" {
  local name pid
  coproc P { exec env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$BIN/predict" -q -w w.safetensors -k 1 --json - 2> err.txt; }
  pid=$P_PID
  # An answer shows that the tool has started.
  cat a.png >&"${P[1]}"
  read -r -t 20 _ <&"${P[0]}" || fail "no answer: $(cat err.txt)"
  name=$(cat "/proc/$pid/comm")
  assert_equal "$name" predict
  eval "exec ${P[1]}>&-"
  wait "$pid"
}
