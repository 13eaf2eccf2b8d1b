# The exit statuses of every tool: 0 done, 1 no output, 2 wrong usage, 3 whole but for what was left out; and
# --max-rejects, which decides between them.

# shellcheck disable=SC2016,SC2034,SC2154  # texts for inner shells; variables for the tests; status, output and stderr are set by run

load common
load training

# The tools that read the bad input of `make_inputs`, each with what it needs besides -o.
TOOLS=(imgprep shardpack meanimg train eval predict)

# make_inputs: makes photos (8 images), bad (these, and 2 that are no images), train.shard (40 records), bad.shard (these,
# 2 of them damaged), worst (a file that is no image) and worst.shard (one record, damaged), and weights w.safetensors.
make_inputs() {
  make_training_set || return 1
  make_folders photos 2 4 size=12x12 kind=gray || return 1
  cp -r photos bad || return 1
  : > bad/class0/a.png
  echo text > bad/class1/b.png
  cp train.shard bad.shard
  damage_payload bad.shard 5
  damage_payload bad.shard 9
  echo text > worst
  make_idx one 1 size=12x12 classes=1
  printf '%s\n' 0 1 2 3 > classes
  "$BIN/imgprep" -q --size=none --gray --classes=classes --idx one-images.idx one-labels.idx -o worst.shard || return 1
  damage_payload worst.shard 0
  small_train --steps=2 -o w.safetensors train.shard
}

# set_command TOOL WHICH: sets $command to a run of the tool on good, bad or worst input, whose output is `out`.
set_command() {
  local shard=$2.shard images=$2
  [ "$2" != good ] || { shard=train.shard images=photos; }
  case $1 in
    imgprep) command=("$BIN/imgprep" --size=12 --gray -o out "$images") ;;
    shardpack) command=("$BIN/shardpack" --shuffle -o out "$shard") ;;
    meanimg) command=("$BIN/meanimg" -o out "$shard") ;;
    train) command=("$BIN/train" "${SMALL[@]}" --epochs=1 -o out "$shard") ;;
    eval) command=("$BIN/eval" -w w.safetensors -o out "$shard") ;;
    predict) command=("$BIN/predict" -w w.safetensors -o out "$images") ;;
  esac
}

@test "status 0 of every tool" {
  make_inputs
  local tool command
  for tool in "${TOOLS[@]}"; do
    rm -f out
    set_command "$tool" good
    expect_status 0 "${command[@]}" --rejects=r.tsv
    [ -s out ] || fail "$tool wrote nothing"
    assert_lines r.tsv 0
  done
}

@test "status 3 of every tool if something was left out; the count is the last line" {
  make_inputs
  local tool command last
  for tool in "${TOOLS[@]}"; do
    rm -f out
    set_command "$tool" bad
    expect_status 3 "${command[@]}" --rejects=r.tsv
    [ -s out ] || fail "$tool wrote nothing"
    assert_lines r.tsv 2
    last=${stderr_lines[-1]}
    [[ $last =~ ^"$tool: ".*[0-9]+" "(image|record)s?.*", 2 rejected"$ ]] || fail "last line: $last"
  done
}

@test "status 1 of every tool if everything was rejected: the output is not there, and an older one stays" {
  make_inputs
  local tool command
  for tool in "${TOOLS[@]}"; do
    set_command "$tool" worst
    rm -f out
    refuse 1 "^$tool: every (image|record) was rejected$" "${command[@]}" --rejects=r.tsv
    assert_missing out
    assert_lines r.tsv 1
    echo older > out
    expect_status 1 "${command[@]}"
    assert_equal "$(cat out)" older
    expect_status 1 "${command[@]}" --max-rejects=100%
    assert_equal "$(cat out)" older
  done
}

