# train: it learns, it says what goes wrong, and it leaves nothing half-written.
load common
load training

setup() {
  common_setup
  make_training_set
  basic=(--net=small.net --mean=mean.safetensors)
}

@test "train learns, validates, and logs what man convoy-train says" {
  expect_status 0 small_train --epochs=12 --val=val.shard --log=log.tsv --log-every=1epoch -o w.safetensors train.shard
  assert_equal "$(head -n 1 log.tsv)" \
    "step	epoch	set	images	loss	top1_error	top5_error	learning_rate	images_per_second"
  assert_equal "$(cut -f 3 log.tsv | sort | uniq -c | xargs)" "1 set 12 train 12 val"
  # The net starts out with the loss of guessing, ln 4 = 1.386, and ends with hardly any errors.
  awk -F '\t' 'NR == 2 && ($5 < 0.3 || $5 > 1.5) { exit 1 }' log.tsv || fail "first loss: $(sed -n 2p log.tsv)"
  expect_status 0 "$BIN/eval" -q -w w.safetensors train.shard
  awk -v error="$(value_of top1_error)" 'BEGIN { exit !(error <= 0.05) }' || fail "$output"
}

@test "train writes weights to standard output, from shards on standard input" {
  small_train --steps=4 -o w.safetensors train.shard
  small_train --steps=4 < train.shard > piped.safetensors
  cmp w.safetensors piped.safetensors
  # shellcheck disable=SC2002  # a pipe, not a file
  cat train.shard | small_train --steps=4 - > piped.safetensors
  cmp w.safetensors piped.safetensors
  printf 'train.shard\0' > names
  small_train --steps=4 --files-from=names -0 -o listed.safetensors
  cmp w.safetensors listed.safetensors
}

@test "train --config gives options, and the command line wins" {
  printf '%s\n' 'net=small.net' 'mean=mean.safetensors' 'batch=8' 'lr=0.5' 'flip=off' 'steps=4' > run.conf
  small_train --steps=4 -o w.safetensors train.shard
  "$BIN/train" -q --config=run.conf --lr=0.002 -o configured.safetensors train.shard
  cmp w.safetensors configured.safetensors
}

@test "train --describe shows the layers" {
  expect_status 0 "$BIN/train" --describe --net=small.net
  assert_contains "$output" "c1"
  assert_contains "$output" "f2"
}

@test "train --steps=0 writes the initial weights, which --seed changes" {
  small_train --steps=0 -o a.safetensors train.shard
  small_train --steps=0 -o b.safetensors train.shard
  small_train --steps=0 --seed=2 -o c.safetensors train.shard
  cmp a.safetensors b.safetensors
  run ! cmp -s a.safetensors c.safetensors
}

@test "train stops if the loss is not a number: status 1, no weights, the last checkpoint stays" {
  small_train --steps=2 --checkpoint=c.safetensors -o w.safetensors train.shard
  cp c.safetensors before.safetensors
  refuse 1 'not a finite number|not finite numbers' "$BIN/train" "${basic[@]}" --resume=c.safetensors --lr=1e6 --steps=60 \
    -o diverged.safetensors train.shard
  assert_contains "$stderr" "smaller --lr"
  assert_contains "$stderr" "--resume=c.safetensors"
  assert_missing diverged.safetensors
  cmp c.safetensors before.safetensors
}

