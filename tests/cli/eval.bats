# eval: counts every record once, uses the weights' own preprocessing, and refuses shards that do not fit them.
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --epochs=3 -o w.safetensors train.shard
}

@test "eval prints four lines, or JSON" {
  expect_status 0 "$BIN/eval" -w w.safetensors val.shard
  assert_equal "$(cut -f 1 <<< "$output" | xargs)" "images top1_error top5_error loss"
  assert_equal "$(value_of images)" 12
  local error loss
  error=$(value_of top1_error) loss=$(value_of loss)
  assert_equal "$(value_of top5_error)" 0.000000  # of four classes
  expect_status 0 "$BIN/eval" -w w.safetensors --json val.shard
  assert_equal "${#lines[@]}" 1
  requires perl
  assert_equal "$(perl -MJSON::PP -e 'printf "%d %.6f %.6f", @{decode_json(<STDIN>)}{qw(images top1_error loss)}' \
    <<< "$output")" "12 $error $loss"
}

@test "eval counts every record once for any batch, even if the last one is partial" {
  expect_status 0 "$BIN/eval" -q -w w.safetensors --batch=1 --predictions=one.tsv train.shard
  local error loss batch
  error=$(value_of top1_error) loss=$(value_of loss)
  assert_lines one.tsv 41
  for batch in 3 16 39 40 41 128; do
    expect_status 0 "$BIN/eval" -q -w w.safetensors --batch=$batch --predictions=many.tsv train.shard
    assert_equal "$(value_of images)" 40
    assert_equal "$(value_of top1_error)" "$error"
    cmp one.tsv many.tsv
    # Another batch size may sum in another order, which changes a loss of about 1 by some 1e-6.
    awk -v a="$loss" -v b="$(value_of loss)" 'BEGIN { exit !(a - b < 2e-5 && b - a < 2e-5) }' ||
      fail "loss $(value_of loss) instead of $loss"
  done
}

@test "eval --per-class, --confusion and --predictions agree with one another" {
  expect_status 0 "$BIN/eval" -q -w w.safetensors --per-class --confusion=c.tsv --predictions=p.tsv train.shard
  assert_equal "$(grep -c '^class	' <<< "$output")" 4
  assert_equal "$(grep '^class	' <<< "$output" | cut -f 4 | xargs)" "10 10 10 10"
  assert_equal "$(head -n 1 c.tsv)" "class	0	1	2	3"
  assert_equal "$(head -n 1 p.tsv)" "name	class	rank1	rank2	rank3	rank4"
  assert_equal "$(sed -n 2p p.tsv | cut -f 1,2)" "train-images.idx:0	0"
  # Counts the wrong answers in each of the three.
  local total matrix answers
  total=$(awk -F '\t' '$1 == "class" { sum += $4 * $5 } END { printf "%.0f", sum }' <<< "$output")
  matrix=$(awk -F '\t' 'NR > 1 { for (i = 2; i <= 5; i++) if (i != NR) sum += $i } END { print sum + 0 }' c.tsv)
  answers=$(awk -F '\t' 'NR > 1 && $2 != $3' p.tsv | wc -l)
  assert_equal "$matrix $answers" "$total $total"
}

@test "eval --per-class has no figures for a class without images, and leaves it out of the means" {
  # Four images, two of each of two classes; the net knows four.
  printf '%s\n' 0 1 2 3 > classes.txt
  make_idx two 4 size=12x12 classes=2
  "$BIN/imgprep" -q --size=none --gray --classes=classes.txt --idx two-images.idx two-labels.idx -o two.shard
  expect_status 0 "$BIN/eval" -q -w w.safetensors --per-class two.shard
  assert_equal "$(grep '^class	[23]' <<< "$output")" "class	2		0	-	-	-
class	3		0	-	-	-"
  local figure column
  for figure in top1_error top5_error loss; do
    column=$((column + 1))
    awk -F '\t' -v column=$((column + 4)) -v mean="$(value_of mean_class_$figure)" '
      $1 == "class" && $4 > 0 { sum += $column; ++classes }
      END { difference = sum / classes - mean; exit !(mean != "" && difference * difference < 1e-11) }' <<< "$output" ||
      fail "mean_class_$figure in $output"
  done
  local error
  error=$(value_of mean_class_top1_error)
  expect_status 0 "$BIN/eval" -q -w w.safetensors --per-class --json two.shard
  assert_contains "$output" '"id":"3","name":"","images":0,"top1_error":null,"top5_error":null,"loss":null}'
  requires perl
  assert_equal "$(perl -MJSON::PP -e 'printf "%.6f", decode_json(<STDIN>)->{mean_class_top1_error}' \
    <<< "$output")" "$error"
}