@test "status 1 of every tool if an input is missing, and 2 if it is used wrongly" {
  make_inputs
  local tool command
  for tool in "${TOOLS[@]}"; do
    set_command "$tool" gone
    rm -f out
    expect_status 1 "${command[@]}"
    set_command "$tool" bad
    expect_status 2 "${command[@]}" --no-such-option
    for value in x -1 101% 5.5 ' 5'; do
      refuse 2 "^$tool: --max-rejects: '$value' is neither a whole number.* nor a percentage" "${command[@]}" \
        --max-rejects="$value"
    done
    refuse 2 'max-rejects and --on-error=stop exclude each other' "${command[@]}" --max-rejects=1 --on-error=stop
    assert_missing out
  done
}

@test "--max-rejects: up to so many are a warning and status 0 in every tool, and the same output" {
  make_inputs
  local tool command limit
  for tool in "${TOOLS[@]}"; do
    set_command "$tool" bad
    expect_status 3 "${command[@]}"
    mv out all
    # 2 of 10 images, 2 of 40 records.
    for limit in 2 20% 1000000; do
      expect_status 0 "${command[@]}" --max-rejects="$limit" --rejects=r.tsv
      cmp out all
      assert_lines r.tsv 2
      grep -q "^$tool: 2 .* rejected, which --max-rejects=$limit allows$" <<< "$stderr" || fail "$stderr"
      [[ ${stderr_lines[-1]} == *rejected ]] || fail "last line: ${stderr_lines[-1]}"
    done
    expect_status 0 "${command[@]}" --max-rejects=2 --on-error=skip -q
  done
}

@test "--max-rejects: more end every tool with status 1, a whole list and no output" {
  make_inputs
  local tool command limit
  for tool in "${TOOLS[@]}"; do
    set_command "$tool" bad
    for limit in 0 1 4.9% 0%; do
      rm -f out
      refuse 1 "^$tool: [12] rejected, more than --max-rejects=$limit allows$" "${command[@]}" --max-rejects="$limit" --rejects=r.tsv
      assert_missing out
      [ -s r.tsv ] || fail "$tool: no list"
      echo older > out
      expect_status 1 "${command[@]}" --max-rejects="$limit"
      assert_equal "$(cat out)" older
    done
    # The reject that exceeds the number is the last of the list.
    expect_status 1 "${command[@]}" --max-rejects=0 --rejects=r.tsv
    assert_lines r.tsv 1
  done
}

@test "--max-rejects in a file of --config" {
  make_inputs
  echo 'max-rejects=2' > options
  expect_status 0 "$BIN/imgprep" --config=options --size=12 -o out bad
  expect_status 1 "$BIN/imgprep" --config=options --max-rejects=1 --size=12 -o out bad
  echo 'max-rejects=2%%' > options
  refuse 2 '^imgprep: options:1: --max-rejects: ' "$BIN/imgprep" --config=options --size=12 -o out bad
}

@test "--max-rejects: none of several shards is replaced if there are too many rejects" {
  make_inputs
  local options
  for options in --per-shard=4 --shards=10 '--shuffle --shards=10'; do
    rm -f x-*
    echo older > x-00
    # shellcheck disable=SC2086
    refuse 1 'more than --max-rejects=1 allows' "$BIN/shardpack" $options --max-rejects=1 -o x-%02d bad.shard
    # shellcheck disable=SC2086
    refuse 1 'checksum mismatch' "$BIN/shardpack" $options --on-error=stop -o x-%02d bad.shard
    assert_equal "$(cat x-00)" older
    assert_equal "$(find . -name '*x-*')" ./x-00
    # shellcheck disable=SC2086
    expect_status 0 "$BIN/shardpack" $options --max-rejects=2 -o x-%02d bad.shard
    assert_equal "$(find . -name '*x-*' | wc -l)" 10
    assert_equal "$(cat x-* | "$BIN/shardpack" --list | wc -l)" 38
  done
  refuse 1 'more than --max-rejects=1 allows' "$BIN/shardpack" --extract=folder/in --max-rejects=1 bad.shard
  [ ! -e folder/in ] || fail "$(find folder)"
  expect_status 0 "$BIN/shardpack" --extract=folder/in --max-rejects=2 bad.shard
  assert_equal "$(find folder -type f | wc -l)" 38
}