# Prints the lines of train --profile on standard error.
profile_lines() { sed -n '/^phase /,$p' <<< "$stderr"; }
# The shares of all lines except the sums add up to 100 %, apart from rounding, and all phases and layers are there.
profile_is_whole() {
  profile_lines | awk '
    NR > 1 && $1 !~ /^[#(]/ && ($2 != "(all)" || $1 == "other") { sum += $4; lines++ }
    END { exit !(lines > 5 && sum > 100 - 0.005 * lines && sum < 100 + 0.005 * lines) }' || fail "$stderr"
  local line
  for line in 'read input' 'augment input' 'forward c1' 'forward maxpool1' 'forward f1' 'forward softmax' 'backward f2' 'backward c1' \
    'update c1' 'update f2'; do
    profile_lines | awk -v phase="${line% *}" -v layer="${line#* }" \
      '$1 == phase && ("+" $2 "+") ~ ("[+]" layer "[+]") { found = 1 } END { exit !found }' || fail "no $line in: $stderr"
  done
}

@test "train --profile says where the time went, and changes nothing else" {
  small_train --steps=6 --device=cpu -o plain.safetensors train.shard
  expect_status 0 small_train --profile --steps=6 --device=cpu --val=val.shard --val-every=2steps -o w.safetensors train.shard
  profile_is_whole
  assert_contains "$stderr" "# 6 steps of 8 images, 32-bit activations: "
  cmp w.safetensors plain.safetensors
  # As a filter, with the weights on standard output.
  small_train --profile --steps=6 --device=cpu < train.shard > piped.safetensors 2> profile.txt
  cmp piped.safetensors plain.safetensors
  grep -q '^backward ' profile.txt
}

@test "train --profile counts only the steps of a resumed run, and none if there are none" {
  small_train --steps=4 --checkpoint=c.safetensors -o w.safetensors train.shard
  expect_status 0 small_train --profile --resume=c.safetensors --steps=7 --device=cpu -o w.safetensors train.shard
  profile_is_whole
  assert_contains "$stderr" "# 3 steps of 8 images"
  expect_status 0 small_train --profile --steps=0 -o w.safetensors train.shard
  assert_contains "$stderr" "no step was taken"
}

@test "train writes the profile even if a signal ends it" {
  "$BIN/train" -q "${SMALL[@]}" --profile --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors \
    -o w.safetensors train.shard 2> profile.txt &
  local pid=$! status=0
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.1; done
  kill -TERM "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 143
  stderr=$(cat profile.txt)
  profile_is_whole
}

@test "train warns of a loss that stays at chance" {
  expect_status 0 "$BIN/train" --net=small.net --mean=mean.safetensors --batch=4 --lr=0 --steps=1001 -o w.safetensors train.shard
  assert_contains "$stderr" "no better than guessing (1.3863)"
  assert_contains "$stderr" "try another --lr"
}

@test "SIGHUP, SIGINT and SIGTERM end train after a checkpoint, with 129, 130 and 143" {
  local signal
  # A shell makes its background jobs ignore SIGINT.
  for signal in HUP:129 INT:130 TERM:143; do
    rm -f log.tsv c.safetensors
    env --default-signal=INT "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors -o w.safetensors train.shard &
    local pid=$! status=0
    until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.1; done
    kill -"${signal%:*}" "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" "${signal#*:}"
    assert_missing w.safetensors
    expect_status 0 "$BIN/eval" -q -w c.safetensors val.shard
  done
}

@test "a second signal ends train at once" {
  mkfifo c.safetensors  # opening it for writing blocks until somebody reads
  "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors -o w.safetensors train.shard &
  local pid=$! status=0 before
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.1; done
  kill -TERM "$pid"
  before=-1
  until [ "$(wc -l < log.tsv)" -eq "$before" ]; do before=$(wc -l < log.tsv) && sleep 1; done  # it is at its checkpoint
  kill -0 "$pid"
  kill -TERM "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 143
  assert_missing w.safetensors
}

@test "SIGHUP that comes again, or after SIGTERM, takes no checkpoint from train" {
  local first pid status before
  mkfifo c.safetensors  # opening it for writing blocks until somebody reads
  for first in HUP:129 TERM:143; do
    rm -f log.tsv
    "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors -o w.safetensors train.shard &
    pid=$! status=0
    until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.1; done
    kill -"${first%:*}" "$pid"
    before=-1
    until [ "$(wc -l < log.tsv)" -eq "$before" ]; do before=$(wc -l < log.tsv) && sleep 1; done  # it is at its checkpoint
    kill -HUP "$pid"
    timeout 30 cat c.safetensors > got.safetensors
    wait "$pid" || status=$?
    assert_equal "$status" "${first#*:}"
    expect_status 0 "$BIN/eval" -q -w got.safetensors val.shard
  done
}

@test "a signal while train writes its weights does not lose them" {
  small_train --steps=2 --checkpoint-every=never -o whole.safetensors train.shard
  mkfifo w.safetensors  # opening it for writing blocks until somebody reads
  "$BIN/train" -q "${SMALL[@]}" --steps=2 --log=log.tsv --log-every=1steps --checkpoint-every=never -o w.safetensors train.shard &
  local pid=$! status=0
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -eq 3 ]; do sleep 0.1; done
  until [ -e w.checkpoint.safetensors ]; do sleep 0.1; done  # written before the weights
  sleep 0.5
  kill -TERM "$pid"
  timeout 30 cat w.safetensors > got.safetensors
  wait "$pid" || status=$?
  assert_equal "$status" 0
  cmp got.safetensors whole.safetensors
}

