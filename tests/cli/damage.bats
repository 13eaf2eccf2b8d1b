# Damage to weights, checkpoints and mean files is noticed by every tool that reads them, and nothing is made of them.
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --steps=3 --checkpoint=c.safetensors -o w.safetensors train.shard
}

# flip FILE BIT: copies FILE to damaged.safetensors with one bit changed; negative bits count from its end.
flip() {
  perl -e '
    my ($file, $bit) = @ARGV;
    open(my $in, "<:raw", $file) or die; local $/; my $bytes = <$in>;
    $bit += 8 * length $bytes if $bit < 0;
    vec($bytes, $bit, 1) ^= 1;
    open(my $out, ">:raw", "damaged.safetensors") or die; print $out $bytes; close $out or die' "$1" "$2"
}

# bits_of FILE: prints 24 bits of the file, some of its length field, its header and its tensors.
bits_of() {
  local bits=$((8 * $(wc -c < "$1"))) i
  for ((i = 0; i < 24; i++)); do
    echo $(((i * bits / 24 + 11 * i) % bits))
  done
}

# use NAME FILE: runs a tool that reads FILE in the way NAME.
use() {
  case $1 in
    eval) "$BIN/eval" -q -w "$2" -o kept val.shard ;;
    predict) "$BIN/predict" -q -w "$2" -o kept val.shard ;;
    resume) "$BIN/train" -q --resume="$2" --steps=4 --checkpoint=other.safetensors -o kept train.shard ;;
    mean) "$BIN/train" -q --net=small.net --mean="$2" --steps=1 --checkpoint-every=never -o kept train.shard ;;
    merge) "$BIN/meanimg" -q --merge -o kept mean.safetensors "$2" ;;
  esac
}

# refused NAME FILE PATTERN: FILE is refused in one line that matches, and what was there stays.
refused() {
  echo older > kept
  expect_status 1 use "$1" "$2" || return 1
  assert_equal "$(wc -l <<< "$stderr")" 1 || return 1
  grep -Eq "^(eval|predict|train|meanimg): $2: $3" <<< "$stderr" || fail "'$3' is not in: $stderr" || return 1
  assert_equal "$(cat kept)" older || return 1
  assert_missing other.safetensors
}

KINDS="eval:w.safetensors predict:w.safetensors eval:c.safetensors resume:c.safetensors mean:mean.safetensors merge:mean.safetensors"

@test "a flipped bit anywhere in weights, a checkpoint or a mean file is refused by each tool that reads them" {
  local kind bit count=0
  for kind in $KINDS; do
    for bit in $(bits_of "${kind#*:}"); do
      flip "${kind#*:}" "$bit"
      refused "${kind%:*}" damaged.safetensors '' || fail "bit $bit of $kind"
      count=$((count + 1))
    done
  done
  assert_equal "$count" 144
}

@test "damage to a tensor is refused with what to do, and that helps" {
  local kind
  for kind in $KINDS; do
    rm -f other.safetensors
    flip "${kind#*:}" -99
    refused "${kind%:*}" damaged.safetensors \
      'its checksum differs: the file is damaged, or another program changed it; remove convoy.checksum from its metadata'
    without_checksum damaged.safetensors > changed.safetensors
    rm kept
    expect_status 0 use "${kind%:*}" changed.safetensors
    [ -s kept ]
  done
}

@test "a checksum that is no checksum is refused with its own reason" {
  local digits form
  digits=$(grep -a -o -m 1 '"convoy.checksum":"[0-9a-f]*"' w.safetensors | cut -d '"' -f 4)
  for form in 0123456789ABCDEF 0123456789abcdeg '0123456789abcd  '; do
    LC_ALL=C sed "s/$digits/$form/" w.safetensors > damaged.safetensors
    refused eval damaged.safetensors 'convoy.checksum is not 16 digits of 0 to 9 and a to f: '
  done
  LC_ALL=C sed 's/"convoy.dataset"/"convoy.checksum"/' w.safetensors > damaged.safetensors
  refused eval damaged.safetensors "offset 8: duplicate JSON key 'convoy.checksum'"
  LC_ALL=C sed 's/"convoy.checksum"/"convoy.chAcksum"/' w.safetensors > damaged.safetensors
  refused eval damaged.safetensors "its metadata have 'convoy.chAcksum', almost convoy.checksum: "
}

@test "files that are cut short or too long are refused" {
  local kind size cut
  for kind in $KINDS; do
    size=$(wc -c < "${kind#*:}")
    for cut in 1 7 100 1000 $((size / 2)) $((size - 8)) $((size - 1)); do
      head -c "$cut" "${kind#*:}" > damaged.safetensors
      refused "${kind%:*}" damaged.safetensors ''
    done
    { cat "${kind#*:}"; printf x; } > damaged.safetensors
    refused "${kind%:*}" damaged.safetensors ''
  done
}

