# predict: the classes of images from any source, answered as they come.
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --epochs=12 -o w.safetensors train.shard
  mkdir photos
  "$BIN/shardpack" -q --extract=photos val.shard
  mapfile -t images < <(find photos -name '*.png' | sort)
}

# Reads predict's output and prints the likeliest class of each image.
answers() { cut -f 3 | xargs; }

@test "predict prints name, rank, class ID, class and probability" {
  expect_status 0 "$BIN/predict" -w w.safetensors "${images[0]}"
  assert_equal "${#lines[@]}" 4  # of four classes
  assert_equal "$(cut -f 1,2 <<< "$output" | xargs)" "${images[0]} 1 ${images[0]} 2 ${images[0]} 3 ${images[0]} 4"
  awk -F '\t' 'NF != 5 || $5 > before && NR > 1 { bad = 1 } { before = $5; sum += $5 }
    END { exit bad || sum < 0.9999 || sum > 1.0001 }' <<< "$output" || fail "$output"
  expect_status 0 "$BIN/predict" -w w.safetensors -k 2 "${images[0]}"
  assert_equal "${#lines[@]}" 2
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 --json "${images[0]}"
  assert_contains "$output" '{"name":"'"${images[0]}"'","predictions":[{"rank":1,"class_id":"'
}

@test "predict reads an archive as the folder it was made of: links, hidden names, other files" {
  mkdir -p set/.hidden set/links
  cp "${images[0]}" set/.hidden/x.png && cp "${images[0]}" set/a.png && cp "${images[1]}" set/b.png
  ln set/a.png set/links/hard.png && ln -s ../b.png set/links/soft.png && ln -s .hidden set/through
  ln -s nothing.png set/links/nowhere.png
  echo text > set/README && mkdir set/docs && echo x > set/docs/annotation.xml
  tar --sort=name -cf set.tar set
  expect_status 3 "$BIN/predict" -w w.safetensors -k 1 set
  local expected
  expected=$(awk -F '\t' '$3 != ""' <<< "$output" | cut -f 3-)
  assert_contains "$stderr" "5 images, 1 rejected, 2 other files passed over"
  expect_status 3 "$BIN/predict" -w w.safetensors -k 1 set.tar
  assert_equal "$(awk -F '\t' '$3 != ""' <<< "$output" | cut -f 3-)" "$expected"
  assert_contains "$stderr" "5 images, 1 rejected, 2 other files passed over"
  # shellcheck disable=SC2016
  expect_status 3 bash -c 'gzip -c set.tar | "$0" -w w.safetensors -k 1' "$BIN/predict"
  assert_equal "$(awk -F '\t' '$3 != ""' <<< "$output" | cut -f 3-)" "$expected"
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 --exclude=links set.tar
  assert_contains "$stderr" "3 images, 2 other files passed over"
  mkdir tars && tar --sort=name -C set -cf tars/one.tar a.png b.png
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 tars
  assert_equal "$(cut -f 1 <<< "$output" | xargs)" "tars/one/a.png tars/one/b.png"
}

@test "predict gives the same answers from files, folders, archives, lists, shards and standard input" {
  [ "${#images[@]}" -eq 12 ]
  local expected
  expected=$("$BIN/predict" -w w.safetensors -k 1 "${images[@]}" | cut -f 3-)
  assert_equal "$(wc -l <<< "$expected")" 12
  check() { assert_equal "$(cut -f 3- <<< "$output")" "$expected"; }
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 photos && check
  # The names open the files, even if two folders have the same ones.
  assert_equal "$(cut -f 1 <<< "$output" | sort)" "$(printf '%s\n' "${images[@]}" | sort)"
  tar -cf a.tar "${images[@]}"
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 a.tar && check
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 < a.tar && check
  printf '%s\n' "${images[@]}" > list
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 list && check
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 < list && check
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 --files-from=list && check
  # shellcheck disable=SC2016
  expect_status 0 bash -c 'cat "$@" | "$0" -w w.safetensors -k 1' "$BIN/predict" "${images[@]}" && check
  assert_equal "$(cut -f 1 <<< "${lines[11]}")" "stdin:12"
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 --batch=5 "${images[@]}"
  assert_equal "$(cut -f 3 <<< "$output" | xargs)" "$(cut -f 1 <<< "$expected" | xargs)"
  # Shards keep the order in which they were packed; eval gives the same answers.
  "$BIN/eval" -q -w w.safetensors --predictions=p.tsv val.shard
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 val.shard
  assert_equal "$(cut -f 1,3 <<< "$output")" "$(sed 1d p.tsv | cut -f 1,3)"
  local from_file=$output
  # shellcheck disable=SC2002  # a pipe, not a file
  assert_equal "$(cat val.shard | "$BIN/predict" -w w.safetensors -k 1)" "$from_file"
}

