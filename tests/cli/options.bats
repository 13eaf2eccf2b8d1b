# What all tools share: the same options in --help, in the manual page and in the completion; and the contract of
# --help, --version, wrong usage and the dispatcher.

load common
load training

# The options of --help, short and long, one a line.
options_of_help() {
  "$BIN/$1" --help | awk '
    /^  -/ {
      if (match($0, /^  -[A-Za-z0-9] \[/)) print substr($0, 3, 2)
      if (match($0, /^  -[A-Za-z0-9]( |$)/) && !/^  -. \[/) print substr($0, 3, 2)
      if (match($0, /--[a-z0-9][a-z0-9-]*/)) print substr($0, RSTART, RLENGTH)
    }' | sort
}

# The same from the .It lines of the manual page's OPTIONS.
options_of_manual() {
  awk '
    /^\.Sh/ { inside = ($2 == "OPTIONS"); next }
    inside && /^\.It/ {
      for (i = 2; i < NF; i++) {
        name = $(i + 1)
        gsub(/\\-/, "-", name)
        if ($i == "Fl") print "-" name
      }
    }' "$ROOT/man/convoy-$1.1" | sort -u
}

# complete_words WORD...: what the completion offers for the last word, with the programs of the build in the PATH.
complete_words() {
  PATH=$BIN:$PATH bash -c '
    . "$0"
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _convoy 2> /dev/null
    printf "%s\n" "${COMPREPLY[@]}"' "$ROOT/tools/completion.bash" "$@"
}

options_agree() {
  local help
  help=$(options_of_help "$1")
  assert_contains "$help" --version
  assert_equal "$(options_of_manual "$1")" "$help"
  assert_equal "$(complete_words convoy "$1" -- | sed 's/=$//' | sort)" "$(grep -e -- <<< "$help")"
}
@test "imgprep: --help, the manual page and the completion have the same options" { options_agree imgprep; }
@test "meanimg: --help, the manual page and the completion have the same options" { options_agree meanimg; }
@test "shardpack: --help, the manual page and the completion have the same options" { options_agree shardpack; }
@test "train: --help, the manual page and the completion have the same options" { options_agree train; }
@test "eval: --help, the manual page and the completion have the same options" { options_agree eval; }
@test "predict: --help, the manual page and the completion have the same options" { options_agree predict; }
@test "netpack: --help, the manual page and the completion have the same options" { options_agree netpack; }
@test "shownet: --help, the manual page and the completion have the same options" { options_agree shownet; }

page_is_whole() {
  local section
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES; do
    grep -qx "\.Sh $section" "$ROOT/man/convoy-$1.1" || fail "convoy-$1.1 has no section $section"
  done
  [ -n "$(man_examples "convoy-$1.1")" ] || fail "convoy-$1.1 has no example"
}
@test "imgprep: the manual page has every section" { page_is_whole imgprep; }
@test "meanimg: the manual page has every section" { page_is_whole meanimg; }
@test "shardpack: the manual page has every section" { page_is_whole shardpack; }
@test "train: the manual page has every section" { page_is_whole train; }
@test "eval: the manual page has every section" { page_is_whole eval; }
@test "predict: the manual page has every section" { page_is_whole predict; }
@test "netpack: the manual page has every section" { page_is_whole netpack; }
@test "shownet: the manual page has every section" { page_is_whole shownet; }

# A bare `eval` would be the shell's own, and an installation has no other bare names in the PATH either.
@test "pages and README call the tools as an installation has them" {
  local tools='(imgprep|meanimg|shardpack|train|eval|predict|netpack|shownet)'
  ! grep -nE "^(\\$ (coproc )?|    |[^.].*\\| *)$tools +[-a-z\"\$]*[-./=]" "$ROOT"/man/* "$ROOT"/README.md ||
    fail "write: convoy TOOL"
}

# What holds of every tool's command line, whatever it does.
keeps_contract() {
  expect_status 0 "$BIN/$1" --help
  assert_equal "$stderr" ""
  assert_contains "$output" "Usage: convoy $1 "
  ! grep -nE '.{81}| $' <<< "$output" || fail "a line of more than 80 characters, or one that ends in a blank"
  expect_status 0 "$BIN/$1" --version
  assert_equal "${lines[0]}" "$1 (convoy) $(version)"
  assert_contains "${lines[1]}" "backends: CPU"

  refuse 2 "^$1: .*no-such-option" "$BIN/$1" --no-such-option
  assert_contains "$stderr" "Try 'convoy $1 --help'."
  assert_equal "$output" ""
  refuse 1 "nope\.conf" "$BIN/$1" --config=nope.conf
  printf 'no-such-option=1\n' > bad.conf
  refuse 2 "bad\.conf:1: .*no-such-option" "$BIN/$1" --config=bad.conf
  printf '# all\n\nquiet=on\nverbose' > bad.conf
  refuse 2 "bad\.conf:4: .*invalid line 'verbose'" "$BIN/$1" --config=bad.conf
  printf 'config=x\nquiet=on\n\nquiet=on\n\033[2J\n' > bad.conf
  refuse 1 "bad\.conf:5:1: a control character" "$BIN/$1" --config=bad.conf
  printf 'quiet=on\nhelp=on\n' > bad.conf
  refuse 2 "bad\.conf:2: .*help" "$BIN/$1" --config=bad.conf
  refuse 2 "--config is given an empty value" "$BIN/$1" --config=
  # The last of an option counts.
  expect_status 0 "$BIN/$1" -q -q --help --help
  # Abbreviations are refused: what is unique today would not be tomorrow.
  refuse 2 "vers" "$BIN/$1" --versio

  requires_full_device
  run bash -c '"$0" --help > /dev/full' "$BIN/$1"
  assert_equal "$status" 1
  run bash -c '"$0" --version >&-' "$BIN/$1"
  assert_equal "$status" 1
}
version() { sed -n 's/.*kVersion = "\(.*\)".*/\1/p' "$ROOT/lib/base/version.h"; }
@test "imgprep: --help, --version, --config and wrong usage" { keeps_contract imgprep; }
@test "meanimg: --help, --version, --config and wrong usage" { keeps_contract meanimg; }
@test "shardpack: --help, --version, --config and wrong usage" { keeps_contract shardpack; }
@test "train: --help, --version, --config and wrong usage" { keeps_contract train; }
@test "eval: --help, --version, --config and wrong usage" { keeps_contract eval; }
@test "predict: --help, --version, --config and wrong usage" { keeps_contract predict; }
@test "netpack: --help, --version, --config and wrong usage" { keeps_contract netpack; }
@test "shownet: --help, --version, --config and wrong usage" { keeps_contract shownet; }

@test "a value in --config that an option cannot have is told with its line" {
  printf 'quiet=on\n  threads = many\n' > bad.conf
  refuse 2 "^imgprep: bad\.conf:2: --threads: 'many' is not a whole number" "$BIN/imgprep" --config=bad.conf nothing
  refuse 2 "^imgprep: --threads: 'few' is not a whole number" "$BIN/imgprep" --config=bad.conf -j few nothing
}

@test "a percent sign in an option's name, or in a line of --config, is a character like others" {
  local word tool
  for word in --%original_token%=1 --%canonical_option%=1 --%option% -%original_token% -q%option% --%prefix%x --100% -%; do
    refuse 2 "^imgprep: unrecognised option '$word'" "$BIN/imgprep" "$word" x.png
  done
  for tool in imgprep meanimg shardpack train eval predict netpack shownet; do
    refuse 2 "^$tool: unrecognised option '--%original_token%'" "$BIN/$tool" --%original_token% x.png
  done
  echo '%original_token%x=0' > c.conf
  refuse 2 "^imgprep: c.conf:1: unrecognised option '%original_token%x'" "$BIN/imgprep" --config=c.conf x.png
  printf '[%%option%%]\nsize=3\n' > c.conf
  refuse 2 "^imgprep: c.conf:2: unrecognised option '%option%.size'" "$BIN/imgprep" --config=c.conf x.png
  echo '%invalid_line%' > c.conf
  refuse 2 "^imgprep: c.conf:1: invalid line '%invalid_line%'" "$BIN/imgprep" --config=c.conf x.png
  echo 'quiet = %value%' > c.conf
  refuse 2 "^imgprep: c.conf:1: --quiet: '%value%' is neither on, yes, true or 1 nor off, no, false or 0$" "$BIN/imgprep" --config=c.conf x.png
  echo 'size = %value%' > c.conf
  refuse 2 "^imgprep: c.conf:1: --size: '%value%' is not a whole" "$BIN/imgprep" --config=c.conf x.png
  fixture png a.png size=20x20
  printf 'output = 100%%original_token%%.shard\nquiet = YES\n' > c.conf
  expect_status 0 "$BIN/imgprep" --config=c.conf --size=16 a.png
  [ -s '100%original_token%.shard' ]
  # What the message says is what is taken.
  local word
  for word in on yes true 1 On; do
    echo "quiet = $word" > c.conf
    expect_status 0 "$BIN/imgprep" --config=c.conf --size=16 -o o.shard a.png
    assert_equal "$stderr" "" || fail "$word"
  done
  for word in off no false 0 FALSE; do
    echo "quiet = $word" > c.conf
    expect_status 0 "$BIN/imgprep" --config=c.conf --size=16 -o o.shard a.png
    assert_contains "$stderr" "1 image" || fail "$word"
  done
}

@test "an option without a name, or with one that is long, is named in a short line" {
  refuse 2 "^imgprep: unrecognised option '--=x'" "$BIN/imgprep" --=x x.png
  echo '= 3' > c.conf
  refuse 2 "^imgprep: c.conf:1: no option before the '='" "$BIN/imgprep" --config=c.conf x.png
  local long
  long=$(printf '%02000d' 7)
  refuse 2 "^imgprep: unrecognised option '--0{56}\.\.\.0{16}7=3'" "$BIN/imgprep" "--$long=3" x.png
  echo "$long" > c.conf
  refuse 2 "^imgprep: c.conf:1: invalid line '0{58}\.\.\.0{18}7': expected NAME=VALUE" "$BIN/imgprep" --config=c.conf x.png
  printf '\xef\xbb\xbfsize=16\n' > c.conf
  refuse 1 "^imgprep: c.conf:1:1: byte order mark" "$BIN/imgprep" --config=c.conf x.png
  refuse 2 "unrecognised option '--a.x1b.31mb'" "$BIN/imgprep" $'--a\x1b[31mb' x.png
}

@test "# in --config begins a comment only at the start of a line or after a blank" {
  make_training_set
  printf '# one\r\n  # two\nlog = log#1#.tsv # three #\noutput=#3.safetensors\t#=four\r\nval=a b#c.shard  \n' > t.conf
  cp val.shard "a b#c.shard"
  expect_status 0 "$BIN/train" --config=t.conf "${SMALL[@]}" --steps=1 train.shard
  [ -s log#1#.tsv ] && [ -s '#3.safetensors' ]
  printf '#\n #quiet\nthreads=1#2\n' > t.conf
  refuse 2 "^train: t.conf:3: --threads: '1#2' is not a whole number" "$BIN/train" --config=t.conf "${SMALL[@]}" --steps=1 train.shard
  printf 'quiet=on\noutput = #3.safetensors\n' > t.conf
  refuse 2 "^train: t.conf:2: --output is given an empty value" "$BIN/train" --config=t.conf "${SMALL[@]}" --steps=1 train.shard
  printf 'quiet=on # yes\n\nlr#2=0.1 # no\n' > t.conf
  refuse 2 "^train: t.conf:3: .*'lr#2'" "$BIN/train" --config=t.conf train.shard
  printf '# a\nquiet#on' > t.conf
  refuse 2 "^train: t.conf:2: .*'quiet#on'" "$BIN/train" --config=t.conf train.shard
}

@test "the command line wins over --config, also where values are gathered or options exclude each other" {
  make_training_set
  cp val.shard other.shard
  printf 'val=nothing.shard\nsteps=1\nlr=5\n' > t.conf
  expect_status 0 "$BIN/train" --config=t.conf "${SMALL[@]}" --lr=0.001 --epochs=0.4 --val=val.shard --val=other.shard \
    --log=log.tsv -o w.safetensors train.shard
  assert_contains "$stderr" "2 steps of 8"
  assert_equal "$(awk '$3 == "val" { print $4, $8 }' log.tsv)" "24 0.001"
  refuse 1 "nothing.shard" "$BIN/train" --config=t.conf "${SMALL[@]}" -o w.safetensors train.shard
  refuse 2 "exclude each other" "$BIN/train" "${SMALL[@]}" --steps=1 --epochs=1 -o w.safetensors train.shard
  printf 'list=on\n' > s.conf
  assert_contains "$("$BIN/shardpack" --config=s.conf --info train.shard)" "$(printf 'codec\traw')"
  printf 'list=on\nverify=on\n' > s.conf
  refuse 2 "s.conf:1: --list and --verify exclude each other" "$BIN/shardpack" --config=s.conf train.shard
}

@test "the last of an option counts" {
  fixture png a.png size=20x20
  "$BIN/imgprep" -q --size=16 --size=8 -o a.shard a.png
  assert_contains "$("$BIN/shardpack" --info a.shard)" "$(printf 'width\t8')"
}

@test "-v says which options are in effect" {
  fixture png a.png size=20x20
  expect_status 0 "$BIN/imgprep" -v --size=8 --gray -o a.shard a.png
  assert_contains "${stderr_lines[0]}" "imgprep: version $(version), backends CPU"
  assert_contains "${stderr_lines[0]}" " --gray"
  assert_contains "${stderr_lines[0]}" " --size=8"
}

@test "no output takes the place of an input or of another output" {
  make_training_set
  small_train --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  fixture png a.png size=12x12
  ln -s val.shard link.shard
  cp val.shard before
  local net=(--net=small.net --mean=mean.safetensors --steps=1)
  refuse 2 '--confusion: val.shard is an input' "$BIN/eval" -w w.safetensors --confusion=val.shard val.shard
  refuse 2 '--predictions: ./val.shard is an input' "$BIN/eval" -w w.safetensors --predictions=./val.shard link.shard
  refuse 2 '--rejects: w.safetensors is an input' "$BIN/eval" -w w.safetensors --rejects=w.safetensors val.shard
  refuse 2 '--predictions: x is what --confusion writes' "$BIN/eval" -w w.safetensors --confusion=x --predictions=x val.shard
  refuse 2 '--output: val.shard is an input' "$BIN/meanimg" -o val.shard val.shard
  refuse 2 '--png: x is what --output writes' "$BIN/meanimg" -o x --png=x val.shard
  refuse 2 '--png: standard output is what --output writes' "$BIN/meanimg" --png=- val.shard
  refuse 2 '--output: a.png is an input' "$BIN/imgprep" -o a.png a.png
  refuse 2 '--rejects: standard output is what --output writes' "$BIN/imgprep" --rejects=- a.png
  refuse 2 '--output: link.shard is an input' "$BIN/train" "${net[@]}" -o link.shard val.shard
  refuse 2 '--output: val.shard is an input' "$BIN/train" "${net[@]}" --val=val.shard -o val.shard train.shard
  refuse 2 '--checkpoint: small.net is an input' "$BIN/train" "${net[@]}" --checkpoint=small.net -o x train.shard
  refuse 2 '--log: x is what --output writes' "$BIN/train" "${net[@]}" -o x --log=x train.shard
  refuse 2 '--output: c.safetensors is an input' "$BIN/train" --resume=c.safetensors -o c.safetensors train.shard
  refuse 2 '--output: small.net is an input' "$BIN/train" --describe --net=small.net -o small.net
  refuse 2 '--output: w.safetensors is an input' "$BIN/predict" -w w.safetensors -o w.safetensors a.png
  refuse 2 '--output: a.png is an input' "$BIN/predict" -w w.safetensors -o a.png a.png
  refuse 2 '--rejects: a.png is an input' "$BIN/predict" -w w.safetensors --rejects=a.png a.png
  refuse 2 '--rejects: x is what --output writes' "$BIN/predict" -w w.safetensors --rejects=x -o x a.png
  printf 'a.png\n' > list
  refuse 2 '--output: list is an input' "$BIN/predict" -w w.safetensors --files-from=list -o list
  # Also one that a list names, or that lies in a folder.
  refuse 2 '--output: a.png is an input' "$BIN/predict" -w w.safetensors -o a.png list
  refuse 2 '--output: a.png is an input' "$BIN/predict" -w w.safetensors -o a.png --files-from=list
  refuse 2 '--rejects: a.png is an input' "$BIN/imgprep" --size=8 --rejects=a.png -o x --files-from=list
  mkdir -p photos/cat && cp a.png photos/cat
  refuse 2 '--output: photos/cat/a.png is an input' "$BIN/predict" -w w.safetensors -o photos/cat/a.png photos
  cmp a.png photos/cat/a.png
  refuse 2 '--output: val.shard is an input' "$BIN/shardpack" --list -o val.shard val.shard
  refuse 2 '--rejects: val.shard is an input' "$BIN/shardpack" --rejects=val.shard -o x val.shard
  assert_missing x
  cmp before val.shard
  "$BIN/shardpack" -q -o val.shard val.shard
  cmp before val.shard
  "$BIN/meanimg" -q --merge -o mean.safetensors mean.safetensors mean.safetensors
  "$BIN/train" -q --resume=c.safetensors --steps=2 --checkpoint=c.safetensors -o x --log=/dev/null --rejects=/dev/null train.shard
}

@test "control characters of names do not reach the terminal" {
  fixture png a.png size=12x12
  local name=$'bad\n\033[31mname\t\r.png'
  printf junk > "$name"
  refuse 3 '^imgprep: bad\\n\\x1b\[31mname\\t\\r\.png: ' "$BIN/imgprep" -q -o x.shard a.png "$name"
  assert_equal "${#stderr_lines[@]}" 1
}

@test "convoy runs the tools, and says what it does not know" {
  expect_status 0 "$BIN/convoy" --help
  for tool in imgprep meanimg shardpack train eval predict netpack shownet; do
    assert_contains "$output" "  $tool "
  done
  expect_status 0 "$BIN/convoy" --version
  assert_equal "${lines[0]}" "convoy $(version)"
  expect_status 0 "$BIN/convoy" eval --version
  assert_equal "${lines[0]}" "eval (convoy) $(version)"
  refuse 2 "'fry' is not a tool" "$BIN/convoy" fry
  refuse 2 "no help on 'fry'" "$BIN/convoy" help fry
  expect_status 2 "$BIN/convoy"
  assert_contains "$stderr" "Usage: convoy"
  # A link elsewhere still finds the programs.
  ln -s "$BIN/convoy" elsewhere
  expect_status 0 ./elsewhere train --version
  assert_equal "${lines[0]}" "train (convoy) $(version)"
}

@test "convoy passes arguments and statuses through unchanged" {
  refuse_through() {
    expect_status 2 "$BIN/convoy" "$@"
    assert_contains "$stderr" "$1: "
  }
  refuse_through imgprep '--no such=option'
  refuse_through eval --no-such-option
}

@test "convoy help shows manual pages" {
  command -v man > /dev/null || requires mandoc
  run bash -c '"$1/convoy" help "$2" | cat' - "$BIN" eval
  assert_equal "$status" 0
  assert_contains "$output" CONVOY-EVAL
  run bash -c '"$1/convoy" help "$2" | cat' - "$BIN" shard
  assert_contains "$output" CONVOY-SHARD
}

@test "every example of the tour runs" {
  make_folders photos 10 12 size=40x36
  cp "$NETS/cifar-80sec.net" .
  while IFS= read -r example; do
    run_example "$example"
  done < <(man_examples convoy.7)
  assert_contains "$output" "stdin:12"
  [ -s mean.png ] && [ -s log.tsv ]
}

@test "completion: tools, values and files" {
  assert_equal "$(complete_words convoy tr)" train
  assert_equal "$(complete_words convoy help sh | sort | tr '\n' ' ')" "shard shardpack shownet "
  assert_equal "$(complete_words convoy imgprep --codec = j)" jpeg
  assert_equal "$(complete_words convoy imgprep --on-error = | sort | tr '\n' ' ')" "skip stop "
  assert_equal "$(complete_words convoy-train --crop = r)" random
  assert_equal "$(complete_words convoy train --crop r)" random
  assert_equal "$(complete_words convoy train --flip '' | sort | tr '\n' ' ')" "off on "
  assert_equal "$(complete_words convoy train --lr-policy '' | sort | tr '\n' ' ')" "cosine exp: fixed plateau: poly: step: "
  assert_equal "$(complete_words convoy train --optimizer '' | sort | tr '\n' ' ')" "lars lars: sgd "
  for tool in train eval predict; do
    assert_equal "$(complete_words "convoy-$tool" --precision = | sort | tr '\n' ' ')" "auto bf16 fp32 "
  done
  mkdir folder
  touch a.shard a.net a.safetensors a.txt
  # A word, or a file.
  assert_equal "$(complete_words convoy train --resume = '' | sort | tr '\n' ' ')" "a.safetensors auto folder/ "
  assert_equal "$(complete_words convoy train --resume = au)" auto
  assert_equal "$(complete_words convoy train --mean '' | sort | tr '\n' ' ')" "a.safetensors folder/ none "
  assert_equal "$(complete_words convoy train --net = '')" "$(printf '%s\n' a.net folder/)"
  assert_equal "$(complete_words convoy train --net '')" "$(printf '%s\n' a.net folder/)"
  assert_equal "$(complete_words convoy train --describe '' | sort)" "$(printf '%s\n' a.shard folder/)"
  assert_equal "$(complete_words convoy train '' | sort)" "$(printf '%s\n' a.shard folder/)"
  assert_equal "$(complete_words convoy-eval -w '' | sort)" "$(printf '%s\n' a.safetensors folder/)"
  assert_contains "$(complete_words convoy shownet '' | tr '\n' ' ')" "filters curves predictions neighbours confusion net mean "
  assert_equal "$(complete_words convoy shownet cu)" curves
  assert_equal "$(complete_words convoy shownet mean a.s | sort | tr '\n' ' ')" "a.safetensors a.shard "
  assert_equal "$(complete_words convoy shownet --format = s)" svg
  assert_equal "$(complete_words convoy imgprep a. | sort)" "$(printf '%s\n' a.net a.safetensors a.shard a.txt)"
}
