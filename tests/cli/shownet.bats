# shownet: every picture in every format, as libpng and others read it, and what cannot be drawn.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; status, output and stderr are set by run
load common
load training

setup() {
  common_setup
  make_training_set
  small_train --epochs=2 --val=val.shard --log=log.tsv -o w.safetensors train.shard
}

# size_of PNG: prints the width and height of a picture, as imgprep reads it.
size_of() {
  "$BIN/imgprep" -q --size=none -o size.shard "$1" || return 1
  "$BIN/shardpack" --info size.shard | awk '$1 == "width" { w = $2 } $1 == "height" { h = $2 } END { print w "x" h }'
}

# texts_of SVG: prints the texts that stand in a picture.
texts_of() { sed -n '/<desc>/,/<\/desc>/p' "$1"; }

# is_picture FILE: fails unless the file begins and ends as its name says.
is_picture() {
  case $1 in
    *.png) size_of "$1" > size.txt ;;
    *.svg) grep -q '<svg' "$1" && [ "$(tail -n 1 "$1")" = '</svg>' ] && grep -q '<desc>' "$1" ;;
    *.pdf) [ "$(head -c 5 "$1")" = %PDF- ] && tail -c 10 "$1" | grep -aq '%%EOF' ;;
  esac || fail "$1 is no picture"
}

# make_results: makes p.tsv and p.json of predict, e.tsv and c.tsv of eval, and n.tsv as predict --nearest writes it, of
# the records of val.shard.
make_results() {
  "$BIN/predict" -q -w w.safetensors -o p.tsv val.shard
  "$BIN/predict" -q --json -w w.safetensors -o p.json val.shard
  "$BIN/eval" -q -w w.safetensors --predictions=e.tsv --confusion=c.tsv -o /dev/null val.shard
  cut -f 1 p.tsv | uniq > names
  awk '{ name[NR] = $0 } END { for (i = 1; i <= 3; i++) for (k = 1; k <= 4; k++) printf "%s\t%d\t%s\t%.2f\n", name[i], k, name[i + k], k / 2 }' names > n.tsv
}

@test "every kind of picture is drawn in every format, the same bytes again" {
  make_results
  local format kind inputs
  for format in png svg pdf; do
    for kind in filters curves predictions neighbours confusion net mean; do
      case $kind in
        filters | net) inputs=(w.safetensors) ;;
        curves) inputs=(log.tsv log.tsv) ;;
        predictions) inputs=(--images=val.shard p.tsv) ;;
        neighbours) inputs=(--images=val.shard n.tsv) ;;
        confusion) inputs=(c.tsv) ;;
        mean) inputs=(mean.safetensors) ;;
      esac
      expect_status 0 "$BIN/shownet" "$kind" -o "$kind.$format" "${inputs[@]}" || return 1
      assert_equal "$output$stderr" "" || return 1
      is_picture "$kind.$format" || return 1
      expect_status 0 bash -c '"$@" > again' - "$BIN/shownet" "$kind" --format=$format "${inputs[@]}" || return 1
      cmp "$kind.$format" again || fail "$kind.$format differs when it is drawn again" || return 1
    done
  done
}

@test "a picture has the width and scale that are asked for" {
  "$BIN/shownet" curves -o a.png --width=500 log.tsv
  "$BIN/shownet" curves -o b.png --width=500 --scale=3 log.tsv
  local a b
  a=$(size_of a.png)
  b=$(size_of b.png)
  assert_equal "${a%x*}" 500
  assert_equal "$b" "1500x$((${a#*x} * 3))"
  # What needs more is wider.
  "$BIN/shownet" filters --columns=8 --layer=f2 --width=240 -o c.png w.safetensors
  is_picture c.png
  refuse 2 "--width: '100' is not" "$BIN/shownet" curves --width=100 -o x.png log.tsv
  refuse 2 "--scale: '9' is not" "$BIN/shownet" curves --scale=9 -o x.png log.tsv
  assert_missing x.png
}

