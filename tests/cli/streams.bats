# Standard input and output of every tool: closed, full, a terminal, a reader that goes away.
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  fixture png a.png size=12x12
}

# usual TOOL: sets `command` to a call of the tool that reads a file and writes to standard output.
usual() {
  case $1 in
    imgprep) command="'$BIN/imgprep' -q --gray --size=12 a.png" ;;
    meanimg | shardpack) command="'$BIN/$1' -q train.shard" ;;
    train) command="'$BIN/train' -q ${SMALL[*]} --steps=1 train.shard" ;;
    eval) command="'$BIN/eval' -q -w w.safetensors val.shard" ;;
    predict) command="'$BIN/predict' -q -w w.safetensors a.png" ;;
    netpack) command="'$BIN/netpack' -q --info w.safetensors" ;;
    shownet) command="'$BIN/shownet' filters -q --format=png w.safetensors" ;;
  esac
}

fails_on_output() {
  usual "$1"
  run -1 --separate-stderr bash -c "$command >&-"
  [[ $stderr =~ ^"$1: stdout: "[^$'\n']*$ ]] || fail "closed: $stderr"
  requires_full_device
  run -1 --separate-stderr bash -c "$command > /dev/full"
  local lost=''
  [ "$1" != train ] || lost=': the weights are not written: the training is lost'
  assert_equal "$stderr" "$1: stdout: No space left on device$lost"
}
@test "imgprep says that its output is closed or full" { fails_on_output imgprep; }
@test "meanimg says that its output is closed or full" { fails_on_output meanimg; }
@test "shardpack says that its output is closed or full" { fails_on_output shardpack; }
@test "train says that its output is closed or full" { fails_on_output train; }
@test "eval says that its output is closed or full" { fails_on_output eval; }
@test "predict says that its output is closed or full" { fails_on_output predict; }
@test "netpack says that its output is closed or full" { fails_on_output netpack; }
@test "shownet says that its output is closed or full" { fails_on_output shownet; }

fails_on_closed_input() {
  local options
  case $1 in
    train) options="${SMALL[*]}" ;;
    eval | predict) options="-w w.safetensors" ;;
    netpack) options="--info" ;;
    shownet) options="curves --format=svg" ;;
  esac
  run -1 --separate-stderr bash -c "'$BIN/$1' -q $options <&- > out"
  assert_contains "${stderr_lines[0]}" "$1: stdin: "
  # predict's answer is that error.
  [ "$1" != predict ] || sed -i $'/^stdin\t\t\t\tBad file descriptor$/d' out
  [ ! -s out ] || fail "wrote something"
}
@test "imgprep says that its input is closed" { fails_on_closed_input imgprep; }
@test "meanimg says that its input is closed" { fails_on_closed_input meanimg; }
@test "shardpack says that its input is closed" { fails_on_closed_input shardpack; }
@test "train says that its input is closed" { fails_on_closed_input train; }
@test "eval says that its input is closed" { fails_on_closed_input eval; }
@test "predict says that its input is closed" { fails_on_closed_input predict; }
@test "netpack says that its input is closed" { fails_on_closed_input netpack; }
@test "shownet says that its input is closed" { fails_on_closed_input shownet; }

# The reader is gone before the first byte.
ends_quietly() {
  usual "$1"
  run --separate-stderr bash -c "{ $command; echo \$? > status; } | true"
  assert_equal "$stderr" ""
  case $(< status) in 0 | 141) ;; *) fail "status $(< status)" ;; esac
}
@test "imgprep ends quietly without its reader" { ends_quietly imgprep; }
@test "meanimg ends quietly without its reader" { ends_quietly meanimg; }
@test "shardpack ends quietly without its reader" { ends_quietly shardpack; }
@test "train ends quietly without its reader" { ends_quietly train; }
@test "eval ends quietly without its reader" { ends_quietly eval; }
@test "predict ends quietly without its reader" { ends_quietly predict; }
@test "netpack ends quietly without its reader" { ends_quietly netpack; }
@test "shownet ends quietly without its reader" { ends_quietly shownet; }

# on_terminal COMMAND: runs the command with a terminal as its three standard streams; `shown` is what it shows.
on_terminal() {
  requires_terminal
  run script -qec "$1" /dev/null < /dev/null
  shown=$(tr -d '\r' <<< "$output")
}

