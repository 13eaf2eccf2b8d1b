# No output takes the place of a file that the run reads, whichever options name the two; and no name is empty.

# shellcheck disable=SC2016  # inner shells expand by themselves
load common
load training

# What each tool declares: options with files that it reads, and with files that it writes.
TOOLS=(imgprep meanimg shardpack train eval predict netpack shownet)
declare -gA READS=(
  [imgprep]='config files-from classes labels'
  [meanimg]='config files-from'
  [shardpack]='config files-from'
  [train]='config files-from net mean init-from val resume'
  [eval]='config files-from weights'
  [predict]='config files-from weights nearest'
  [netpack]='config files-from net mean classes rename'
  [shownet]='config images classes'
)
declare -gA WRITES=(
  [imgprep]='output rejects'
  [meanimg]='output png rejects'
  [shardpack]='output rejects'
  [train]='output rejects log checkpoint'
  [eval]='output rejects confusion predictions'
  [predict]='output rejects'
  [netpack]='output'
  [shownet]='output rejects'
)

@test "every option that --help shows with a file is in the tables of these tests" {
  local tool option
  for tool in "${TOOLS[@]}"; do
    for option in $("$BIN/$tool" --help | sed -En 's/^.*--([a-z-]+)( \])? (FILE|SHARD|CHECKPOINT|WEIGHTS|MEAN)( .*)?$/\1/p'); do
      case " ${READS[$tool]} ${WRITES[$tool]} " in
        *" $option "*) ;;
        *) fail "$tool: --$option is in neither table" || return 1 ;;
      esac
    done
    for option in ${READS[$tool]} ${WRITES[$tool]}; do
      "$BIN/$tool" --help | grep -Eq -- "--$option( \])? [A-Z]+" || fail "$tool has no --$option FILE" || return 1
    done
  done
}

@test "no output takes the place of a file that an option names" {
  # A file of options, and a list. What other options read is looked at only after the check.
  printf 'quiet=on\n' > file
  ln -s file link
  ln file hard
  cp file before
  local tool in out name pairs=0
  for tool in "${TOOLS[@]}"; do
    for in in ${READS[$tool]}; do
      for out in ${WRITES[$tool]}; do
        [ "$tool/$in/$out" != train/resume/checkpoint ] || continue
        pairs=$((pairs + 1))
        for name in file ./link hard; do
          refuse 2 "^$tool: --$out: $name is an input\$" "$BIN/$tool" "--$in=file" "--$out=$name" other || return 1
          refuse 2 "^$tool: --$out: file is an input\$" "$BIN/$tool" "--$in=$name" "--$out=file" other || return 1
        done
      done
    done
  done
  cmp before file
  [ -L link ]
  [ "$pairs" -ge 59 ] || fail "only $pairs pairs of options were tried"
  assert_missing other
}

@test "a file of options and a list survive a run that would be whole" {
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  fixture png a.png size=12x12
  printf 'quiet=on\n' > conf
  printf 'val.shard\n' > list
  cp conf conf.before
  cp list list.before
  local shards=(--files-from=list)
  refuse 2 '--output: conf is an input' "$BIN/imgprep" --config=conf -o conf --size=8 a.png
  run -2 --separate-stderr bash -c '"$BIN/imgprep" --config=conf --size=8 a.png >> conf'
  assert_contains "$stderr" "imgprep: --output: standard output is an input"
  refuse 2 '--png: conf is an input' "$BIN/meanimg" --config=conf --png=conf -o x val.shard
  refuse 2 '--output: list is an input' "$BIN/meanimg" "${shards[@]}" -o list
  refuse 2 '--output: list is an input' "$BIN/meanimg" --merge "${shards[@]}" -o list
  refuse 2 '--output: list is an input' "$BIN/shardpack" "${shards[@]}" -o list
  refuse 2 '--rejects: list is an input' "$BIN/shardpack" "${shards[@]}" --rejects=list -o x
  refuse 2 '--output: list is an input' "$BIN/shardpack" --list "${shards[@]}" -o list
  refuse 2 '--rejects: conf is an input' "$BIN/shardpack" --extract=x --config=conf --rejects=conf val.shard
  refuse 2 '--predictions: list is an input' "$BIN/eval" -w w.safetensors "${shards[@]}" --predictions=list
  refuse 2 '--output: list is an input' "$BIN/train" "${SMALL[@]}" "${shards[@]}" --steps=1 -o list
  refuse 2 '--output: conf is an input' "$BIN/predict" -w w.safetensors --config=conf -o conf a.png
  # Also if the file itself names the output, and if it comes through standard input.
  printf 'quiet=on\noutput=own\n' > own
  refuse 2 '^imgprep: own:2: --output: own is an input' "$BIN/imgprep" --config=own --size=8 a.png
  run -2 --separate-stderr bash -c '"$BIN/meanimg" --files-from=- -o list < list'
  assert_contains "$stderr" "meanimg: --output: list is an input"
  # A checkpoint that is named after the output counts like one that is given.
  cp conf x.checkpoint.safetensors
  refuse 2 '--checkpoint: x.checkpoint.safetensors is an input' \
    "$BIN/train" "${SMALL[@]}" --config=x.checkpoint.safetensors --steps=1 -o x train.shard
  rm x.checkpoint.safetensors
  cmp conf conf.before
  cmp list list.before
  assert_missing x
}