@test "predict answers an image before the next one is sent" {
  coproc "$BIN/predict" -w w.safetensors -k 1
  local image answer process=$COPROC_PID
  fixture jpeg a.jpg size=12x12 kind=gray
  for image in "${images[0]}" a.jpg "${images[1]}"; do
    cat "$image" >&"${COPROC[1]}"
    read -r -t 60 answer <&"${COPROC[0]}" || fail "no answer to $image"
    assert_equal "$(cut -f 3 <<< "$answer")" "$("$BIN/predict" -w w.safetensors -k 1 "$image" | cut -f 3)"
  done
  eval "exec ${COPROC[1]}>&-"
  wait "$process"
}

# start_asking OPTION...: starts the coprocess.
start_asking() {
  coproc ASKED { exec "$BIN/predict" -q -w w.safetensors -k 1 "$@" 2> asked.err; }
  asked=$ASKED_PID
  exec {to}>&"${ASKED[1]}" {from}<&"${ASKED[0]}"
  eval "exec ${ASKED[1]}>&- ${ASKED[0]}<&-"
}
next_answer() { read -r -t 60 -u "$from" answer || fail "no answer to $1"; }
class_of() { cut -f 3 <<< "$1"; }
# error_row ROW NAME: the row has five fields, of which rank, class ID and class are empty.
error_row() {
  awk -F '\t' -v name="$2" 'NF != 5 || $1 != name || $2 $3 $4 != "" || $5 == "" { exit 1 }' <<< "$1" || fail "$1"
}
end_asking() {
  exec {to}>&-
  local status=0
  wait "$asked" || status=$?
  assert_equal "$status" "$1"
}

@test "predict answers each name as it comes, whatever the line holds" {
  : > empty.png
  head -c 60 "${images[0]}" > cut.png
  echo 'GIF89a' > x.gif
  mkfifo fifo
  tar -cf a.tar "${images[@]}"
  cp "${images[0]}" $'odd \xff"name.png'
  local expected name
  expected=$("$BIN/predict" -q -w w.safetensors -k 1 "${images[0]}" | cut -f 3)
  start_asking --files-from=-
  for name in nothing.png empty.png cut.png x.gif fifo photos a.tar '' 'blank ' /dev/zero; do
    printf '%s\n' "$name" >&"$to"
    read -r -t 60 -u "$from" answer || fail "no answer to '$name'"
    printf '%s\n' "${images[0]}" >&"$to"
    next_answer "the image behind '$name'"
    assert_equal "$(cut -f 1,3 <<< "$answer")" "${images[0]}"$'\t'"$expected"
  done
  printf 'nothing.png\n' >&"$to"
  next_answer nothing.png
  error_row "$answer" nothing.png
  printf '%s\n' $'odd \xff"name.png' >&"$to"
  next_answer 'an odd name'
  assert_equal "$(class_of "$answer")" "$expected"
  head -c 100000 /dev/zero | tr '\0' x >&"$to"
  printf '\n%s' "${images[0]}" >&"$to"
  next_answer 'a long line'
  end_asking 3
  next_answer 'a line without its end'
  assert_equal "$(class_of "$answer")" "$expected"
}