refuses_terminal() {
  usual "$1"
  on_terminal "$command"
  assert_equal "$status" 2
  assert_contains "$shown" "$1: standard output is a terminal and the output is binary"
  assert_equal "$(wc -l <<< "$shown")" 2
}
@test "imgprep writes no shard to a terminal" { refuses_terminal imgprep; }
@test "meanimg writes no mean to a terminal" { refuses_terminal meanimg; }
@test "shardpack writes no shard to a terminal" { refuses_terminal shardpack; }
@test "train writes no weights to a terminal" { refuses_terminal train; }
@test "shownet writes no picture to a terminal" { refuses_terminal shownet; }
@test "netpack writes no weights to a terminal" {
  on_terminal "'$BIN/netpack' -q w.safetensors"
  assert_equal "$status" 2
  assert_contains "$shown" "netpack: standard output is a terminal and the output is binary"
}

@test "imgprep writes no shard to a terminal given by name either" {
  on_terminal "'$BIN/imgprep' -q --gray --size=12 -o /dev/tty a.png"
  assert_equal "$status" 2
  assert_contains "$shown" "is a terminal and the output is binary"
}

answers_on_terminal() {
  usual "$1"
  on_terminal "$command"
  assert_equal "$status" 0
  assert_contains "$shown" "$2"
}
@test "eval answers on a terminal" { answers_on_terminal eval top1_error; }
@test "predict answers on a terminal" { answers_on_terminal predict a.png; }
@test "netpack answers on a terminal" { answers_on_terminal netpack weights; }

# Without operands a tool would wait for a terminal, and seem to hang.
wants_input() {
  local options="-o x.out"
  case $1 in
    train) options="${SMALL[*]} -o x.out" ;;
    eval) options="-w w.safetensors" ;;
    predict) options="-w w.safetensors" ;;
    netpack) options="--list -o x.out" ;;
    shownet) options="mean -o x.png" ;;
  esac
  on_terminal "'$BIN/$1' $options"
  assert_equal "$status" 2
  assert_contains "$shown" "$1: no input: name files, or - for standard input"
  assert_contains "$shown" "$1: Usage: convoy $1 "
  assert_contains "$shown" "$1: Try 'convoy $1 --help'."
  assert_missing x.out
}
@test "imgprep wants input, not a terminal" { wants_input imgprep; }
@test "meanimg wants input, not a terminal" { wants_input meanimg; }
@test "shardpack wants input, not a terminal" { wants_input shardpack; }
@test "train wants input, not a terminal" { wants_input train; }
@test "eval wants input, not a terminal" { wants_input eval; }
@test "predict wants input, not a terminal" { wants_input predict; }
@test "netpack wants input, not a terminal" { wants_input netpack; }
@test "shownet wants input, not a terminal" { wants_input shownet; }

@test "what lies behind an image in a stream is no image, and is counted" {
  fixture jpeg a.jpg size=32x32
  fixture jpeg b.jpg size=32x32 seed=2
  { head -c -2 a.jpg; cat b.jpg; echo 'a trailer of a camera'; cat a.jpg; } > stream
  expect_status 0 "$BIN/imgprep" -v --size=16 -o stream.shard - < stream
  assert_contains "$stderr" "imgprep: stdin:2: 22 bytes behind the image passed over"
  assert_contains "$stderr" "3 images, 0 classes, 3 unlabelled, bytes behind 1 image passed over"
  "$BIN/imgprep" -q --size=16 -o files.shard a.jpg b.jpg a.jpg
  assert_equal "$(checksums stream.shard)" "$(checksums files.shard)"
}

# checksums SHARD: those of its records.
checksums() { "$BIN/shardpack" --list "$1" | cut -f 5-7; }