@test "the texts of a picture: titles, axes, legends, layers" {
  "$BIN/shownet" curves --title='Two <runs> & more' --name='Первый' -o c.svg log.tsv log.tsv
  grep -q '<title>Two &lt;runs&gt; &amp; more</title>' c.svg
  for text in 'Первый' log training validation 'error (%)' 'loss (nats)' 'learning rate' epoch; do
    texts_of c.svg | grep -Fxq "$text" || fail "no '$text' in: $(texts_of c.svg)"
  done
  "$BIN/shownet" curves --show=error --set=val --x=step -o c.svg log.tsv
  texts_of c.svg | grep -Fxq step
  ! texts_of c.svg | grep -Eq 'training|loss|rate|epoch' || fail "$(texts_of c.svg)"
  "$BIN/shownet" net -o n.svg small.net
  "$BIN/shownet" net -o w.svg w.safetensors
  for text in c1 'conv 3x3' 'maxpool 2x2, stride 2' '10x10x8' 'dropout 0.25' total; do
    texts_of n.svg | grep -Fxq "$text" || fail "no '$text' in: $(texts_of n.svg)"
    texts_of w.svg | grep -Fxq "$text" || fail "no '$text' in: $(texts_of w.svg)"
  done
  "$BIN/shownet" filters -o f.svg w.safetensors
  texts_of f.svg | grep -Fxq 'c1: 8 filters of 3x3x1'
  "$BIN/shownet" filters --layer=f1 --first=3 -o f.svg w.safetensors
  texts_of f.svg | grep -Fxq 'f1: 16 filters of 5x5x8'
  texts_of f.svg | grep -Fq 'The first 3 of 16 are shown.'
  "$BIN/shownet" mean -o m.svg mean.safetensors
  texts_of m.svg | grep -Fxq 'Mean image, 12x12, of 40 images'
}

@test "without a title of its own a picture has none" {
  "$BIN/shownet" filters --title=' ' -o f.svg w.safetensors
  run ! grep -q 'c1: 8 filters' f.svg
}

@test "predictions: the class is that of the table, of the shard, or the folder" {
  make_results
  printf '0\tnull\n1\tone\n2\ttwo\n3\tthree\n' > classes
  "$BIN/shownet" predictions --images=val.shard --classes=classes --first=1 -k 2 -o p.svg p.tsv
  # Its class, and two bars.
  assert_equal "$(texts_of p.svg | grep -cxE 'null|one|two|three')" 3
  "$BIN/shownet" predictions --images=val.shard --classes=classes --first=1 -k 2 -o j.svg p.json
  cmp p.svg j.svg
  "$BIN/shownet" predictions --images=val.shard --classes=classes --first=1 -k 2 -o e.svg e.tsv
  assert_equal "$(texts_of e.svg | grep -cxE 'null|one|two|three')" 3
  ! texts_of e.svg | grep -q ' %' || fail "eval's table has no probabilities"
  # Files in folders by class, named as predict was given them.
  make_folders photos 2 1 size=30x20
  printf 'photos/class0/0.png\t1\tclass1\t\t0.75\nphotos/class0/0.png\t2\tclass0\t\t0.25\n' > f.tsv
  "$BIN/shownet" predictions -o f.svg f.tsv
  assert_equal "$(texts_of f.svg | grep -cx class0)" 2
  assert_equal "$(texts_of f.svg | grep -c ' %')" 2
  # A class that is not among the answers is known from --classes.
  printf 'photos/class1/0.png\t1\tclass0\t\t1.000000\n' > g.tsv
  "$BIN/shownet" predictions -o g.svg g.tsv
  texts_of g.svg | grep -Fxq 0.png
  printf 'class0\nclass1\tthe other\n' > two
  "$BIN/shownet" predictions --classes=two -o g.svg g.tsv
  texts_of g.svg | grep -Fxq 'the other'
}