@test "predict answers names that end in NUL bytes, and those from a FIFO" {
  cp "${images[0]}" $'two\nlines.png'
  start_asking --files-from=- -0 --json
  for name in $'two\nlines.png' nothing "${images[0]}"; do
    printf '%s\0' "$name" >&"$to"
    next_answer "$name"
    case $name in
      nothing) assert_contains "$answer" '{"name":"nothing","error":"No such file' ;;
      *) assert_contains "$answer" '"predictions"' ;;
    esac
  done
  end_asking 3
  mkfifo list
  coproc LISTED { exec "$BIN/predict" -q -w w.safetensors -k 1 --files-from=list; }
  local process=$LISTED_PID
  exec {to}> list
  for name in "${images[@]:0:3}"; do
    printf '%s\n' "$name" >&"$to"
    read -r -t 60 -u "${LISTED[0]}" answer || fail "no answer to $name"
    assert_equal "$(cut -f 1 <<< "$answer")" "$name"
  done
  exec {to}>&-
  wait "$process"
}

@test "predict answers each frame, whatever it holds" {
  printf 'GIF89a\1\0\1\0\0\0\0;' > x.gif
  fixture jpeg a.jpg size=12x12 kind=gray
  head -c -30 a.jpg > cut.jpg
  { cat a.jpg; printf 'SEFT trailer of a phone'; } > trailer.jpg
  : > empty
  start_asking --framed
  local file count=0
  for file in x.gif "${images[0]}" cut.jpg trailer.jpg empty "${images[1]}" val.shard "${images[0]}"; do
    { stat -c %s "$file"; cat "$file"; } >&"$to"
    next_answer "$file"
    count=$((count + 1))
    case $file in
      *.png | trailer.jpg)
        assert_equal "$answer" "stdin:$count"$'\t'"$("$BIN/predict" -q -w w.safetensors -k 1 "${file/trailer/a}" | cut -f 2-)" ;;
      cut.jpg) ;;
      *) error_row "$answer" "stdin:$count" ;;
    esac
  done
  end_asking 3
}

@test "predict ends with 1 after a length that is none, and names a cut frame" {
  for sent in 'x\n' '3\r\nabc' '\n' '99999999999999999999999\n'; do
    start_asking --framed --json
    # shellcheck disable=SC2059
    printf "$sent" >&"$to"
    next_answer "$sent"
    assert_contains "$answer" '{"name":"stdin:1","error":"'
    end_asking 1
  done
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '{ stat -c %s "$2"; cat "$2"; printf "10\nabc"; } | "$0" -q -w "$1" -k 1 --framed' \
    "$BIN/predict" w.safetensors "${images[0]}"
  assert_equal "$status" 3
  error_row "${lines[1]}" stdin:2
  refuse 2 '^predict: --framed' "$BIN/predict" -w w.safetensors --framed "${images[0]}"
  refuse 2 'exclude each other' "$BIN/predict" -w w.safetensors --framed --files-from=list
}

@test "predict waits for requests until it is told to end" {
  start_asking --files-from=-
  printf '%s\n' "${images[0]}" >&"$to"
  next_answer "${images[0]}"
  kill -TERM "$asked"
  end_asking 143
}

@test "the Python client of man convoy-predict works" {
  requires python3
  awk '/^#!.*python3/ { on = 1 } /^\.Ed/ { on = 0 } on' "$ROOT/man/convoy-predict.1" | sed 's/\\e/\\/g' > client.py
  sed -i "s|\"convoy\", \"predict\"|\"$BIN/predict\"|" client.py
  cp w.safetensors small.safetensors
  echo GIF89a > x.gif
  expect_status 0 timeout 60 python3 client.py "${images[0]}" x.gif "${images[1]}"
  assert_equal "${#lines[@]}" 3
  assert_equal "${lines[0]}" "${images[0]} $("$BIN/predict" -q -w w.safetensors -k 1 "${images[0]}" | cut -f 3)"
  assert_equal "${lines[2]}" "${images[1]} $("$BIN/predict" -q -w w.safetensors -k 1 "${images[1]}" | cut -f 3)"
}