@test "--max-rejects: an unknown number exceeds it" {
  requires tar
  make_inputs
  local command tool
  head -c "$((6 * 144 + 4096))" train.shard > cut.shard
  for tool in shardpack meanimg train eval; do
    set_command "$tool" cut
    expect_status 3 "${command[@]}"
    refuse 1 'allows no unknown number' "${command[@]}" --max-rejects=1000
    refuse 1 'allows no unknown number' "${command[@]}" --max-rejects=100%
  done
  tar -cf whole.tar photos
  head -c 3000 whole.tar > half
  for tool in imgprep predict; do
    set_command "$tool" half
    expect_status 3 "${command[@]}"
    [[ ${stderr_lines[-1]} == *"at least "* || ${stderr_lines[-1]} == *"an unknown number"* ]] || fail "$stderr"
    refuse 1 'allows no unknown number' "${command[@]}" --max-rejects=1000
  done
}

@test "--max-rejects: answers of predict that went to a stream stand" {
  make_inputs
  expect_status 1 "$BIN/predict" -w w.safetensors -k1 --max-rejects=1 photos worst worst photos
  assert_equal "$(cut -f 3 <<< "$output" | grep -c .)" 8  # a reject has a row without a class
  expect_status 1 bash -c 'cat worst photos/class0/0.png photos/class0/1.png | "$0" -w w.safetensors -k1 --max-rejects=10%' \
    "$BIN/predict"
  assert_equal "$(cut -f 3 <<< "$output" | grep -c .)" 2
}

@test "shardpack --verify: damage is the verdict, status 1; --list and --info go on with the other shards" {
  make_inputs
  expect_status 0 "$BIN/shardpack" --verify train.shard
  expect_status 1 "$BIN/shardpack" --verify train.shard bad.shard
  assert_equal "$output" "train.shard	40	0
bad.shard	38	2"
  refuse 2 'verify and --max-rejects exclude each other' "$BIN/shardpack" --verify --max-rejects=5 bad.shard
  for how in --list --info; do
    expect_status 0 "$BIN/shardpack" "$how" train.shard
    expect_status 3 "$BIN/shardpack" "$how" -o out gone.shard train.shard worst
    [ -s out ]
    rm out
    refuse 1 'every record was rejected' "$BIN/shardpack" "$how" -o out gone.shard worst
    refuse 1 'gone.shard: No such file' "$BIN/shardpack" "$how" --on-error=stop -o out gone.shard train.shard
    assert_missing out
  done
}

@test "warnings come before the count, which is the last line" {
  make_inputs
  expect_status 0 "$BIN/imgprep" --size=12 -o out photos/class0
  assert_contains "${stderr_lines[0]}" "no image has a class"
  assert_equal "${stderr_lines[-1]}" "imgprep: 4 images, 0 classes, 4 unlabelled"
  expect_status 0 "$BIN/predict" -w w.safetensors photos
  assert_equal "${stderr_lines[-1]}" "predict: 8 images"
  expect_status 0 "$BIN/eval" -w w.safetensors train.shard
  assert_equal "${stderr_lines[-1]}" "eval: 40 records"
  expect_status 0 "$BIN/train" "${SMALL[@]}" --epochs=1 -o out train.shard --val=val.shard
  assert_equal "${stderr_lines[-1]}" "train: 52 records"
  expect_status 0 "$BIN/shardpack" -o out train.shard
  assert_equal "${stderr_lines[-1]}" "shardpack: 40 records in 1 shard"
  expect_status 0 "$BIN/meanimg" -o out train.shard
  assert_equal "${stderr_lines[-1]}" "meanimg: mean of 40 images"
}