@test "an image that is missing or no image is named, and status 3; nothing is drawn if all are" {
  make_folders photos 1 1 size=30x20
  echo text > photos/text.png
  printf '%s\t1\ta\t\t0.5\n' photos/class0/0.png photos/nope.png photos/text.png > p.tsv
  printf 'photos/bad.png\t\t\t\tcut short\n' >> p.tsv
  expect_status 3 "$BIN/shownet" predictions -o p.png --rejects=r.tsv p.tsv
  assert_lines r.tsv 3
  assert_contains "$stderr" "shownet: photos/nope.png: No such file or directory"
  assert_contains "$stderr" "shownet: photos/bad.png: cut short"
  is_picture p.png
  expect_status 0 "$BIN/shownet" predictions -o p.png --max-rejects=3 p.tsv
  refuse 1 'cut short|nope.png' "$BIN/shownet" predictions -o x.png --on-error=stop p.tsv
  refuse 1 'rejects' "$BIN/shownet" predictions -o x.png --max-rejects=2 p.tsv
  grep nope p.tsv > none.tsv
  refuse 1 'nope.png' "$BIN/shownet" predictions -o x.png none.tsv
  assert_missing x.png
  # A name that would be an option's word or standard input is only a name.
  printf -- '-\t1\ta\t\t0.5\n' | refuse_quietly predictions
  printf '\t1\ta\t\t0.5\n' | refuse_quietly predictions
  # So are a folder and a FIFO.
  mkfifo fifo
  printf '%s\t1\ta\t\t0.5\n' / fifo . | refuse_quietly predictions
}
refuse_quietly() { expect_status 1 timeout 20 "$BIN/shownet" "$1" -o x.png; }

@test "neighbours: crossed squares for images that are not there" {
  make_results
  printf '%s\t5\tnot there\t9\n' "$(head -n 1 names)" > extra
  awk 'NR == FNR { more = $0; next } { print } FNR == 4 { print more }' extra n.tsv > m.tsv
  expect_status 3 "$BIN/shownet" neighbours --images=val.shard -o m.svg m.tsv
  assert_contains "$stderr" "shownet: not there: is not among the images: is --images what predict or eval was given?"
  is_picture m.svg
  printf '{"name": "%s", "neighbours": [{"rank": 1, "name": "%s", "distance": 0.5}]}\n' "$(sed -n 1p names)" "$(sed -n 2p names)" > n.json
  expect_status 0 "$BIN/shownet" neighbours --images=val.shard -o j.svg n.json
  texts_of j.svg | grep -Fxq 0.5
}

@test "confusion: shares of each class, with names, as a matrix or as pairs" {
  printf 'class\ta\tb\na\t3\t1\nb\t0\t5\n' > c.tsv
  printf 'true\tpredicted\tcount\na\ta\t3\na\tb\t1\nb\tb\t5\n' > p.tsv
  printf 'a\tApfel\nb\tБерёза\n' > classes
  "$BIN/shownet" confusion --classes=classes -o c.svg c.tsv
  "$BIN/shownet" confusion --classes=classes -o p.svg p.tsv
  cmp c.svg p.svg
  for text in Apfel 'Берёза' 75 25 100 '25 % (1)'; do
    texts_of c.svg | grep -Fxq "$text" || fail "no '$text' in: $(texts_of c.svg)"
  done
  # A thousand classes.
  awk 'BEGIN { printf "class"; for (i = 0; i < 1000; i++) printf "\tn%08d", i; print ""
    for (i = 0; i < 1000; i++) { printf "n%08d", i; for (j = 0; j < 1000; j++) printf "\t%d", (i == j ? 30 : (j == i + 7 ? i % 9 : 0)); print "" } }' > many.tsv
  "$BIN/shownet" confusion -o many.png many.tsv
  is_picture many.png
  "$BIN/shownet" confusion -o many.svg many.tsv
  [ "$(texts_of many.svg | grep -c '^n0')" -lt 150 ] || fail "too many names"
}

@test "weights, means and nets come through a pipe, too" {
  local kind
  for kind in filters net mean; do
    "$BIN/shownet" $kind -o file.svg --title=a w.safetensors
    expect_status 0 bash -c 'cat w.safetensors | "$@" > pipe.svg' - "$BIN/shownet" $kind --title=a --format=svg || return 1
    cmp file.svg pipe.svg || fail "$kind differs through a pipe" || return 1
  done
  "$BIN/shownet" mean -o file.svg --title=a mean.safetensors
  # shellcheck disable=SC2002  # a pipe is what is tested
  cat mean.safetensors | "$BIN/shownet" mean --title=a --format=svg > pipe.svg
  cmp file.svg pipe.svg
  # shellcheck disable=SC2002
  cat small.net | "$BIN/shownet" net --title=a --format=svg > pipe.svg
  is_picture pipe.svg
}