@test "predict rescales images of another size than an unscaled training set's, with one note" {
  fixture png large.png size=40x20 && fixture png tall.png size=20x30 seed=3
  expect_status 0 "$BIN/predict" -w w.safetensors large.png tall.png "${images[0]}"
  assert_equal "$(grep -c "2 images rescaled and cropped to the training set's size" <<< "$stderr")" 1
  local rescaled=$output
  mkdir prepared && "$BIN/imgprep" -q --gray --size=12 -o p.shard large.png tall.png
  expect_status 0 "$BIN/predict" -q -w w.safetensors p.shard
  assert_equal "$output" "$(head -n 8 <<< "$rescaled")"
}

@test "predict names images that it cannot use, answers the others, and ends with 3" {
  : > empty.png
  head -c 60 "${images[0]}" > cut.png
  echo '<html>404</html>' > page.jpg
  fixture png-header bomb.png
  expect_status 3 "$BIN/predict" -q -w w.safetensors -k 1 --rejects=rejects.tsv empty.png "${images[0]}" cut.png page.jpg \
    nothing.png bomb.png "${images[1]}"
  assert_equal "$(awk -F '\t' '$3 != "" { print $1 }' <<< "$output" | xargs)" "${images[0]} ${images[1]}"
  assert_equal "$(awk -F '\t' 'NF == 5 && $3 == "" && $5 != "" { print $1 }' <<< "$output" | xargs)" \
    "empty.png cut.png page.jpg nothing.png bomb.png"
  assert_equal "$(cut -f 1 rejects.tsv | xargs)" "empty.png cut.png page.jpg nothing.png bomb.png"
  assert_equal "$(grep -c '^predict: ' <<< "$stderr")" 5
  expect_status 3 "$BIN/predict" -w w.safetensors empty.png "${images[0]}" cut.png
  assert_contains "$stderr" "predict: 1 image, 2 rejected"
  expect_status 0 "$BIN/predict" -w w.safetensors "${images[0]}"
  case $stderr in *rejected*) fail "$stderr" ;; esac
  expect_status 3 "$BIN/predict" -w w.safetensors -k 1 --json page.jpg "${images[0]}"
  assert_contains "${lines[0]}" '{"name":"page.jpg","error":"'
  assert_contains "${lines[1]}" '"predictions"'
  refuse 1 'page.jpg: ' "$BIN/predict" -w w.safetensors --on-error=stop -o out.tsv "${images[0]}" page.jpg "${images[1]}"
  assert_missing out.tsv
}

@test "predict reads lists strictly, and says so if a text is not a list" {
  printf '%s\r\n' "${images[0]}" > dos
  refuse 1 "^predict: dos:1:[0-9]+: carriage return at the end" "$BIN/predict" -w w.safetensors dos
  refuse 1 "^predict: stdin:1:[0-9]+: carriage return at the end" "$BIN/predict" -w w.safetensors < dos
  printf 'nofile.png\n%s\n' "${images[0]}" > list
  local reason="a text whose first line names no file \('nofile.png'\)"
  refuse 1 "^predict: list: neither image nor list: $reason" "$BIN/predict" -w w.safetensors list
  refuse 1 "^predict: stdin:1: .*: $reason" "$BIN/predict" -w w.safetensors < list
}

@test "predict names the pipe, not its copy, if a shard in it is damaged" {
  # shellcheck disable=SC2016
  expect_status 1 bash -c 'head -c 100 val.shard | "$0" -w w.safetensors' "$BIN/predict"
  grep -q '^predict: stdin: offset 0: ' <<< "$stderr" || fail "$stderr"
}

@test "predict ends with 1 if no image can be used, or there are none" {
  mkdir nothing
  refuse 1 'no images' "$BIN/predict" -w w.safetensors nothing
  refuse 1 'empty' "$BIN/predict" -w w.safetensors < /dev/null
}

