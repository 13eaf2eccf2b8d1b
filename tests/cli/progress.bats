# Progress as a terminal shows it, by means of a pseudo-terminal.
load common
load training

setup() {
  common_setup
  requires stty
  requires_terminal
}

# on_terminal COLUMNS COMMAND: runs the command in bash on a terminal of that width; `shown` has all states of the last
# line that it showed.
on_terminal() {
  script -qec "stty cols $1; $2" /dev/null < /dev/null > typescript
  tr '\r' '\n' < typescript | sed 's/\x1b\[K//g' | sed '/^$/d' > shown
}

@test "train shows its rate, the time left and the loss at 80 columns; a longer bar at 120" {
  make_training_set
  # The run is long, and is stopped when it has drawn some states, so that the speed of the machine does not matter.
  local command="timeout --foreground 1 '$BIN/train' ${SMALL[*]} --steps=1000000 --overwrite -o w.safetensors train.shard || true"
  on_terminal 80 "$command"
  grep -Eq '^train: \[[# ]{10}\] [0-9]+/8000000 images [0-9.]+/s ETA [0-9hms]+ loss [0-9]' shown || fail "$(cat shown)"
  [ "$(grep '^train: \[' shown | awk '{ print length($0) }' | sort -n | tail -n 1)" -le 79 ] || fail "$(cat shown)"
  on_terminal 120 "$command"
  grep -Eq '^train: \[[# ]{24}\] [0-9]+/8000000 images [0-9.]+/s ETA [0-9hms]+ loss [0-9.]+ epoch [0-9.]+ step [0-9]+$' shown ||
    fail "$(cat shown)"
  on_terminal 50 "$command"
  grep -Eq '^train: [0-9]+/8000000 images [0-9.]+/s ETA' shown || fail "$(cat shown)"
}

@test "predict and shardpack's listings show progress, but not between their lines" {
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  on_terminal 80 "'$BIN/predict' -w w.safetensors val.shard > answers"
  grep -Eq '^predict: 12 images [0-9.]+/s in ' shown || fail "$(cat shown)"
  assert_lines answers 48
  on_terminal 80 "'$BIN/predict' -w w.safetensors -k 1 val.shard"
  sed -i '/^predict: device /d; /^predict: 12 images$/d' shown
  assert_lines shown 12
  local look
  for look in --verify --list --info; do
    on_terminal 80 "'$BIN/shardpack' $look train.shard val.shard > lines"
    grep -Eq '^shardpack: \[##########\] [0-9]+/[0-9]+ KiB [0-9.]+/s in ' shown || fail "$look: $(cat shown)"
    on_terminal 80 "'$BIN/shardpack' $look train.shard val.shard"
    cmp shown lines || fail "$look: $(cat shown)"
    on_terminal 80 "'$BIN/shardpack' -q $look train.shard val.shard > lines"
    [ ! -s shown ] || fail "$look: $(cat shown)"
  done
}