@test "signals before the first step of train: SIGUSR1 waits for it, SIGTERM ends the run" {
  mkfifo input.shard
  local pid status=0
  "$BIN/train" -q "${SMALL[@]}" --steps=2 -o w.safetensors input.shard &
  pid=$!
  exec 8> input.shard  # blocks until train opens its data
  kill -USR1 "$pid"
  cat train.shard >&8
  exec 8>&-
  wait "$pid" || status=$?
  assert_equal "$status" 0
  [ -e w.checkpoint.safetensors ]
  rm w.safetensors
  "$BIN/train" -q "${SMALL[@]}" --steps=2 --overwrite -o w.safetensors input.shard 8>&- &
  pid=$!
  exec 8> input.shard
  kill -TERM "$pid"
  wait "$pid" || status=$?
  exec 8>&-
  assert_equal "$status" 143
  assert_missing w.safetensors
}

@test "SIGUSR1 makes train write a checkpoint and go on" {
  "$BIN/train" -q "${SMALL[@]}" --steps=100000000 --log=log.tsv --log-every=1steps --checkpoint=c.safetensors -o w.safetensors train.shard &
  local pid=$! status=0
  until [ -e log.tsv ] && [ "$(wc -l < log.tsv)" -gt 3 ]; do kill -0 "$pid" || fail "it ended by itself"; sleep 0.1; done
  [ ! -e c.safetensors ]
  kill -USR1 "$pid"
  wait_for c.safetensors
  kill -0 "$pid"
  kill -TERM "$pid"
  wait "$pid" || status=$?
  assert_equal "$status" 143
}

@test "train leaves damaged records out, names each once, and ends with 3" {
  damage_payload train.shard 5
  expect_status 3 "$BIN/train" "${basic[@]}" --epochs=3 -o w.safetensors train.shard
  assert_equal "$(grep -c 'record 5 .*checksum' <<< "$stderr")" 1
  assert_equal "${stderr_lines[-1]}" "train: 39 records, 1 rejected"
  expect_status 0 "$BIN/eval" -q -w w.safetensors val.shard
  damage_payload train.shard 9
  expect_status 3 "$BIN/train" "${basic[@]}" --epochs=3 --val=train.shard --rejects=r.tsv -o w.safetensors train.shard
  assert_contains "$stderr" "train: 78 records, 2 rejected"
  assert_equal "$(sort r.tsv | cut -f 1 | sed 's/:.*//' | xargs)" "train.shard train.shard"
  grep -q '^train.shard: record 5 (.*): offset [0-9]*	.*checksum' r.tsv || fail "$(cat r.tsv)"
  rm r.tsv
  refuse 1 'record 5 .*checksum' "$BIN/train" "${basic[@]}" --on-error=stop --order=sequential --rejects=r.tsv --epochs=3 \
    -o other.safetensors train.shard
  assert_lines r.tsv 1
  assert_missing other.safetensors
}

@test "train refuses records without a label, and labels that the net does not have" {
  fixture png a.png size=12x12
  "$BIN/imgprep" -q --size=none --gray a.png -o unlabelled.shard
  refuse 1 'record 0 \(a.png\): has no label' "$BIN/train" "${basic[@]}" -o w.safetensors unlabelled.shard
  make_net 3
  refuse 1 'train.shard: has 4 classes, the net only 3 outputs' "$BIN/train" "${basic[@]}" -o w.safetensors train.shard
  assert_missing w.safetensors
}

