# tests/run must never mistake a failure for a success: programs that crash, hang or run nothing, files that do not parse.
# The check of the order of includes must notice what breaks it.

load common

# Makes a test program that prints what GoogleTest would print, then runs a command.
fake_program() {  # NAME LINE... (the last one is a shell command)
  local name=$1 last=${*: -1}
  shift
  {
    echo '#!/bin/sh'
    echo "cat << 'END'"
    printf '%s\n' "${@:1:$#-1}"
    echo END
    echo "$last"
  } > "$name"
  chmod +x "$name"
}

# sum_up JOB...: runs the jobs; $output is the last line of the run.
sum_up() {
  run env LIMIT="${LIMIT:-60}" "$ROOT/tests/run" -j 2 -o results "$@"
  report=$output
  output=${lines[-1]}
}

@test "passed, failed and skipped cases of GoogleTest are counted and shown" {
  fake_program a_test '[==========] Running 3 tests from 1 test suite.' '[ RUN      ] A.Good' '[       OK ] A.Good (0 ms)' \
    '[ RUN      ] A.Bad' 'a.cpp:7: Failure' '[  FAILED  ] A.Bad (0 ms)' '[ RUN      ] A.Later' 'a.cpp:9: Skipped' \
    'needs a moon' '' '[  SKIPPED ] A.Later (0 ms)' '[==========] 3 tests from 1 test suite ran. (0 ms total)' \
    '[  FAILED  ] A.Bad' 'exit 1'
  sum_up ./a_test
  assert_equal "$status $output" "1 1 passed, 1 failed, 1 skipped"
  assert_contains "$report" "FAIL a_test: A.Bad"
  assert_contains "$report" "a.cpp:7: Failure"
  assert_contains "$report" "skip a_test: A.Later: needs a moon"
}

@test "a crash fails the case it happened in and all that follow" {
  fake_program a_test '[==========] Running 4 tests from 1 test suite.' '[ RUN      ] A.Good' '[       OK ] A.Good (0 ms)' \
    '[ RUN      ] A.Crash' 'kill -SEGV $$'
  sum_up ./a_test
  assert_equal "$status $output" "1 1 passed, 3 failed, 0 skipped"
  assert_contains "$report" "A.Crash: no result: it died of signal 11"
}

@test "a bad status after good results, no tests at all, a missing program: failures" {
  fake_program a_test '[==========] Running 1 test from 1 test suite.' '[ RUN      ] A.Good' '[       OK ] A.Good (0 ms)' \
    '[==========] 1 test from 1 test suite ran. (0 ms total)' 'exit 23'
  fake_program b_test '[==========] Running 0 tests from 0 test suites.' 'exit 0'
  sum_up ./a_test ./b_test ./missing_test
  assert_equal "$status $output" "1 1 passed, 3 failed, 0 skipped"
  assert_contains "$report" "it ended with status 23"
}

@test "a program that hangs is ended and fails" {
  fake_program a_test '[==========] Running 1 test from 1 test suite.' '[ RUN      ] A.Hang' 'sleep 600'
  LIMIT=1 sum_up ./a_test
  assert_equal "$status $output" "1 0 passed, 1 failed, 0 skipped"
  assert_contains "$report" "took longer than 1 s"
}

@test "Bats files: good, bad and skipped tests, and one that does not parse" {
  printf '@test "%s" { %s; }\n' good true bad 'echo reason; false' later 'skip "no moon"' > a.bats
  echo '@test "unfinished" {' > b.bats
  sum_up ./a.bats ./b.bats
  assert_equal "$status $output" "1 1 passed, 2 failed, 1 skipped"
  assert_contains "$report" "FAIL a: bad"
  assert_contains "$report" "    reason"
  assert_contains "$report" "skip a: later: no moon"
}