@test "a value that is no file is not taken for one" {
  make_training_set
  cp train.shard none
  cp train.shard auto
  small_train --mean=none --steps=1 -o none train.shard
  "$BIN/predict" -q -w none < train.shard > /dev/null
  small_train --resume=auto --steps=1 --checkpoint=c -o auto train.shard
}

@test "no shard of a series takes the place of what an option names" {
  make_folders in 2 4 size=8x6
  "$BIN/imgprep" -q --size=none in -o all.shard
  printf 'quiet=on\n' > x-1.shard
  cp x-1.shard x-train.shard
  cp x-1.shard conf
  local split=("--split=train:0.5,val:0.5" -o x-%s.shard)
  refuse 2 '--output: x-1.shard is an input' "$BIN/shardpack" --config=x-1.shard --shards=2 -o x-%d.shard all.shard
  assert_missing x-0.shard
  refuse 2 '--output: x-train.shard is an input' "$BIN/shardpack" --config=x-train.shard "${split[@]}" all.shard
  refuse 2 '--output: x-1.shard is an input' "$BIN/shardpack" --config=x-1.shard --per-shard=4 -o x-%d.shard all.shard
  refuse 2 '--output: x-val.shard is what --rejects writes' "$BIN/shardpack" --rejects=x-val.shard "${split[@]}" all.shard
  cmp x-1.shard conf
  cmp x-train.shard conf
}

@test "a series may take the place of the shards that it is made of" {
  make_folders in 2 20 size=8x6
  "$BIN/imgprep" -q --size=none in -o all.shard
  "$BIN/shardpack" -q --shards=2 -o x-%d.shard all.shard
  cp x-0.shard first.shard
  cp x-1.shard second.shard
  "$BIN/shardpack" --list all.shard | cut -f 2-4 > names
  # x-1.shard is complete long before the input of that name is opened.
  "$BIN/shardpack" -q --per-shard=5 -o x-%d.shard x-0.shard x-1.shard
  "$BIN/shardpack" --list x-{0..7}.shard | cut -f 2-4 | cmp - names
  # If the run fails, the inputs are what they were.
  cp first.shard x-0.shard
  cp second.shard x-1.shard
  damage_payload x-1.shard 3
  cp x-1.shard damaged
  refuse 1 'payload checksum mismatch' "$BIN/shardpack" -q --on-error=stop --shards=4 -o x-%d.shard x-0.shard x-1.shard
  cmp x-0.shard first.shard
  cmp x-1.shard damaged
  mkdir x-6.shard.folder && rm -f x-6.shard && mv x-6.shard.folder x-6.shard
  refuse 1 'x-6.shard: ' "$BIN/shardpack" -q --per-shard=5 -o x-%d.shard x-0.shard second.shard
  cmp x-0.shard first.shard
}