# refuses_stdin PATTERN FILE: every reader of standard input, which is FILE, fails with a message that matches PATTERN, names
# it "stdin", and nothing in /dev.
refuses_stdin() {
  local pattern=$1 file=$2 command
  local eval="eval -q -w w.safetensors" predict="predict -q -w w.safetensors" train="train -q --batch=8 --steps=1 -o x"
  for command in "imgprep -q --size=8 -o x" "imgprep -q --size=8 -o x -" "imgprep -q --size=8 -j2 -o x - a.png" \
    "imgprep -q --idx --size=none -o x -" "imgprep -q --files-from=- -o x" "imgprep -q --files-from=- -0 -o x" \
    "imgprep -q --labels=- -o x a.png" "imgprep -q --classes=- -o x a.png" \
    "shardpack -q -o x" "shardpack -q -o x train.shard -" "shardpack -q --shuffle -o x -" "shardpack -q --list" \
    "shardpack -q --info -" "shardpack -q --verify" "shardpack -q --extract=x" "shardpack -q --shards=2 -o x%d" \
    "shardpack -q --files-from=- -o x" "meanimg -q -o x" "meanimg -q -j2 -o x -" "meanimg -q --merge -o x -" \
    "$eval" "$eval val.shard -" "eval -q -w - val.shard" "$eval --files-from=-" "$predict -o x" "$predict -o x -" \
    "$predict --framed -o x" "$predict --files-from=- -o x" "$predict --batch=4 -o x a.png -" "predict -q -w - a.png" \
    "shownet filters -q --format=svg -o x" "shownet curves -q --format=svg -o x -" "shownet net -q --format=svg -o x" \
    "shownet mean -q --format=svg -o x -" "shownet predictions -q --format=svg -o x" \
    "shownet neighbours -q --format=svg -o x" "shownet confusion -q --format=svg -o x" \
    "$train --net=small.net --mean=mean.safetensors" "$train --net=- --mean=none train.shard" \
    "$train --net=small.net --mean=- train.shard" "$train --net=small.net --mean=mean.safetensors --val=- train.shard" \
    "netpack -q -o x" "netpack -q --net=- -o x w.safetensors" "netpack -q --mean=- -o x w.safetensors" \
    "netpack -q --classes=- -o x w.safetensors" "netpack -q --rename=- -o x w.safetensors" \
    "netpack -q --list" "netpack -q --info -o x -" "netpack -q --verify" "netpack -q --extract=net -o x" \
    "netpack -q --list --files-from=- -o x" "$train --resume=- train.shard" "imgprep -q --config=- a.png"; do
    run --separate-stderr bash -c "'$BIN'/$command < $file"
    [[ $status =~ ^[123]$ ]] || fail "status $status of $command: $stderr" || return 1
    [[ $stderr =~ $pattern ]] || fail "of $command: $stderr" || return 1
    [[ $stderr != */dev/* && $stderr != *stdin:\ stdin* ]] || fail "of $command: $stderr" || return 1
    [ "$status" -eq 3 ] || assert_missing x || return 1
    rm -rf x  # of the other input
  done
}

@test "a read error of standard input is one of stdin, for every reader" {
  # read() of the first page of a process that runs gives EIO.
  refuses_stdin '(^|[^a-z])(stdin|-): ?.*Input/output error' /proc/$$/mem
  run --separate-stderr "$BIN/imgprep" -q - < /proc/$$/mem
  assert_equal "$stderr" "imgprep: stdin: Input/output error"
}
@test "standard input that is a folder is refused by every reader" {
  refuses_stdin '(stdin|-): .*([Ff]older|directory)' .
}

@test "what is no image in a pipe is named the same however the pipe is cut into pieces" {
  fixture png a.png size=20x20
  { printf '<?xml version="1.0"?>\n<!-- %200s -->\n<svg>%600s' - -; } > drawing
  printf 'RIFF\044\001\001\001WEBPVP8 \001\001' > web
  printf 'PK\003\004%22s\005\001\001\001a.npy\001\001' - | tr ' ' '\001' > packed
  printf 'a few words\n' > words
  local other bytes
  for other in drawing web packed words; do
    cat $other a.png $other > stream
    expect_status 3 "$BIN/imgprep" -q --size=16 -o whole.shard - < stream
    printf '%s\n' "$stderr" > whole.txt
    for bytes in 1 5 9 30; do
      # shellcheck disable=SC2016
      expect_status 3 bash -c '{ head -c "$1" stream; sleep 0.2; tail -c +$(($1 + 1)) stream; } | "$2" -q --size=16 -o o.shard -' \
        bash "$bytes" "$BIN/imgprep"
      assert_equal "$stderr" "$(cat whole.txt)" || fail "$other $bytes"
      cmp o.shard whole.shard
    done
  done
}