@test "train refuses inputs that do not fit together" {
  make_idx other 8 size=14x14 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx other-images.idx other-labels.idx -o other.shard
  refuse 1 '^train: other.shard: images are 14x14x1 .*the net takes 12x12x1' "$BIN/train" "${basic[@]}" -o w.safetensors other.shard
  refuse 1 'other.shard' "$BIN/train" "${basic[@]}" -o w.safetensors train.shard other.shard
  refuse 1 '^train: other.shard: images are 14x14x1' "$BIN/train" "${basic[@]}" --val=other.shard -o w.safetensors train.shard
  "$BIN/meanimg" -q -o other.mean other.shard
  refuse 1 "other.mean: tensor 'mean' is \[1,14,14\], not \[1,12,12\]" \
    "$BIN/train" --net=small.net --mean=other.mean -o w.safetensors train.shard
  make_idx five 10 size=12x12 classes=5
  "$BIN/imgprep" -q --size=none --gray --idx five-images.idx five-labels.idx -o five.shard
  refuse 1 'five.shard: has 5 classes, but the training set has 4' "$BIN/train" "${basic[@]}" --val=five.shard -o w.safetensors train.shard
  printf '0\n1\ntwo\n3\n' > classes.txt
  "$BIN/imgprep" -q --size=none --gray --classes=classes.txt --idx val-images.idx val-labels.idx -o named.shard
  refuse 1 "^train: named.shard: class 2 is 'two', but '2' in the training set" \
    "$BIN/train" "${basic[@]}" --val=named.shard -o w.safetensors train.shard
  printf 'input 12x12x3\nfc f 4\nsoftmax\n' > rgb.net
  refuse 1 'the net takes 12x12x3' "$BIN/train" --net=rgb.net --mean=none -o w.safetensors train.shard
  assert_missing w.safetensors
}

@test "train warns of a mean of images that were prepared differently" {
  "$BIN/imgprep" -q --size=none --gray --exif --idx train-images.idx train-labels.idx -o exif.shard
  "$BIN/meanimg" -q -o exif.mean exif.shard
  expect_status 0 "$BIN/train" --net=small.net --mean=exif.mean --steps=1 -o w.safetensors train.shard
  assert_contains "$stderr" "train: exif.mean: of images prepared in another way than the training set: exif true"
  expect_status 0 "$BIN/train" "${basic[@]}" --steps=1 -o w.safetensors train.shard
  assert_contains "$stderr" "40 images, 1 step of 128"
  case $stderr in *"another way"*) fail "$stderr" ;; esac
}

@test "train names what is wrong with its files" {
  refuse 1 'nothing.net: No such file' "$BIN/train" --net=nothing.net --mean=none -o w.safetensors train.shard
  refuse 1 'a folder where a file is expected' "$BIN/train" --net=. --mean=none -o w.safetensors train.shard
  printf 'input 12x12x1\nconf x\n' > bad.net
  refuse 1 'bad.net:2:1: ' "$BIN/train" --net=bad.net --mean=none -o w.safetensors train.shard
  refuse 1 'small.net: a net where a mean file is expected' "$BIN/train" --net=small.net --mean=small.net -o w.safetensors train.shard
  refuse 1 'nothing.shard: No such file' "$BIN/train" "${basic[@]}" -o w.safetensors nothing.shard
  refuse 1 'small.net' "$BIN/train" "${basic[@]}" -o w.safetensors small.net
  : > empty.shard
  refuse 1 'empty.shard' "$BIN/train" "${basic[@]}" -o w.safetensors empty.shard
  head -c 100 train.shard > cut.shard
  refuse 1 'cut.shard' "$BIN/train" "${basic[@]}" -o w.safetensors cut.shard
  assert_missing w.safetensors
}

@test "train finds out before the first step if it cannot write" {
  refuse 1 'no/such/w.safetensors: No such file' "$BIN/train" "${basic[@]}" -o no/such/w.safetensors train.shard
  mkdir folder
  refuse 1 'folder: Is a directory' "$BIN/train" "${basic[@]}" -o folder train.shard
  refuse 1 'no/such/c: No such file' "$BIN/train" "${basic[@]}" --checkpoint=no/such/c -o w.safetensors train.shard
  refuse 1 'log.tsv: No such file' "$BIN/train" "${basic[@]}" --log=no/such/log.tsv -o w.safetensors train.shard
  assert_missing w.safetensors
}