@test "an empty name is a mistake, not a file" {
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  local tool
  for tool in "${TOOLS[@]}"; do
    refuse 2 "^$tool: --output is given an empty value\$" "$BIN/$tool" -o '' other || return 1
    refuse 2 "^$tool: --output is given an empty value\$" "$BIN/$tool" --output '' other || return 1
    if [[ " ${WRITES[$tool]} " == *" rejects "* ]]; then
      refuse 2 "^$tool: --rejects is given an empty value\$" "$BIN/$tool" --rejects '' other || return 1
    fi
    refuse 2 "^$tool: --config is given an empty value\$" "$BIN/$tool" --config '' other || return 1
    refuse 2 "^$tool: operand 2 is given an empty value\$" "$BIN/$tool" other '' || return 1
    refuse 2 "^$tool: operand 2 is given an empty value\$" "$BIN/$tool" -- other '' || return 1
  done
  refuse 2 'train: --output is given' "$BIN/train" "${SMALL[@]}" --steps=1 -o '' train.shard
  refuse 2 'eval: --weights is given an empty value' "$BIN/eval" -w '' val.shard
  refuse 2 'predict: --weights is given an empty value' "$BIN/predict" -w '' other
  assert_missing .checkpoint.safetensors other
}

# refuse_kept PATTERN: fails unless a training and a run of meanimg name the file `kept/file` before any work, and leave it
# as it is.
refuse_kept() {
  local pattern=$1
  refuse 1 "^train: kept/file: $pattern" "$BIN/train" "${SMALL[@]}" --steps=100000 -o kept/file train.shard || return 1
  refuse 1 "^train: kept/file: $pattern" "$BIN/train" "${SMALL[@]}" --steps=100000 -o kept/other --overwrite \
    --checkpoint=kept/file train.shard || return 1
  refuse 1 "^meanimg: kept/file: $pattern" "$BIN/meanimg" -o kept/file train.shard || return 1
  assert_equal "$(ls -A kept)" file
  assert_equal "$(cat kept/file)" theirs
}

@test "another user's file in a folder with the sticky bit is named before the work" {
  [ "$(id -u)" -eq 0 ] || skip "needs another user: only root can make a file of one"
  requires setpriv
  make_training_set
  local as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 .
  "${as[@]}" test -x "$BIN/train" || skip "nobody may run $BIN/train"
  mkdir kept
  chmod 1777 kept
  printf 'theirs\n' > kept/file
  chmod 666 kept/file
  run --separate-stderr "${as[@]}" "$BIN/train" "${SMALL[@]}" --steps=100000 -o kept/file train.shard
  assert_equal "$status" 1
  assert_contains "$stderr" 'train: kept/file: is there already, and cannot be replaced: it belongs to another user'
  run --separate-stderr "${as[@]}" "$BIN/meanimg" -o kept/file train.shard
  assert_equal "$status" 1
  assert_contains "$stderr" 'meanimg: kept/file: is there already, and cannot be replaced: it belongs to another user'
  assert_equal "$(ls -A kept)" file
  assert_equal "$(cat kept/file)" theirs
  # One of the user's own may be replaced; so may all by the owner of the folder, and by root.
  chown 65534 kept/file
  "${as[@]}" "$BIN/meanimg" -q -o kept/file train.shard
  cmp kept/file mean.safetensors
  chown 65534 kept
  chown 0 kept/file
  "${as[@]}" "$BIN/meanimg" -q -o kept/file train.shard
  chown 1 kept kept/file
  "$BIN/meanimg" -q -o kept/file train.shard
  cmp kept/file mean.safetensors
}

@test "a file that something is mounted on, or that is immutable, is named before the work" {
  make_training_set
  mkdir kept
  printf 'theirs\n' > kept/file
  local tried=0 refused
  if chattr +i kept/file 2> /dev/null; then
    tried=$((tried + 1))
    refused=0
    refuse_kept 'is there already, and cannot be replaced: it is immutable' || refused=$?
    chattr -i kept/file
    [ "$refused" -eq 0 ]
  fi
  printf 'theirs\n' > source
  if mount --bind source kept/file 2> /dev/null; then
    tried=$((tried + 1))
    refused=0
    refuse_kept 'is there already, and cannot be replaced: it is mounted there' || refused=$?
    umount kept/file
    [ "$refused" -eq 0 ]
  fi
  [ "$tried" -gt 0 ] || skip "needs the right to mount, or a file system with immutable files"
  "$BIN/meanimg" -q -o kept/file train.shard
}