@test "predict leaves out records of shards that are damaged or of another size" {
  damage_payload val.shard 3
  expect_status 3 "$BIN/predict" -w w.safetensors -k 1 --rejects=r.tsv val.shard
  assert_equal "${#lines[@]}" 12
  assert_equal "$(awk -F '\t' '$3 == "" { print $5 }' <<< "$output")" 'payload checksum mismatch'
  assert_contains "$stderr" "predict: 11 images, 1 rejected"
  # The list of rejects is the same as that of the other tools.
  expect_status 3 "$BIN/eval" -q -w w.safetensors --rejects=eval.tsv val.shard
  cmp r.tsv eval.tsv
  grep -q '^val.shard: record 3 (.*): offset [0-9]*	payload checksum mismatch$' r.tsv || fail "$(cat r.tsv)"
  make_idx other 2 size=14x14 classes=4
  "$BIN/imgprep" -q --size=none --gray --idx other-images.idx other-labels.idx -o other.shard
  refuse 1 '^predict: other.shard: images are 14x14x1' "$BIN/predict" -w w.safetensors other.shard
}

@test "predict escapes names, and refuses files that are not weights" {
  cp "${images[0]}" $'a\tb\n.png'
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 $'a\tb\n.png'
  assert_equal "$(cut -f 1 <<< "$output")" 'a\tb\n.png'
  refuse 1 'mean.safetensors: a mean file where weights are expected' "$BIN/predict" -w mean.safetensors "${images[0]}"
  refuse 2 "Try 'convoy predict --help'" "$BIN/predict" "${images[0]}"
  refuse 2 "Try 'convoy predict --help'" "$BIN/predict" -w w.safetensors -k 0 "${images[0]}"
  [[ $stderr != *device* ]] || fail "$stderr"
}

@test "predict refuses to name a class if the net's output is not a number" {
  # The weights are the largest floats of both signs, so sums are infinite and their differences are not numbers.
  local header begin end i
  without_checksum w.safetensors > changed.safetensors
  mv changed.safetensors w.safetensors
  header=$(od -A n -t u8 -N 8 w.safetensors | tr -d ' ')
  read -r begin end < <(head -c $((header + 8)) w.safetensors | grep -aoE '"f2.weight":[^}]*}' |
    sed -E 's/.*offsets":\[([0-9]+),([0-9]+)\].*/\1 \2/')
  for ((i = begin; i < end; i += 4)); do printf '\377\377\177\177'; done |
    dd of=w.safetensors bs=1 seek=$((header + 8 + begin)) conv=notrunc status=none
  refuse 1 "^predict: ${images[0]}: the net's output for it is not a number" "$BIN/predict" -q -w w.safetensors "${images[0]}"
  assert_equal "$output" ""
}

@test "predict reports what it cannot write, and ends quietly if nobody reads" {
  requires_full_device
  refuse 1 '/dev/full: No space left' "$BIN/predict" -w w.safetensors -o /dev/full "${images[0]}"
  # shellcheck disable=SC2016
  run --separate-stderr bash -c '"$0" -w w.safetensors photos > /dev/full' "$BIN/predict"
  [ "$status" -eq 1 ]
  # shellcheck disable=SC2016
  run --separate-stderr bash -c 'set -o pipefail; "$0" -q -w w.safetensors photos photos photos photos | head -n 1' \
    "$BIN/predict"
  assert_equal "$stderr" ""
}

@test "the examples of man convoy-predict work" {
  mv w.safetensors small.safetensors
  cp "${images[0]}" cat.png
  mkdir photos/all
  cp "${images[@]:1:3}" photos/all
  local examples command
  mapfile -t examples < <(man_examples convoy-predict.1)
  [ "${#examples[@]}" -ge 4 ]
  for command in "${examples[@]}"; do run_example "$command"; done
  assert_contains "$output" "photos/all/"
}

@test "predict says once that a shard does not fit the net, and warns of one prepared differently" {
  "$BIN/imgprep" -q --size=16 -o small.shard "${images[@]}"
  expect_status 1 "$BIN/predict" -q -w w.safetensors small.shard
  error_row "$output" small.shard
  assert_contains "$stderr" "predict: small.shard: "
  assert_contains "$stderr" "16x16"
  assert_equal "$(grep -c small.shard <<< "$stderr")" 1
}
