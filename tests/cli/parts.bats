# train --parts: steps that take their batch in several parts.
load common
load training

setup() {
  common_setup
  make_training_set
}

# like_whole OPTION...: trains with --parts=1 and with more, and compares the logs: the same steps with the same images, errors,
# and losses within rounding.
like_whole() {
  local parts
  run --separate-stderr small_train -j 1 --log=whole.tsv --log-every=1step -o whole.safetensors "$@" train.shard
  for parts in 2 3 4 8; do
    run --separate-stderr small_train -j 1 --parts="$parts" --log=parts.tsv --log-every=1step --overwrite -o parts.safetensors "$@" train.shard
    # shellcheck disable=SC2154  # set by run
    [ -s parts.safetensors ] || fail "$stderr"
    awk -F '\t' '
      FNR == 1 { next }
      FILENAME == ARGV[1] { key[FNR] = $1 FS $3 FS $4 FS $6; loss[FNR] = $5; rows++; next }
      { difference = loss[FNR] - $5; if (difference < 0) difference = -difference }
      key[FNR] != $1 FS $3 FS $4 FS $6 || difference > 2e-5 { print "row " FNR ": " loss[FNR] " and " $5; bad = 1 }
      { rows-- }
      END { if (rows != 0) print rows " rows too few"; exit bad || rows != 0 }' whole.tsv parts.tsv || fail "$parts parts differ"
  done
}

@test "a step in parts is the step over the whole batch, but for rounding" {
  like_whole --steps=12 --val=val.shard --val-every=5steps
  awk -F '\t' 'NR > 1 { print $3 }' parts.tsv | grep -qx val || fail 'no validation'
}

@test "exact sums of a step's parts are those of the whole batch, but for rounding" { like_whole --steps=12 --sum=exact; }

@test "damaged images are missing in their part, and the mean is over the others" {
  # In the order of the shards: the third is one of several in its part, and 8 to 15 are all of a step, and of two parts each.
  local i
  damage_payload train.shard 2
  for i in 8 9 16 17 18 19 20 21 22 23; do damage_payload train.shard $i; done
  like_whole --steps=10 --order=sequential --crop=center
}

@test "a training in parts goes on from any step to the same weights" {
  local options=(-j 1 --parts=4 --seed=3) precision
  for precision in fp32 bf16; do
    [ $precision = fp32 ] || requires_bf16
    expect_status 0 small_train "${options[@]}" --precision=$precision --steps=7 --overwrite -o whole.safetensors train.shard
    expect_status 0 small_train "${options[@]}" --precision=$precision --steps=3 --checkpoint=c.safetensors --overwrite -o w.safetensors train.shard
    expect_status 0 small_train "${options[@]}" --precision=$precision --steps=7 --resume=c.safetensors -o w.safetensors train.shard
    cmp w.safetensors whole.safetensors
  done
}

@test "--parts can change on --resume, and the weights say so" {
  expect_status 0 small_train --parts=2 --steps=3 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 "$BIN/train" "${SMALL[@]}" --parts=4 --steps=5 --resume=c.safetensors -o w.safetensors train.shard
  assert_contains "$stderr" 'parts: 2 in the checkpoint, 4 now'
  assert_equal "$("$BIN/netpack" --extract=options w.safetensors | grep '^parts')" parts=4
  # Without the option the parts stay.
  expect_status 0 small_train --parts=2 --steps=3 --checkpoint=d.safetensors -o v.safetensors train.shard
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=6 --resume=d.safetensors -o v.safetensors train.shard
  [[ $stderr != *parts:* ]] || fail "$stderr"
  assert_equal "$("$BIN/netpack" --extract=options v.safetensors | grep '^parts')" parts=2
}

@test "a batch has no more parts than images" {
  refuse 2 '^train: --parts: a batch of 8 does not have 9 parts$' "$BIN/train" "${SMALL[@]}" --parts=9 -o w.safetensors train.shard
  refuse 2 '^train: --parts: ' "$BIN/train" "${SMALL[@]}" --parts=0 -o w.safetensors train.shard
  refuse 2 '^train: --sum: ' "$BIN/train" "${SMALL[@]}" --sum=slow -o w.safetensors train.shard
}
