# train says before its first step, or as soon as it can be seen, what is perhaps not what was meant; it ends with 0 all the same.
load common
load training

setup() {
  common_setup
  make_training_set
}

# says TEXT OPTION...: the run succeeds, even with -q, and says the text once.
says() {
  local text=$1
  shift
  expect_status 0 small_train -o w.safetensors "$@" || return 1
  assert_equal "$(grep -cE -- "^train: .*$text" <<< "$stderr") times '$text' in: $stderr" "1 times '$text' in: $stderr"
}
# notes TEXT OPTION...: the same for a note, which -q leaves out.
notes() {
  local text=$1
  shift
  expect_status 0 "$BIN/train" "${SMALL[@]}" -o w.safetensors "$@" || return 1
  grep -qE -- "^train: .*$text" <<< "$stderr" || fail "no '$text' in: $stderr" || return 1
  expect_status 0 small_train -o w.safetensors "$@" || return 1
  assert_equal "$stderr" ""
}

@test "nothing is said of an ordinary run" {
  expect_status 0 small_train --epochs=6 --val=val.shard --log=log.tsv --log-every=1epoch -o w.safetensors train.shard
  assert_equal "$stderr" ""
}

@test "a loss far above guessing is said at once" {
  # Weights so large that the first loss is already far off.
  sed 's/init=0.05/init=2/' small.net > large.net
  expect_status 0 "$BIN/train" -q --net=large.net --mean=mean.safetensors --lr=0 --batch=8 --steps=30 -o w.safetensors train.shard
  assert_equal "$(wc -l <<< "$stderr")" 1
  assert_contains "$stderr" "train: step 1: the loss over 1 step is "
  assert_contains "$stderr" "far above guessing (ln 4 = 1.3863): try a smaller --lr than 0 or smaller init="
  # Steps so large that it rises.
  expect_status 0 "$BIN/train" -q --net=small.net --mean=mean.safetensors --lr=0.5 --batch=8 --steps=40 -o w.safetensors train.shard
  grep -Eq '^train: step 20: the loss over 20 steps is [0-9.]+, far above guessing' <<< "$stderr" || fail "$stderr"
  # Where --at made them so large, its rate is named.
  expect_status 0 "$BIN/train" -q --net=small.net --mean=mean.safetensors --at=0.2:lr=0.5 --batch=8 --steps=40 -o w.safetensors train.shard
  grep -q '^train: step 20: .*: try a smaller --lr than 0.5 ' <<< "$stderr" || fail "$stderr"
  # In a run that is too short for that, at its end.
  expect_status 0 "$BIN/train" -q --net=small.net --mean=mean.safetensors --lr=0.5 --batch=8 --steps=6 -o w.safetensors train.shard
  grep -Eq '^train: step 6: the loss over 6 steps is [0-9.]+, far above guessing' <<< "$stderr" || fail "$stderr"
}

@test "a validation loss far above guessing is said at once, and once" {
  # The same images with other labels.
  { head -c 8 train-labels.idx; od -A n -t u1 -v -w1 -j 8 train-labels.idx | while read -r label; do
    # shellcheck disable=SC2059
    printf "\\$(printf '%03o' $((3 - label)))"
  done; } > wrong-labels.idx
  "$BIN/imgprep" -q --size=none --gray --idx train-images.idx wrong-labels.idx -o wrong.shard
  says 'the validation loss is [0-9.]*, far above guessing \(ln 4 = 1.3863\), and the training loss 0\.[0-9]*: the labels' \
    --epochs=60 --lr=0.01 --val=wrong.shard train.shard
}

@test "a batch larger than the set, and a rate that hardly ever works, are said before the first step" {
  says 'a batch of 64 is larger than the training set of 40 images: each step takes an image 1.6 times on average' \
    --batch=64 --steps=1 train.shard
  says 'a learning rate of 3 is unusually high' --lr=3 --steps=1 train.shard
}

@test "sets that teach or tell nothing are said before the first step" {
  make_idx one 10 size=12x12 classes=1
  "$BIN/imgprep" -q --size=none --gray --idx one-images.idx one-labels.idx -o one.shard
  says 'all images of the training set are of one class, 0: there is nothing to tell apart' --steps=1 one.shard
  says 'the validation set is the training set: its errors say nothing about other images' --steps=1 --val=train.shard train.shard
  cp train.shard copy.shard
  says 'the validation set is the training set' --steps=1 --val=copy.shard train.shard
  "$BIN/shardpack" -q --per-shard=20 -o 'part-%d.shard' train.shard
  says 'the validation set shares part-1.shard with the training set' --steps=1 --val=val.shard --val=part-1.shard part-0.shard part-1.shard
  printf '%s\n' 0 1 2 3 > four.txt
  make_idx two 10 size=12x12 classes=2
  "$BIN/imgprep" -q --size=none --gray --classes=four.txt --idx two-images.idx two-labels.idx -o two.shard
  notes '2 of 4 classes without images in the training set: 2, 3' --steps=1 two.shard
}

@test "a run without steps, and intervals that are longer than the run, are noted" {
  notes 'no step is asked for: the weights will be the initial values' --steps=0 train.shard
  notes 'no step is asked for' --epochs=0 train.shard
  notes '--log-every is longer than the run of 3 steps: only at the end' --steps=3 --log-every=4steps --log=/dev/null train.shard
  notes '--val-every is longer' --steps=3 --val-every=1epoch --val=val.shard train.shard
  notes '--checkpoint-every is longer' --steps=3 --checkpoint-every=2epochs --checkpoint=/dev/null train.shard
  # The default is nobody's mistake.
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=3 --log=/dev/null --val=val.shard -o w.safetensors train.shard
  [[ $stderr != *"longer"* ]] || fail "$stderr"
}
