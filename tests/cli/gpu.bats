# The scripts for machines with a GPU: what they do with programs that fail or hang, and each of them in miniature on the
# emulated device, so that they are ready when a GPU is to be had.

load common

# fake NAME LINE...: a program in gpu/ of these lines of shell.
fake() {
  local name=$1
  shift
  mkdir -p gpu
  printf '%s\n' '#!/bin/sh' "$@" > "gpu/$name"
  chmod +x "gpu/$name"
}

# fake_test NAME LINE...: a GoogleTest program of one case, which these lines of shell decide.
fake_test() {
  local name=$1
  shift
  # shellcheck disable=SC2016
  fake "$name" '[ "$1" != --gtest_list_tests ] || { echo "GPU 0: none"; exit 0; }' \
    'printf "%s\n" "[==========] Running 1 test from 1 test suite." "[ RUN      ] A.Case"' "$@" \
    'printf "%s\n" "[       OK ] A.Case (0 ms)" "[==========] 1 test from 1 test suite ran. (0 ms total)"'
}

fake_programs() {
  local name
  for name in gemm conv sgd lrn_pool device net tools training; do fake_test "${name}_test"; done
  fake bench 'printf "step\talexnet\ttrain\t128\t40000.0\timages/s\t1\tFLOP\n"'
}

# No compute-sanitizer or ncu of this machine.
no_tools() { PATH=/usr/bin:/bin; export CUDA_HOME=$TMP; }

@test "tests/gpu/run goes on after failures and hangs, and ends with a table" {
  fake_programs
  fake_test conv_test 'printf "%s\n" "conv_test.cpp:7: Failure" "y [3]: got 1, want 2" "[  FAILED  ] A.Case (0 ms)"; exit 1'
  fake_test lrn_pool_test 'sleep 60'
  fake_test sgd_test 'kill -SEGV $$'
  no_tools
  run "$ROOT/tests/gpu/run" -o results -t 7 "$TMP/gpu"
  assert_equal "$status" 1
  assert_contains "$output" 'GPU 0: none'
  grep -Eq '^FAILED +conv .*1 failed: A.Case: y \[3\]: got 1, want 2' results/table.txt || fail "$(cat results/table.txt)"
  grep -Eq '^TIMEOUT +lrn_pool .*A.Case: no result: it took longer than' results/table.txt || fail "$(cat results/table.txt)"
  assert_contains "$(cat results/failures.txt)" 'FAIL conv: A.Case'
  assert_contains "$(cat results/log.txt)" 'y [3]: got 1, want 2'
  # The hang took the time of what came behind it.
  grep -Eq '^left-out +training ' results/table.txt || fail "$(cat results/table.txt)"
  [ "$(find results -type f | wc -l)" -le 8 ] || fail "too many files: $(ls results)"
}

@test "tests/gpu/run takes a selection, and passes if all of it does" {
  fake_programs
  fake_test net_test 'exit 1'
  no_tools
  run "$ROOT/tests/gpu/run" -o results -s 'gemm|conv|net' "$TMP/gpu"
  assert_equal "$status" 1
  run "$ROOT/tests/gpu/run" -o results -s '^(gemm|conv)$' "$TMP/gpu"
  assert_equal "$status" 0
  assert_lines results/jobs.tsv 3
  fake_test net_test 'exit 0'
  run "$ROOT/tests/gpu/run" -o results -s 'no such job' "$TMP/gpu"
  assert_equal "$status" 1
}

@test "tests/gpu/run fails where there is no GPU, and asks for the programs where there are none" {
  run "$ROOT/tests/gpu/run" "$TMP/gpu"
  assert_equal "$status" 1
  assert_contains "$output" "make gpu"
  fake_programs
  fake net_test 'echo "no GPU to test on: no NVIDIA driver" >&2; exit 1'
  run "$ROOT/tests/gpu/run" "$TMP/gpu"
  assert_equal "$status" 1
  assert_contains "$output" "no NVIDIA driver"
}

@test "a part of the benchmark that fails hides no other" {
  fake_programs
  # shellcheck disable=SC2016
  fake bench 'part=; for word in "$@"; do case $word in -*) ;; *[a-z]*) part=$word ;; esac; done' \
    'printf "device\tNVIDIA H200\t9.0\t132\t150 GB\n"' 'case $part in' \
    'peaks) printf "%s\n" "failed	peak	bf16	product	-	libcublasLt.so.13: cannot be loaded" "peak	memory	copy	-	4300.0	GB/s"; exit 1 ;;' \
    'steps) echo "bench: libcublasLt.so.13: cannot be loaded" >&2; exit 1 ;;' \
    'layers) printf "own\tconv1\tforward\t128\t140.0\tus\t27000000000\tFLOP\nown_cold\tconv1\tforward\t128\t150.0\tus\t27000000000\tFLOP\n" ;;' \
    'cudnn) printf "cudnn\tconv1\tforward\t128\t70.0\tus\t27000000000\tFLOP\n" ;;' 'esac'
  touch gpu/registers.tsv
  mkdir bin
  # A python3 without PyTorch.
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' 'case $1 in *torch*) echo "PyTorch is not installed"; exit 77 ;; esac' "exec $(command -v python3) \"\$@\"" > bin/python3
  chmod +x bin/python3
  PATH=$TMP/bin:$PATH run "$ROOT/tests/bench/gpu/run" -o results "$TMP/gpu" 128
  assert_equal "$status" 1
  cat results/table.txt
  grep -Eq '^FAILED +steps-128 .*libcublasLt' results/table.txt
  grep -Eq '^ok +cudnn-128 ' results/table.txt
  grep -Eq '^skipped +torch-128 .*PyTorch is not installed' results/table.txt
  # layer, pass, us, cold, model, TFLOP/s, peak, cuDNN, cold, ratio
  grep -Eq '^conv1 +forward +140.0 +150.0 +1[0-9][0-9]\.. +192.9 TFLOP/s +- +70.0 +- +0.50' results/table.txt
  assert_contains "$(cat results/table.txt)" 'peak bf16 product failed: libcublasLt.so.13: cannot be loaded'
}