@test "images are not called missing one by one if their source is not there, or has been read as the table" {
  make_results
  refuse 2 '^shownet: --images: standard input holds either the table or images, once$' \
    "$BIN/shownet" predictions --images=- -o x.png < p.tsv
  "$BIN/shownet" predictions --images=- -o x.png p.tsv < val.shard
  rm x.png
  refuse 1 '^shownet: nope.shard: No such file or directory$' "$BIN/shownet" predictions --images=nope.shard -o x.png p.tsv
}

@test "--whole shows the high values of the beginning of a run" {
  awk 'NR == 1; END { for (i = 1; i <= 40; i++) printf "%d\t%g\ttrain\t8\t%g\t%g\t0\t0.01\t9\n", i, i / 4, i < 3 ? 9 : 1, i < 3 ? 0.9 : 0.1 }' log.tsv > falls.tsv
  "$BIN/shownet" curves --show=error -o late.svg falls.tsv
  ! texts_of late.svg | grep -Fxq 80 || fail "the axis reaches to the beginning"
  "$BIN/shownet" curves --show=error --whole -o whole.svg falls.tsv
  texts_of whole.svg | grep -Fxq 80
  refuse 2 '.*--whole is not for net' "$BIN/shownet" net --whole -o x.svg small.net
}

@test "a log of an interrupted run: damaged lines are named, a line that is being written is not" {
  cp log.tsv l.tsv
  printf 'no row\n' >> l.tsv
  printf '9\t1.5\ttra' >> l.tsv
  expect_status 3 "$BIN/shownet" curves -o l.svg l.tsv
  assert_equal "$stderr" "shownet: l.tsv:$(($(wc -l < log.tsv) + 1)): is no row of a log"
  expect_status 0 "$BIN/shownet" curves -o l.svg --max-rejects=1 l.tsv
  head -n 1 log.tsv > head.tsv
  refuse 1 '^shownet: head.tsv: a log without rows$' "$BIN/shownet" curves -o x.svg head.tsv
  : > empty.tsv
  refuse 1 '^shownet: empty.tsv: is empty$' "$BIN/shownet" curves -o x.svg empty.tsv
  local no_log='^shownet: [a-z]*[.][a-z]*: is not a log of train: '
  refuse 1 "${no_log}it does not begin with the names of the columns that --log writes$" "$BIN/shownet" curves -o x.svg small.net
  tail -n +2 log.tsv > headless.tsv
  refuse 1 "${no_log}its first line, which names the columns, is missing$" "$BIN/shownet" curves -o x.svg headless.tsv
  sed 's/$/\r/' log.tsv > crlf.tsv
  refuse 1 "${no_log}its lines end with CR LF: let them end with LF alone$" "$BIN/shownet" curves -o x.svg crlf.tsv
  sed 's/^\([0-9]*\t[^\t]*\t[a-z]*\t[0-9]*\)\t[^\t]*/\1\tnan/' log.tsv > nan.tsv
  refuse 1 'no value to draw of: loss' "$BIN/shownet" curves -o x.svg nan.tsv
  expect_status 0 "$BIN/shownet" curves --show=error -o n.svg nan.tsv
  assert_contains "$stderr" "infinite or not a number"
  assert_missing x.svg
}