@test "damaged weights are refused from a pipe, too" {
  flip w.safetensors -99
  run --separate-stderr bash -c "cat damaged.safetensors | '$BIN/eval' -q -w - val.shard"
  assert_equal "$status" 1
  assert_contains "$stderr" "eval: stdin: its checksum differs"
  expect_status 0 bash -c "cat w.safetensors | '$BIN/eval' -q -w - val.shard"
}

@test "a file without a checksum is used, and -v says that it has none" {
  local file
  for file in w c mean; do
    without_checksum $file.safetensors > $file-without.safetensors
  done
  local note='has no convoy.checksum: damage to it would not be noticed'
  has_note() {  # FILE COMMAND...: with -v alone
    local file=$1
    shift
    expect_status 0 "$@" -v
    assert_contains "$stderr" "$file: $note"
    rm -f x.* d.*
    expect_status 0 "$@"
    case $stderr in *"$note"*) fail "said without -v: $stderr" ;; esac
    rm -f x.* d.*
  }
  has_note w-without.safetensors "$BIN/eval" -w w-without.safetensors val.shard
  has_note w-without.safetensors "$BIN/predict" -w w-without.safetensors val.shard
  has_note mean-without.safetensors "$BIN/meanimg" --merge mean-without.safetensors -o again.safetensors
  cmp mean.safetensors again.safetensors
  has_note mean-without.safetensors "$BIN/train" --net=small.net --mean=mean-without.safetensors --steps=1 \
    --checkpoint-every=never -o x.safetensors train.shard
  has_note c-without.safetensors "$BIN/train" --resume=c-without.safetensors --steps=4 --checkpoint=d.safetensors \
    --checkpoint-every=never -o x.safetensors train.shard
  expect_status 0 "$BIN/eval" -v -w w.safetensors val.shard
  case $stderr in *"$note"*) fail "said of a file that has one: $stderr" ;; esac
}

@test "a damaged checkpoint is not resumed from; --resume=auto keeps it under another name and starts anew" {
  flip c.safetensors -99
  cp damaged.safetensors own.safetensors
  local run=("${SMALL[@]}" --steps=3 --checkpoint=own.safetensors -o x.safetensors train.shard)
  refuse 1 '^train: own.safetensors: is there already, and is no checkpoint that can be read: its checksum differs' \
    "$BIN/train" -q "${run[@]}"
  refuse 1 '^train: own.safetensors: its checksum differs' "$BIN/train" -q --resume=own.safetensors -o x.safetensors train.shard
  cmp own.safetensors damaged.safetensors
  assert_missing x.safetensors
  expect_status 0 "$BIN/train" "${run[@]}" --overwrite
  assert_contains "$stderr" "train: own.safetensors: removed: was no checkpoint that could be read"
  cp damaged.safetensors own.safetensors
  expect_status 0 "$BIN/train" -q "${run[@]}" --resume=auto
  assert_contains "$stderr" "train: own.safetensors: its checksum differs: the file is damaged, or another program changed it"
  assert_contains "$stderr" "kept as own.safetensors.~1~; the run starts anew"
  cmp own.safetensors.~1~ damaged.safetensors
  cmp x.safetensors w.safetensors
}

@test "damaged lines of a log are dropped by a resumed run, which says so" {
  local run=(--log-every=1steps --log=log.tsv -o x.safetensors)
  small_train --steps=4 --checkpoint=d.safetensors "${run[@]}" train.shard
  cp log.tsv whole.tsv
  flip log.tsv $((8 * $(head -n 2 whole.tsv | wc -c) + 6))  # the step of the second row
  cp damaged.safetensors log.tsv
  assert_equal "$(cmp whole.tsv log.tsv | wc -l)" 1
  expect_status 0 "$BIN/train" -q --resume=d.safetensors --steps=5 "${run[@]}" train.shard
  assert_contains "$stderr" "train: log.tsv: dropped 1 line not of a log, the first is line 3"
  assert_equal "$(cut -f 1 log.tsv | tr '\n' ' ')" 'step 1 3 4 5 '
}

@test "a damaged mean file does not cost --resume=auto its checkpoint" {
  cp c.safetensors own.safetensors
  flip mean.safetensors -99
  refuse 1 '^train: damaged.safetensors: its checksum differs' "$BIN/train" -q --net=small.net --mean=damaged.safetensors \
    --batch=8 --lr=0.002 --flip=off --steps=4 --resume=auto --checkpoint=own.safetensors -o x.safetensors train.shard
  cmp own.safetensors c.safetensors
  assert_missing x.safetensors
}
