# The scripts around the fuzzers, with programs that only say what a fuzzer would say: a finding is never lost, and the
# check of readers without a harness notices what it should.

load common

# A fuzzer that has executed so many inputs, and then does the last argument.
fake_fuzzer() {  # NAME EXECUTIONS COMMAND
  mkdir -p bin
  {
    printf '#!/bin/bash\nexecutions=%s\n' "$2"
    cat << 'END'
folders=()
for word in "$@"; do
  case $word in
    --seeds=*) echo seed > "${word#--seeds=}/seed-0"; exit ;;
    -artifact_prefix=*) prefix=${word#*=} ;;
    -*) ;;
    *) folders+=("$word") ;;
  esac
done
[ -e "${folders[1]}/seed-0" ] || exit 9
echo new > "${folders[0]}/one"
printf 'stat::%s: %s\n' number_of_executed_units "$executions" average_exec_per_sec 7 peak_rss_mb 33 >&2
END
    printf '%s\n' "$3"
  } > "bin/$1"
  chmod +x "bin/$1"
}

fuzz() { BIN=bin OUT=out FIXTURE=$FIXTURE SECONDS_EACH=1 SEED=5 run "$ROOT/tests/fuzz/run" "$@"; }

@test "make fuzz ends with a table" {
  fake_fuzzer good 12345 true
  fake_fuzzer better 1000 true
  fuzz good better
  assert_equal "$status" 0
  grep -Eq '^good +12345 +7 +1 +0 KB +33 MB +0 +5$' <<< "$output" || fail "$output"
  assert_contains "$output" "13345 executions"
}

@test "make fuzz shows how to repeat what was found, and keeps it" {
  fake_fuzzer good 10 true
  # shellcheck disable=SC2016  # for the program
  fake_fuzzer bad 20 'echo "  what():  two ways differ" >&2
    echo x > "${prefix}crash-1"; echo "artifact_prefix=x; Test unit written to ${prefix}crash-1" >&2; exit 77'
  fuzz bad good
  assert_equal "$status" 1
  grep -Eq '^bad +20 +7 +1 +0 KB +33 MB +1 +5$' <<< "$output" || fail "$output"
  assert_contains "$output" "two ways differ"
  assert_contains "$output" "$TMP/bin/bad $TMP/out/findings/bad-crash-1"
  assert_equal "$(cat out/findings/bad-crash-1)" x
}

@test "a fuzzer that dies without an input is a finding too" {
  # shellcheck disable=SC2016  # for the program
  fake_fuzzer dead 0 'kill -KILL $$'
  fuzz dead
  assert_equal "$status" 1
  grep -Eq '^dead +0 +7 +1 +0 KB +33 MB +1 +5$' <<< "$output" || fail "$output"
  assert_contains "$output" "out/logs/dead.log"
}

@test "a reader without a harness, and a harness without inputs, are noticed" {
  mkdir -p tests/check tests/fuzz/inputs/json formats lib/prep
  cp "$ROOT/tests/check/fuzzers" tests/check
  # The exceptions are files that there are.
  sed -n "/^exceptions='/,/^'/s|^\([a-z/_]*\.h\) .*|\1|p" tests/check/fuzzers | xargs touch
  touch formats/json.h
  printf '#include "formats/json.h"\nAddReader kReader({.name = "json"});\n' > tests/fuzz/json.cpp
  echo '{}' > tests/fuzz/inputs/json/a
  expect_status 0 tests/check/fuzzers
  touch lib/prep/new.h
  expect_status 1 tests/check/fuzzers
  assert_contains "$output" "lib/prep/new.h: no harness"
  rm lib/prep/new.h tests/fuzz/inputs/json/a
  expect_status 1 tests/check/fuzzers
  assert_contains "$output" "tests/fuzz/inputs/json: empty"
}