@test "train on a full disk fails" {
  requires_full_device
  refuse 1 '/dev/full: No space left' "$BIN/train" "${basic[@]}" --steps=1 -o /dev/full train.shard
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -q --net=small.net --mean=none --steps=1 train.shard > /dev/full' "$BIN/train"
  [ "$status" -eq 1 ]
  assert_contains "$stderr" "No space left"
  # The weights do not depend on the checkpoint, and are there; the status tells of it.
  refuse 1 '/dev/full: No space left' "$BIN/train" "${basic[@]}" --steps=2 --checkpoint-every=1steps --checkpoint=/dev/full \
    -o w.safetensors train.shard
  "$BIN/train" "${basic[@]}" --steps=2 --checkpoint-every=never -o whole.safetensors train.shard
  cmp w.safetensors whole.safetensors
}

@test "train says so if the processor does not compute in bf16" {
  export ONEDNN_MAX_CPU_ISA=AVX2
  refuse 1 "^train: this processor does not compute in bf16, which takes AVX-512: use --precision=fp32$" \
    "$BIN/train" "${basic[@]}" --device=cpu --precision=bf16 --steps=1 -o w.safetensors train.shard
  assert_missing w.safetensors
}

@test "train ends with 2 if it is used wrongly" {
  local option
  for option in --lr-policy=plateau --lr-policy=step:0.1 --warmup=-1 --warmup=1,2 --crop=middle --flip=maybe --order=random --batch=0 \
    --batch=8x --epochs=-1 --lr=nan --momentum=2 --seed=-1 --precision=fp64 --device=tpu --checkpoint-every=1hour \
    --val-every=3minutes --on-error=ignore --nonsense=1; do
    refuse 2 "Try 'convoy train --help'" "$BIN/train" "${basic[@]}" "$option" -o w.safetensors train.shard
  done
  refuse 2 "log-every: '20' lacks a unit: 20steps or 20epochs" "$BIN/train" "${basic[@]}" --log-every=20 train.shard
  refuse 2 '--mean=FILE is missing' "$BIN/train" --net=small.net -o w.safetensors train.shard
  refuse 2 '--net=FILE is missing' "$BIN/train" --mean=none -o w.safetensors train.shard
  refuse 2 'exclude each other' "$BIN/train" "${basic[@]}" --steps=1 --epochs=1 -o w.safetensors train.shard
  refuse 1 'cuda' "$BIN/train" "${basic[@]}" --device=cuda -o w.safetensors train.shard
  assert_missing w.safetensors
}

# Reads a log, and checks each learning rate against --lr-policy=plateau:0.5,2,3 with --lr=0.002 by the errors before it.
# Prints the number of drops.
follow_plateau() {
  awk -F '\t' '
    NR == 1 { rate = 0.002; best = 2; next }
    $8 != sprintf("%.6g", rate) { print "line " NR " has rate " $8 " instead of " rate; bad = 1 }
    $3 == "val" && $6 < best { best = $6; stale = 0; next }
    $3 == "val" && ++stale >= 2 && drops < 3 { stale = 0; drops++; rate /= 2 }
    END { print drops + 0; exit bad }' "$1"
}

@test "the rate of plateau follows the validation errors, also of a run that is stopped and resumed anywhere" {
  local run=(--val=val.shard --val-every=5steps --log-every=1steps)
  local policy=--lr-policy=plateau:0.5,2,3
  run --separate-stderr "$BIN/train" "${SMALL[@]}" "${run[@]}" "$policy" --steps=60 --log=whole.tsv -o whole.safetensors train.shard
  assert_equal "$status" 0
  assert_equal "$(follow_plateau whole.tsv)" 3
  # shellcheck disable=SC2154
  assert_contains "$stderr" 'no smaller top-1 error in 2 validations: the learning rate is multiplied by 0.5, drop 3 of 3'
  local at
  for at in 4 10 23 30 41; do
    rm -f log.tsv c.safetensors
    small_train "${run[@]}" "$policy" --steps=$at --log=log.tsv --checkpoint=c.safetensors -o w.safetensors train.shard
    "$BIN/train" -q --resume=c.safetensors "${run[@]}" --steps=60 --log=log.tsv -o w.safetensors train.shard
    cmp w.safetensors whole.safetensors
    awk -F '\t' '$3 == "train"' log.tsv | cut -f 1-8 > mine
    awk -F '\t' '$3 == "train"' whole.tsv | cut -f 1-8 | cmp - mine
  done
}