# make_many N: makes many.shard, two 4x4 images of the first and the last of N classes, and many.safetensors, weights
# that take each for the other.
make_many() {
  seq -f 'n%08.0f' 1 "$1" > classes.txt
  printf 'input 4x4x1\nfc out %d init=0\nsoftmax\n' "$1" > many.net
  fixture png a.png size=4x4
  fixture png b.png size=4x4 seed=2
  printf 'b.png\tn00000001\na.png\tn%08d\n' "$1" > many.tsv
  "$BIN/imgprep" -q --size=4 --gray --classes=classes.txt --files-from=many.tsv -o many.shard || return 1
  "$BIN/meanimg" -q -o many-mean.safetensors many.shard || return 1
  printf 'b.png\tn%08d\n' "$1" > last.tsv
  "$BIN/imgprep" -q --size=4 --gray --classes=classes.txt --files-from=last.tsv -o last.shard || return 1
  "$BIN/train" -q --net=many.net --mean=many-mean.safetensors --steps=3 --batch=1 -o many.safetensors last.shard
}

@test "eval --confusion writes pairs instead of a matrix above 20000 classes" {
  make_many 21841  # of ImageNet-21K
  expect_status 0 "$BIN/eval" -q -w many.safetensors --confusion=c.tsv --predictions=p.tsv many.shard
  assert_equal "$(cat c.tsv)" "true	predicted	count
n00000001	n00021841	1
n00021841	n00000001	1"
  assert_equal "$(tail -n +2 p.tsv | cut -f 2,3 | sed 's/$/\t1/')" "$(tail -n +2 c.tsv)"
  expect_status 0 "$BIN/eval" -q -w many.safetensors --confusion=c.tsv many.shard many.shard
  assert_equal "$(cut -f 3 c.tsv | xargs)" "count 2 2"
}

@test "eval takes shards from standard input, several of them, and JPEG ones" {
  expect_status 0 "$BIN/eval" -q -w w.safetensors train.shard
  local expected=$output
  assert_equal "$("$BIN/eval" -q -w w.safetensors < train.shard)" "$expected"
  # shellcheck disable=SC2002  # a pipe, not a file
  assert_equal "$(cat train.shard | "$BIN/eval" -q -w w.safetensors -)" "$expected"
  expect_status 0 "$BIN/eval" -q -w w.safetensors train.shard val.shard
  assert_equal "$(value_of images)" 52
  "$BIN/shardpack" -q --codec=jpeg:100 -o jpeg.shard train.shard
  expect_status 0 "$BIN/eval" -q -w w.safetensors jpeg.shard
  assert_equal "$(value_of images)" 40
}

@test "eval leaves damaged records out, names them, and ends with 3" {
  damage_payload train.shard 5
  expect_status 3 "$BIN/eval" -w w.safetensors --rejects=r.tsv train.shard
  assert_equal "${stderr_lines[-1]}" "eval: 39 records, 1 rejected"
  assert_lines r.tsv 1
  grep -q '^train.shard: record 5 (.*): offset [0-9]*	.*checksum' r.tsv || fail "$(cat r.tsv)"
  assert_equal "$(value_of images)" 39
  assert_contains "$stderr" "record 5 "
  refuse 1 'record 5 ' "$BIN/eval" -q -w w.safetensors --on-error=stop --predictions=p.tsv train.shard
  assert_missing p.tsv
}

# cut_shard: makes cut.shard, which is val.shard without the last 5 of its 12 records and all that follows.
cut_shard() { head -c "$("$BIN/shardpack" --list val.shard | sed -n 8p | cut -f 5)" val.shard > cut.shard; }

@test "train, eval and predict count the records that a cut shard lost" {
  cut_shard
  refuse 3 '^eval: 7 records, at least 5 rejected$' "$BIN/eval" -w w.safetensors cut.shard
  assert_equal "$(value_of images)" 7
  refuse 3 '^predict: 7 images, at least 5 rejected$' "$BIN/predict" -w w.safetensors cut.shard
  refuse 3 '^train: 7 records, at least 5 rejected$' "$BIN/train" "${SMALL[@]}" --epochs=1 -o x.safetensors cut.shard
}

