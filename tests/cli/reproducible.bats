# The same seed gives the same bytes, and data does not depend on the number of threads.
load common
load training

@test "shards and means are the same for -j1 and -j2" {
  make_folders photos 3 7 size=40x30
  local j
  for j in 1 2; do
    "$BIN/imgprep" -q -j $j --size=24 -o "$j.shard" photos
    "$BIN/meanimg" -q -j $j -o "$j.mean" "$j.shard"
    "$BIN/shardpack" -q --shuffle --seed=5 -o "$j.shuffled" "$j.shard"
  done
  cmp 1.shard 2.shard
  cmp 1.mean 2.mean
  cmp 1.shuffled 2.shuffled
  "$BIN/shardpack" -q --shuffle --seed=6 -o other.shuffled 1.shard
  run ! cmp -s 1.shuffled other.shuffled
}

@test "weights are equal, bit for bit, for the same seed and threads, and change with the seed" {
  make_training_set
  local j
  for j in 1 2; do
    small_train -j $j --steps=20 -o a.safetensors train.shard
    small_train -j $j --steps=20 -o b.safetensors train.shard
    cmp a.safetensors b.safetensors
    small_train -j $j --steps=20 --seed=2 -o c.safetensors train.shard
    run ! cmp -s a.safetensors c.safetensors
  done
}

@test "order, crops, reflections and dropout masks are the same for -j1 and -j2" {
  make_training_set
  local j
  for j in 1 2; do
    small_train -j $j --steps=12 --log=$j.tsv --log-every=1steps -o w.safetensors train.shard
  done
  small_train --steps=12 --seed=2 --log=other.tsv --log-every=1steps -o w.safetensors train.shard
  # Another image, crop or mask changes the loss of a step by about 1e-2; another order of summation changes it by some
  # 1e-6, which may grow over the steps.
  differ() {
    paste "$1" "$2" | awk -F '\t' 'NR > 1 && ($5 - $14 > 1e-4 || $14 - $5 > 1e-4) { bad = 1 } END { exit !bad }'
  }
  ! differ 1.tsv 2.tsv || fail "$(paste 1.tsv 2.tsv | cut -f 5,14)"
  differ 1.tsv other.tsv
}

@test "a JPEG training set is the same for any number of threads that decode it" {
  make_training_set
  "$BIN/shardpack" -q --codec=jpeg:95 -o jpeg.shard train.shard
  local j
  for j in 1 2; do
    small_train -j $j --steps=6 --log=$j.tsv --log-every=1steps -o w.safetensors jpeg.shard
  done
  paste 1.tsv 2.tsv | awk -F '\t' 'NR > 1 && ($5 - $14 > 1e-4 || $14 - $5 > 1e-4) { exit 1 }'
}