@test "a net with towers that are normalised alone, and maps, goes on from any step to the same weights" {
  printf '%s\n' 'input 10x10x1 from=12x12' 'conv c1 32 3x3 pad=1 init=0.05' 'lrn groups=2 alpha=0.01' 'maxpool 3x3 stride=2 ceil=on' \
    'relu' 'lrn-map size=3 alpha=0.01' 'conv c2 10 3x3 groups=2 init=0.05' 'relu' 'lrn groups=5 size=3' 'lrn-map window=sum' \
    'fc f 4 init=0.05' 'softmax' > small.net
  expect_status 0 "$BIN/train" --describe --net=small.net
  assert_contains "$(tr -s ' ' <<< "$output")" 'lrn-map1 lrn-map 5x5x32'
  local precision step
  for precision in fp32 bf16; do
    [ $precision = fp32 ] || requires_bf16
    small_train --precision=$precision -j2 --steps=8 -o whole.safetensors train.shard
    for step in 1 4 7; do
      rm -f c.safetensors
      small_train --precision=$precision -j2 --steps=$step --checkpoint=c.safetensors -o w.safetensors train.shard
      "$BIN/train" -q --resume=c.safetensors --steps=8 -o w.safetensors train.shard
      cmp w.safetensors whole.safetensors
    done
  done
  sed 's/groups=5/groups=4/' small.net > wrong.net
  refuse 1 'wrong\.net:9:1: groups=4 must divide the 10 channels' \
    "$BIN/train" -q --net=wrong.net --mean=mean.safetensors --steps=1 -o x train.shard
}

@test "plateau needs validations" {
  refuse 2 'lr-policy: plateau decides by the validation error: give --val' \
    "$BIN/train" -q "${SMALL[@]}" --lr-policy=plateau:0.1,3,2 --steps=1 -o w.safetensors train.shard
  refuse 2 'val-every: plateau decides by the validation error, and needs validations before the end' \
    "$BIN/train" -q "${SMALL[@]}" --lr-policy=plateau:0.1,3,2 --val=val.shard --val-every=never --steps=1 -o w.safetensors train.shard
  refuse 2 'the factor must be less than 1: 0.1 divides the rate by ten' \
    "$BIN/train" -q "${SMALL[@]}" --lr-policy=plateau:10,3,2 --val=val.shard --steps=1 -o w.safetensors train.shard
  small_train --lr-policy=plateau:0.1,3,2 --val=val.shard --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  refuse 2 'lr-policy: plateau decides by the validation error: give --val' \
    "$BIN/train" -q --resume=c.safetensors --steps=2 -o w.safetensors train.shard
}

@test "the log shows the rates of poly, cosine, exp and warmup" {
  local policy
  # 40 images in batches of 8: 5 steps an epoch; 10 steps in all.
  for policy in poly:1 cosine exp:0.5; do
    small_train --lr-policy=$policy --warmup=0.4 --steps=10 --log=$policy.tsv --log-every=1steps -o w.safetensors train.shard
    awk -F '\t' -v policy="$policy" '
      NR > 1 {
        s = $1 - 1
        f = policy == "poly:1" ? 1 - s / 10 : policy == "cosine" ? (1 + cos(3.14159265358979 * s / 10)) / 2 : exp(-log(2) * s / 5)
        if (s == 0) f /= 2  # the first of the two steps of warmup
        if ($8 != sprintf("%.6g", 0.002 * f)) { print policy, $0, 0.002 * f; bad = 1 }
        n++
      }
      END { exit bad || n != 10 }' "$policy.tsv"
  done
}

@test "the examples of man convoy-train work" {
  local examples command
  mapfile -t examples < <(man_examples convoy-train.1)
  [ "${#examples[@]}" -ge 4 ]
  for command in "${examples[@]}"; do run_example "$command"; done
  assert_equal "$(cut -d ' ' -f 1 <<< "$output")" 1  # from the last example; both epochs fit into one batch
}