@test "eval refuses shards that do not fit the weights" {
  make_idx other 8 size=14x14 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx other-images.idx other-labels.idx -o other.shard
  refuse 1 '^eval: other.shard: images are 14x14x1 .*the net takes 12x12x1' "$BIN/eval" -w w.safetensors other.shard
  fixture png a.png size=12x12
  "$BIN/imgprep" -q --size=none --gray a.png -o unlabelled.shard
  refuse 1 'record 0 \(a.png\): has no label' "$BIN/eval" -w w.safetensors unlabelled.shard
  printf '0\n1\ntwo\n3\n' > classes.txt
  "$BIN/imgprep" -q --size=none --gray --classes=classes.txt --idx val-images.idx val-labels.idx -o named.shard
  refuse 1 "^eval: named.shard: class 2 is 'two', but '2' in w.safetensors" "$BIN/eval" -w w.safetensors named.shard
  : > empty.shard
  refuse 1 'empty.shard' "$BIN/eval" -w w.safetensors empty.shard
}

@test "eval warns of shards that were prepared differently" {
  "$BIN/imgprep" -q --size=none --gray --exif --idx val-images.idx val-labels.idx -o exif.shard
  expect_status 0 "$BIN/eval" -w w.safetensors exif.shard
  assert_contains "$stderr" "eval: exif.shard: prepared in another way than w.safetensors: exif"
}

@test "eval refuses files that are not weights" {
  refuse 1 '^eval: val.shard: a shard where weights are expected$' "$BIN/eval" -w val.shard val.shard
  refuse 1 '^eval: mean.safetensors: a mean file where weights are expected$' "$BIN/eval" -w mean.safetensors val.shard
  refuse 1 'No such file' "$BIN/eval" -w nothing val.shard
  refuse 1 'a folder where a file is expected' "$BIN/eval" -w . val.shard
  head -c 2000 w.safetensors > cut.safetensors
  refuse 1 'cut.safetensors: offset' "$BIN/eval" -w cut.safetensors val.shard
  refuse 2 "Try 'convoy eval --help'" "$BIN/eval" val.shard
  refuse 2 "Try 'convoy eval --help'" "$BIN/eval" -w w.safetensors --batch=0 val.shard
}

@test "eval reports what it cannot write" {
  requires_full_device
  refuse 1 '/dev/full: No space left' "$BIN/eval" -w w.safetensors --confusion=/dev/full val.shard
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -q -w w.safetensors val.shard > /dev/full' "$BIN/eval"
  [ "$status" -eq 1 ]
  assert_contains "$stderr" "stdout: No space left"
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -q -w w.safetensors val.shard >&-' "$BIN/eval"
  [ "$status" -eq 1 ]
}

@test "the examples of man convoy-eval work" {
  mv w.safetensors small.safetensors
  cp small.safetensors b.safetensors
  cp small.safetensors c.safetensors
  local examples command
  mapfile -t examples < <(man_examples convoy-eval.1)
  [ "${#examples[@]}" -ge 5 ]
  for command in "${examples[@]}"; do run_example "$command"; done
}

@test "eval -o writes the results to a file" {
  "$BIN/eval" -q -w w.safetensors val.shard > out.tsv
  expect_status 0 "$BIN/eval" -q -w w.safetensors -o file.tsv val.shard
  assert_equal "$output" ""
  cmp file.tsv out.tsv
}

@test "eval complains of a class table that is not the net's before any label" {
  make_idx more 12 size=12x12 classes=6
  "$BIN/imgprep" -q --size=none --gray --idx more-images.idx more-labels.idx -o more.shard
  expect_status 1 "$BIN/eval" -q -w w.safetensors more.shard
  assert_contains "$stderr" "class"
  [[ $stderr != *"outside the net"* ]] || fail "$stderr"
}

# answers_of OPTION...: predict's probabilities of val.shard, a line "name<TAB>class<TAB>probability" each, sorted.
answers_of() {
  "$BIN/predict" -q --json "$@" val.shard | perl -MJSON::PP -ne '
    my $answer = decode_json($_);
    printf "%s\t%s\t%.9f\n", $answer->{name}, $_->{class_id}, $_->{probability} for @{$answer->{predictions}}' | sort
}
# mean_of WEIGHT FILE WEIGHT FILE: the weighted mean of two such lists.
mean_of() {
  paste "$2" "$4" | awk -F '\t' -v a="$1" -v b="$3" \
    '{ if ($1 != $4 || $2 != $5) exit 1; printf "%s\t%s\t%.9f\n", $1, $2, (a * $3 + b * $6) / (a + b) }'
}
# near FILE FILE: whether two such lists agree within the rounding of floats.
near() {
  paste "$1" "$2" | awk -F '\t' '{ d = $3 - $6; if ($1 != $4 || $2 != $5 || d * d > 1e-12) { print; bad = 1 } }
    END { exit bad || NR == 0 }' || fail "$1 and $2 differ"
}