@test "other files than a picture is drawn of are named as what they are" {
  refuse 1 '^shownet: log.tsv: ' "$BIN/shownet" filters -o x.png log.tsv
  refuse 1 '^shownet: mean.safetensors: a mean file where weights are expected' "$BIN/shownet" filters -o x.png mean.safetensors
  refuse 1 '^shownet: train.shard: a shard where weights are expected' "$BIN/shownet" filters -o x.png train.shard
  refuse 1 '^shownet: train.shard: a shard where a mean file is expected' "$BIN/shownet" mean -o x.png train.shard
  refuse 1 '^shownet: train.shard: a shard where a net is expected' "$BIN/shownet" net -o x.png train.shard
  refuse 1 '^shownet: w.safetensors: weights where a table of eval --confusion is expected' "$BIN/shownet" confusion -o x.png w.safetensors
  refuse 1 '^shownet: w.safetensors: is not a log of train' "$BIN/shownet" curves -o x.png w.safetensors
  refuse 1 '^shownet: nope: No such file' "$BIN/shownet" net -o x.png nope
  refuse 1 "no layer 'nope' with kernels: it has c1, f1, f2" "$BIN/shownet" filters --layer=nope -o x.png w.safetensors
  refuse 1 '^shownet: log.tsv:1: is not a line of predict' "$BIN/shownet" predictions -o x.png log.tsv
  refuse 1 '^shownet: log.tsv: is no table of eval --confusion' "$BIN/shownet" confusion -o x.png log.tsv
  printf 'class\ta\tb\na\t1\t-2\n' > c.tsv
  refuse 1 '^shownet: c.tsv:2: a count is not' "$BIN/shownet" confusion -o x.png c.tsv
  printf 'a.png\t1\ta\t\t1.5\n' > p.tsv
  refuse 1 '^shownet: p.tsv:1: the probability' "$BIN/shownet" predictions -o x.png p.tsv
  printf 'a.png\t2\ta\t\t0.5\n' > p.tsv
  refuse 1 '^shownet: p.tsv:1: the rank' "$BIN/shownet" predictions -o x.png p.tsv
  printf 'a.png\t1\tb.png\tnan\n' > n.tsv
  refuse 1 '^shownet: n.tsv:1: the distance' "$BIN/shownet" neighbours -o x.png n.tsv
  assert_missing x.png
}