@test "checks pass, fail, or say why they are skipped" {
  mkdir check
  printf '#!/bin/sh\nexit 0\n' > check/one
  printf '#!/bin/sh\necho wrong; exit 1\n' > check/two
  printf '#!/bin/sh\necho needs a moon; exit 77\n' > check/three
  chmod +x check/*
  sum_up ./check/one ./check/two ./check/three
  assert_equal "$status $output" "1 1 passed, 1 failed, 1 skipped"
  assert_contains "$report" "skip three: check: needs a moon"
  sum_up ./check/one ./check/three
  assert_equal "$status $output" "0 1 passed, 0 failed, 1 skipped"
}

@test "jobs see no GPU unless they are allowed to" {
  mkdir check
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' '[ "${CUDA_VISIBLE_DEVICES-none}" = "" ]' > check/hidden
  chmod +x check/hidden
  CUDA_VISIBLE_DEVICES=0 sum_up ./check/hidden
  assert_equal "$status $output" "0 1 passed, 0 failed, 0 skipped"
  CUDA_VISIBLE_DEVICES=0 sum_up -g ./check/hidden
  assert_equal "$status $output" "1 0 passed, 1 failed, 0 skipped"
}

@test "running nothing is not a success" {
  sum_up
  assert_equal "$status $output" "1 0 passed, 0 failed, 0 skipped"
}

@test "the order of includes is enforced" {
  mkdir -p tests/check lib/base lib/shards lib/prep lib/net/cpu lib/net/cuda lib/runs lib/weights lib/pictures formats kernels/cuda tools
  cp "$ROOT/tests/check/includes" tests/check
  allowed() {  # FILE INCLUDED...
    local file=$1
    shift
    printf '#include "%s"\n' "$@" > "$file"
  }
  allowed formats/a.h lib/base/a.h
  allowed kernels/a.h lib/base/a.h
  allowed lib/shards/a.h formats/a.h lib/base/a.h
  allowed lib/prep/a.h lib/shards/a.h formats/a.h
  allowed lib/net/a.h formats/a.h kernels/a.h
  allowed lib/net/cpu/a.h lib/net/a.h kernels/a.h
  allowed lib/net/cuda/a.h lib/net/a.h kernels/a.h
  allowed lib/runs/a.h lib/net/a.h lib/shards/a.h formats/a.h kernels/a.h
  allowed lib/weights/a.h lib/runs/a.h lib/shards/a.h formats/a.h
  allowed lib/pictures/a.h lib/runs/a.h lib/prep/a.h lib/net/a.h formats/a.h
  echo '#include <pango/pangocairo.h>' > lib/pictures/b.h
  allowed tools/a.cpp lib/runs/a.h lib/prep/a.h lib/weights/a.h lib/pictures/a.h
  echo '#include <cuda_runtime.h>' > kernels/a_cuda.cu
  expect_status 0 tests/check/includes
  breaks() {  # FILE INCLUDE
    echo "#include $2" > "$1"
    run tests/check/includes
    [ "$status" -eq 1 ] || fail "$1 may include $2"
    assert_contains "$output" "$1:1"
    rm "$1"
  }
  breaks lib/base/b.h '"formats/a.h"'
  breaks formats/b.h '"kernels/a.h"'
  breaks formats/b.h '"lib/shards/a.h"'
  breaks kernels/b.h '"formats/a.h"'
  breaks kernels/b.cpp '"lib/net/a.h"'
  breaks lib/shards/b.h '"lib/prep/a.h"'
  breaks lib/shards/b.h '"lib/net/a.h"'
  breaks lib/shards/b.h '"kernels/a.h"'
  breaks lib/prep/b.h '"lib/net/a.h"'
  breaks lib/prep/b.h '"lib/runs/a.h"'
  breaks lib/net/b.h '"lib/shards/a.h"'
  breaks lib/net/b.h '"lib/runs/a.h"'
  breaks lib/net/b.h '"lib/net/cpu/a.h"'
  breaks lib/net/cpu/b.h '"lib/net/cuda/a.h"'
  breaks lib/net/cuda/b.h '"lib/net/cpu/a.h"'
  breaks lib/runs/b.h '"lib/prep/a.h"'
  breaks lib/runs/b.h '"lib/net/cpu/a.h"'
  breaks lib/runs/b.h '"lib/weights/a.h"'
  breaks lib/weights/b.h '"lib/prep/a.h"'
  breaks lib/runs/b.cpp '"tools/a.h"'
  breaks lib/runs/b.h '"lib/pictures/a.h"'
  breaks lib/pictures/c.h '"lib/net/cpu/a.h"'
  breaks tools/b.cpp '<cairo.h>'
  breaks formats/c.h '"a.h"'
  breaks kernels/b.cpp '<cuda_runtime.h>'
  breaks lib/net/c.cpp '<cublas_v2.h>'
}