@test "several -w are an ensemble: the weighted mean of their probabilities, in eval and predict" {
  requires perl
  small_train --seed=7 --epochs=2 -o b.safetensors train.shard
  # Another net, with another crop.
  sed 's/10x10x1/8x8x1/; s/c1 8/c1 6/' small.net > other.net
  small_train --net=other.net --epochs=2 -o c.safetensors train.shard
  answers_of -w w.safetensors > a.tsv
  answers_of -w c.safetensors > c.tsv
  mean_of 1 a.tsv 1 c.tsv > want.tsv
  answers_of -w w.safetensors -w c.safetensors > got.tsv
  near got.tsv want.tsv
  mean_of 2.5 a.tsv 1 c.tsv > want.tsv
  answers_of -w w.safetensors -w c.safetensors --ensemble-weights=2.5,1 > got.tsv
  near got.tsv want.tsv
  answers_of -w w.safetensors -w c.safetensors --ensemble-weights=2.5,1 --batch=5 -j 1 > other.tsv
  near other.tsv want.tsv
  # A net with itself is that net.
  answers_of -w w.safetensors -w w.safetensors > got.tsv
  near got.tsv a.tsv
  # eval measures the same answers: its loss is the mean of -ln of the true class's probability.
  expect_status 0 "$BIN/eval" -q -w w.safetensors -w c.safetensors --ensemble-weights=2.5,1 --predictions=p.tsv val.shard
  local loss
  loss=$(awk -F '\t' 'NR == FNR { if (FNR > 1) true_class[$1] = $2; next }
    true_class[$1] == $2 { sum -= log($3); ++images } END { printf "%.6f", sum / images }' p.tsv want.tsv)
  awk -v a="$loss" -v b="$(value_of loss)" 'BEGIN { exit !(a - b < 1e-5 && b - a < 1e-5) }' || fail "$loss, not $(value_of loss)"
  assert_equal "$(value_of images)" 12
  # Three nets, and the bits do not depend on the threads.
  local threads
  for threads in 1 2 3; do
    "$BIN/predict" -q --json --views=10 -j $threads -w w.safetensors -w b.safetensors -w c.safetensors val.shard > $threads.json
    cmp 1.json $threads.json
  done
}

@test "--views=10 averages crops and reflections: a reflected image has the same answer" {
  requires perl
  # The mean of a pixel is not that of its reflection: here it is zero.
  small_train --mean=none --lr=0.0005 --epochs=2 -o plain.safetensors train.shard
  mkdir photos
  "$BIN/shardpack" -q --extract=photos val.shard
  "$BIN/predict" -q --json --views=10 -w w.safetensors photos > ten.json
  "$BIN/predict" -q --json --views=1 -w w.safetensors photos > one.json
  "$BIN/predict" -q --json -w w.safetensors photos > default.json
  cmp one.json default.json
  ! cmp -s one.json ten.json || fail "ten views answer as one"
  answers_of --views=10 -w w.safetensors > ten.tsv
  answers_of --views=10 --batch=1 -w w.safetensors > other.tsv
  near other.tsv ten.tsv
  answers_of --views=10 --batch=7 -j 1 -w w.safetensors > other.tsv
  near other.tsv ten.tsv
  # The records of val.shard reflected, pixel by pixel.
  requires python3
  python3 - val-images.idx mirror-images.idx << 'PYTHON'
import sys
data = open(sys.argv[1], 'rb').read()
rows = [data[i:i + 12] for i in range(16, len(data), 12)]
open(sys.argv[2], 'wb').write(data[:16] + b''.join(row[::-1] for row in rows))
PYTHON
  "$BIN/imgprep" -q --size=none --gray --idx mirror-images.idx val-labels.idx -o mirror.shard
  answers_of --views=10 -w plain.safetensors | sed 's/^val-/mirror-/' > want.tsv
  answers_of -w plain.safetensors | sed 's/^val-/mirror-/' > single.tsv
  mv val.shard original.shard
  mv mirror.shard val.shard
  answers_of --views=10 -w plain.safetensors > got.tsv
  near got.tsv want.tsv
  ! near <(answers_of -w plain.safetensors) single.tsv 2> /dev/null || fail "the images are their own reflections"
  mv original.shard val.shard
  # eval counts every record once for any batch.
  local batch errors
  errors=$("$BIN/eval" -q --views=10 -w w.safetensors val.shard | head -n 3)
  for batch in 1 5 11 12; do
    expect_status 0 "$BIN/eval" -q --views=10 --batch=$batch -w w.safetensors val.shard
    assert_equal "$(head -n 3 <<< "$output")" "$errors"
  done
}

@test "ten views of a net that takes whole images are two, and cost no more" {
  requires perl
  sed 's/10x10x1 from=12x12/12x12x1/' small.net > whole.net
  small_train --net=whole.net --epochs=2 -o whole.safetensors train.shard
  answers_of -w whole.safetensors > one.tsv
  answers_of --views=10 -w whole.safetensors > ten.tsv
  ! cmp -s one.tsv ten.tsv || fail "the reflection does not count"
}

@test "nets of an ensemble must agree in classes, stored size and preprocessing" {
  make_net 5
  small_train --epochs=1 --net=small.net -o five.safetensors train.shard
  refuse 1 '^eval: five.safetensors: its net has 5 outputs, that of w.safetensors has 4$' \
    "$BIN/eval" -q -w w.safetensors -w five.safetensors val.shard
  make_idx large 8 size=14x14 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx large-images.idx large-labels.idx -o large.shard
  "$BIN/meanimg" -q -o large-mean.safetensors large.shard
  make_net 4
  sed 's/from=12x12/from=14x14/' small.net > large.net
  "$BIN/train" -q --net=large.net --mean=large-mean.safetensors --batch=8 --steps=1 -o large.safetensors large.shard
  refuse 1 '^predict: large.safetensors: takes stored images of 14x14x1 \(height x width x channels\), w.safetensors takes 12x12x1$' \
    "$BIN/predict" -q -w w.safetensors -w large.safetensors val.shard
  "$BIN/shardpack" -q --extract=photos train.shard
  "$BIN/imgprep" -q --size=12 --gray photos -o sized.shard
  "$BIN/meanimg" -q -o sized-mean.safetensors sized.shard
  "$BIN/train" -q --net=small.net --mean=sized-mean.safetensors --batch=8 --steps=1 -o sized.safetensors sized.shard
  refuse 1 '^eval: sized.safetensors: (class 0 is|its images were prepared in another way than those of w.safetensors: )' \
    "$BIN/eval" -q -w w.safetensors -w sized.safetensors val.shard
  refuse 2 "^eval: --ensemble-weights: 1 number for 2 nets" "$BIN/eval" -w w.safetensors -w w.safetensors --ensemble-weights=2 val.shard
  refuse 2 "^eval: --ensemble-weights: 2 numbers for 1 net" "$BIN/eval" -w w.safetensors --ensemble-weights=2,1 val.shard
  local bad
  for bad in 0,1 -1,1 nan,1 inf,1 ,1 '1,x' 1e7,1; do
    refuse 2 "^eval: --ensemble-weights: " "$BIN/eval" -w w.safetensors -w w.safetensors "--ensemble-weights=$bad" val.shard
  done
  for bad in 2 0 11 ten; do refuse 2 "^eval: --views: " "$BIN/eval" -w w.safetensors "--views=$bad" val.shard; done
}

@test "the memory of all nets is planned before one is compiled" {
  local both=$TMP/both one
  one=$("$BIN/eval" -v -w w.safetensors --device=cpu -j 1 val.shard 2>&1 | sed -n 's/.*a batch of 12 needs \([0-9.]*\) KiB.*/\1/p')
  "$BIN/eval" -v -w w.safetensors -w w.safetensors --device=cpu -j 1 val.shard 2> "$both"
  awk -v one="$one" -v both="$(sed -n 's/.*2 nets: a batch of 12 needs \([0-9.]*\) KiB.*/\1/p' "$both")" \
    'BEGIN { exit !(both > 1.5 * one && both < 2.5 * one) }' || fail "$one alone: $(cat "$both")"
  local limit=$((${one%.*} * 3 / 2))
  expect_status 0 "$BIN/eval" -q -w w.safetensors --device=cpu -j 1 --max-memory=${limit}K val.shard
  refuse 1 '^eval: net: a batch of 12 needs .* \(weights .*, activations .*\), the limit is .*: --batch=[0-9]+ would fit$' \
    "$BIN/eval" -q -w w.safetensors -w w.safetensors --device=cpu -j 1 --max-memory=${limit}K val.shard
}