@test "weights that are cut or hold what is not a number are refused" {
  head -c 3000 w.safetensors > cut.safetensors
  refuse 1 '^shownet: cut.safetensors: ' "$BIN/shownet" filters -o x.png cut.safetensors
  without_checksum w.safetensors > nan.safetensors
  # c1.weight may lie anywhere: all values after the header become NaN.
  python3 - << 'PYTHON'
import struct
data = bytearray(open('nan.safetensors', 'rb').read())
start = 8 + struct.unpack('<Q', data[:8])[0]
data[start:] = struct.pack('<f', float('nan')) * ((len(data) - start) // 4)
open('nan.safetensors', 'wb').write(data)
PYTHON
  refuse 1 'nan.safetensors: .*c1.weight.*not finite' "$BIN/shownet" filters -o x.png nan.safetensors
  refuse 1 'nan.safetensors: .*mean.*not finite' "$BIN/shownet" mean -o x.png nan.safetensors
  assert_missing x.png
}

@test "wrong usage" {
  refuse 2 'no picture is named: the first operand is one of filters, curves' "$BIN/shownet" -o x.png
  refuse 2 "'flowers' is no picture: there are filters, curves" "$BIN/shownet" flowers -o x.png w.safetensors
  refuse 2 '^shownet: --layer is not for curves, but for filters$' "$BIN/shownet" curves --layer=c1 -o x.png log.tsv
  refuse 2 'filters takes one input, not 2' "$BIN/shownet" filters -o x.png w.safetensors w.safetensors
  refuse 2 '^shownet: --format: is needed for standard output: png, svg or pdf$' "$BIN/shownet" filters w.safetensors
  refuse 2 '^shownet: --format: is needed: the name of the output' "$BIN/shownet" filters -o x.gif w.safetensors
  refuse 2 "^shownet: --format: 'gif'" "$BIN/shownet" filters --format=gif -o x.gif w.safetensors
  refuse 2 "^shownet: --show: 'loss '" "$BIN/shownet" curves --show='error,loss ' -o x.png log.tsv
  refuse 2 '^shownet: --name: there are more names than logs' "$BIN/shownet" curves --name=a --name=b -o x.png log.tsv
  refuse 2 '^shownet: --output: log.tsv is an input' "$BIN/shownet" curves --format=svg -o log.tsv log.tsv
  refuse 2 '^shownet: --top: at most 20' "$BIN/shownet" predictions -k 21 -o x.png log.tsv
  # A format that the name does not have is taken.
  expect_status 0 "$BIN/shownet" filters --format=svg -o w.png w.safetensors
  grep -q '<svg' w.png
  assert_missing x.png x.gif
}

@test "an older picture stays if the new one fails" {
  "$BIN/shownet" filters -o f.png w.safetensors
  cp f.png before
  refuse 1 'nope' "$BIN/shownet" filters -o f.png nope
  refuse 1 'no layer' "$BIN/shownet" filters --layer=nope -o f.png w.safetensors
  cmp f.png before
}

@test "names of any script and with control characters" {
  local name=$'\xd8\xb4\xd8\xa7\xd8\xad\xd9\x86\xd8\xa9 \xe5\x8d\xa1\xe8\xbd\xa6\x1b[31m'
  cp log.tsv "$name.tsv"
  cp log.tsv "$(printf 'w%.0s' {1..200}).tsv"
  expect_status 0 "$BIN/shownet" curves -o n.svg ./*.tsv
  assert_equal "$stderr" ""
  texts_of n.svg | grep -Fxq $'\xd8\xb4\xd8\xa7\xd8\xad\xd9\x86\xd8\xa9 \xe5\x8d\xa1\xe8\xbd\xa6\\x1b[31m' || fail "$(texts_of n.svg)"
  expect_status 0 "$BIN/shownet" curves -o n.png ./*.tsv
  is_picture n.png
}

@test "too large a picture is refused, with what would help" {
  refuse 1 '^shownet: picture: .* pixels' "$BIN/shownet" curves --width=20000 --scale=8 -o x.png log.tsv
  refuse 1 '^shownet: picture: .* need [0-9.]+ [KM]iB of memory, the limit is 4.0 MiB \(--max-memory\)' \
    "$BIN/shownet" curves --width=2000 --max-memory=4M -o x.png log.tsv
  assert_missing x.png
}

@test "without fonts, or the memory for them, there is a message and no picture" {
  printf '<?xml version="1.0"?><fontconfig><dir>%s</dir><cachedir>%s</cachedir></fontconfig>\n' "$TMP/none" "$TMP/cache" > fonts.conf
  FONTCONFIG_FILE=$TMP/fonts.conf refuse 1 '^shownet: fonts: none with Latin letters is installed: ' "$BIN/shownet" curves -o x.png log.tsv
  assert_missing x.png
  requires_address_limit 2000000
  local kilobytes said=0
  for kilobytes in 90000 110000 130000 150000 170000; do
    bash -c 'ulimit -v "$1" && exec "$0" --version' "$BIN/shownet" $kilobytes > /dev/null 2>&1 || continue
    run --separate-stderr bash -c 'ulimit -v "$1" && exec "$0" curves -o x.png log.tsv' "$BIN/shownet" $kilobytes
    [ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && [ -n "$stderr" ]; } || fail "status $status with $kilobytes KiB: $stderr"
    [ "$status" -eq 0 ] || said=1
  done
  [ "$said" -eq 1 ] || fail "no limit was too low"
}

@test "every example of the manual page runs" {
  mkdir photographs
  cp log.tsv relu.tsv
  cp log.tsv tanh.tsv
  make_folders photographs 2 2 size=20x16 kind=gray
  printf '%s\n' 'input 10x10x1 from=12x12' 'conv c1 8 3x3 pad=1 init=0.05' 'relu' 'conv conv2 8 3x3 pad=1 init=0.05' 'fc f2 4' softmax > small.net
  small_train --steps=1 -o w.safetensors train.shard
  local example
  while IFS= read -r example; do
    run_example "$example"
  done < <(man_examples convoy-shownet.1)
  for example in filters.png conv2.svg curves.svg figure1.pdf photographs.png val.png confusion.png net.svg mean.png; do
    is_picture "$example"
  done
}