@test "the model expects what was computed by hand for an H200, and knows the other GPUs" {
  requires python3
  "$ROOT/tests/bench/gpu/model" --gpu='NVIDIA H200' --lines 128 1024 > lines
  within() {  # NAME PASS BATCH VALUE: to 20 %
    awk -F '\t' -v name="$1" -v pass="$2" -v batch="$3" -v want="$4" '$2 == name && $3 == pass && $4 == batch {
      found = 1; exit !($5 > 0.8 * want && $5 < 1.2 * want) } END { if (!found) exit 1 }' lines || fail "$*: $(cat lines)"
  }
  within conv1 forward 128 139
  within conv2 backward_data 128 320
  within conv2 forward 1024 1006
  within conv3 backward_weights 1024 996
  within conv1 lrn_pool_backward 1024 1307
  within all sgd 128 325
  within alexnet train 128 42000
  within alexnet train 1024 56000
  run "$ROOT/tests/bench/gpu/model"
  for gpu in H200 H100 A100 4090; do assert_contains "$output" "$gpu: microseconds"; done
  run "$ROOT/tests/bench/gpu/model" --gpu='Tesla T4'
  assert_equal "$status" 77
  # Registers of a build: with so many, one block of 128 threads is all that a multiprocessor holds.
  cat > ptxas.log <<- 'END'
	ptxas info    : Compiling entry function '_ZN6convoy4cuda2_N11conv_gatherILNS1_4PassE0ELb1ENS0_9TileShapeILi128ELi96ELi32ELi64ELi48ELi4EEEEEvNS1_13GatherProblemE' for 'sm_90'
	ptxas info    : Function properties for _ZN6convoy4cuda2_N11conv_gatherILNS1_4PassE0ELb1ENS0_9TileShapeILi128ELi96ELi32ELi64ELi48ELi4EEEEEvNS1_13GatherProblemE
	    0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
	ptxas info    : Used 255 registers, used 1 barriers
	END
  awk -f "$ROOT/tests/bench/gpu/registers.awk" ptxas.log > registers.tsv
  assert_equal "$(cut -f 1-3 registers.tsv)" "$(printf 'sm_90\t255\t12')"
  run "$ROOT/tests/bench/gpu/model" --gpu=H200 --registers=registers.tsv 128
  grep -Eq '^conv1 forward .*128x96, 3025 blocks, 2 on' <<< "$output" || fail "$output"
}

# Visits on the emulated device, with stand-ins for compute-sanitizer and ncu that run what they are given.
visit() {
  PROGRAMS=$(dirname "$BIN")/emulated/gpu
  [ -x "$PROGRAMS/bench" ] || fail "$PROGRAMS is not built: make tests"
  mkdir -p tools
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' 'while :; do case $1 in --tool | --error-exitcode | -k | --launch-* | --section | --log-file | --clock-control) shift 2 ;;' \
    '--*) shift ;; *) exec "$@" ;; esac; done' > tools/compute-sanitizer
  chmod +x tools/compute-sanitizer
  cp tools/compute-sanitizer tools/ncu
  PATH=$TMP/tools:$PATH CONVOY_MINIATURE=yes run "$ROOT/tests/gpu/$1" -o results "${@:2}" "$PROGRAMS"
  echo "$output"
}

@test "visit 1, is it right: in miniature on the emulated device" {
  visit visit-1
  assert_equal "$status" 0
  for job in environment gemm conv lrn_pool device net tools steps memcheck-conv racecheck-conv synccheck-net memcheck-lrn_pool; do
    grep -Eq "^$job	ok	" results/jobs.tsv || fail "$job: $(cat results/table.txt)"
  done
  [ "$(wc -l < results/table.txt)" -le 22 ] || fail "the table is too long: $(cat results/table.txt)"
}

@test "visit 2, how fast and why: in miniature on the emulated device" {
  requires python3
  visit visit-2
  assert_equal "$status" 0
  for job in peaks model-1 steps-1 layers-1 ncu; do
    grep -Eq "^$job	ok	" results/jobs.tsv || fail "$job: $(cat results/table.txt)"
  done
  # All columns of a layer's line, and the rates.
  grep -Eq '^conv5 +backward_data +[0-9.]+ +[0-9.]+ +[0-9.]+ ' results/table.txt || fail "$(cat results/table.txt)"
  grep -Eq '^small-no-lrn +batch +1 ' results/table.txt || fail "$(cat results/table.txt)"
}

@test "visit 3, does it live: in miniature on the emulated device" {
  visit visit-3
  assert_equal "$status" 0
  for job in data feed-128 interrupt refuse start training initcheck-conv; do
    grep -Eq "^$job	ok	" results/jobs.tsv || fail "$job: $(cat results/table.txt)"
  done
}

@test "a visit without a GPU says so of everything, and ends" {
  fake_programs
  for test in gemm conv sgd lrn_pool device net tools; do
    fake "${test}_test" 'echo "no GPU to test on: no NVIDIA driver" >&2; exit 1'
  done
  fake bench 'echo "bench: GPU: no NVIDIA driver" >&2; exit 1'
  no_tools
  run "$ROOT/tests/gpu/visit-1" -o results -s '^[^e]' "$TMP/gpu"
  assert_equal "$status" 1
  assert_equal "$(grep -c '^FAILED .*no NVIDIA driver' results/table.txt)" 8
}
