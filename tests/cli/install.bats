# make: install and uninstall in a staging folder, what it prints, the messages of the set-up, the demo in miniature.

load common

setup() {
  common_setup
  case $BIN in
    */build/bin) mode=release ;;
    *) mode=$(basename "$(dirname "$BIN")") ;;
  esac
  stage=$TMP/stage
}

# Takes the programs as they were built; nothing is compiled here.
make_in_tree() { make -s -C "$ROOT" -o all MODE="$mode" DESTDIR="$stage" PREFIX=/usr "$@"; }

@test "make install puts everything below DESTDIR and PREFIX" {
  expect_status 0 make_in_tree install
  cd stage
  assert_equal "$(find . -type f -path '*/bin/*')" ./usr/bin/convoy
  for tool in imgprep meanimg shardpack train eval predict netpack shownet; do
    [ -x "usr/libexec/convoy/$tool" ]
    [ -e "usr/share/man/man1/convoy-$tool.1" ]
    expect_status 0 "usr/bin/convoy-$tool" --version
    assert_contains "$output" "$tool (convoy)"
    expect_status 0 usr/bin/convoy "$tool" --version
    assert_contains "$output" "$tool (convoy)"
    # Bash finds the completion under the name of each command.
    grep -q 'complete -F _convoy' "usr/share/bash-completion/completions/convoy-$tool"
  done
  for page in man5/convoy-shard.5 man5/convoy-weights.5 man5/convoy-net.5 man7/convoy.7; do
    [ -e "usr/share/man/$page" ]
  done
  [ -e usr/share/convoy/nets/alexnet.net ]
  assert_equal "$(find . -perm -o+w ! -type l)" ""
}

@test "an installation works after it was moved, and through a link" {
  make_in_tree install
  mv stage/usr moved
  ln -s moved/bin/convoy link
  expect_status 0 moved/bin/convoy-eval --version
  expect_status 0 ./link eval --version
  PATH=$TMP/moved/bin:$PATH
  expect_status 0 convoy train --version
  rm moved/libexec/convoy/train
  refuse 1 "train is missing" moved/bin/convoy train --version
}

@test "make uninstall removes what make install put there, and nothing else" {
  mkdir -p stage/usr/bin stage/usr/share/man/man1
  touch stage/usr/bin/other stage/usr/share/man/man1/other.1
  make_in_tree install
  make_in_tree uninstall
  assert_equal "$(find stage ! -type d | sort | tr '\n' ' ')" "stage/usr/bin/other stage/usr/share/man/man1/other.1 "
}

@test "make help lists the targets and the variables" {
  expect_status 0 make_in_tree help
  for target in check demo install uninstall lint clean; do
    assert_contains "$output" "  $target "
  done
  for variable in 'MODE=release|debug|asan ' 'V=1 ' 'CUDA=auto|1|0 '; do
    assert_contains "$output" "  $variable"
  done
}

@test "the build prints a short line for each command, whole commands with V=1, and warnings always" {
  # A project of one source and one kernel, built by this Makefile.
  mkdir -p lib/base kernels/cuda tests/unit build
  cp "$ROOT/Makefile" .
  cp "$ROOT/kernels/cuda/cuda.mk" kernels/cuda
  cp "$ROOT/tests/setup" tests
  echo 'int zero(int unused) { return 0; }' > lib/base/zero.cpp
  echo 'int one() { return 1; }' > kernels/one_cuda.cu
  build() {
    rm -rf build/obj build/emulated build/*.a
    expect_status 0 env -u MAKEFLAGS -u MAKELEVEL -u V make CXX=g++ MODE=release CUDA=0 "$@" \
      build/libconvoy.a build/emulated/kernels/one_cuda.o
  }
  local short='  CXX  lib/base/zero.cpp
  AR   build/libconvoy.a
  EMU  kernels/one_cuda.cu'
  build
  assert_equal "$output" "$short"
  assert_contains "$stderr" "lib/base/zero.cpp:1:14: warning: unused parameter"
  build V=1
  assert_equal "$(grep -c . <<< "$output")" 3
  grep -q '^g++ .* -c -o build/obj/lib/base/zero.o lib/base/zero.cpp$' <<< "$output"
  assert_contains "$stderr" "lib/base/zero.cpp:1:14: warning: unused parameter"
  build -s
  assert_equal "$output" ""
  assert_contains "$stderr" "lib/base/zero.cpp:1:14: warning: unused parameter"
  build -n
  assert_contains "$output" "g++ "
  assert_missing build/libconvoy.a
}

@test "the set-up names what is missing, and is quiet if nothing is" {
  expect_status 0 "$ROOT/tests/setup" --check build
  assert_equal "$output$stderr" ""
  # Here apt-get and dpkg-query know no package, and the compiler finds no header.
  mkdir fake
  printf '#!/bin/sh\nexit 1\n' > fake/dpkg-query
  printf '#!/bin/sh\necho "apt-get $*" >&2\n' > fake/apt-get
  printf '#!/bin/sh\nexec g++ -nostdinc -I/nonexistent "$@" 2> /dev/null\n' > fake/no-headers
  chmod +x fake/*
  PATH=$TMP/fake:$PATH
  CXX=no-headers expect_status 1 "$ROOT/tests/setup" --check build
  assert_contains "$stderr" "libdnnl-dev"
  assert_contains "$stderr" "tests/setup build"
  CXX=$TMP/nope expect_status 1 "$ROOT/tests/setup" --check check
  assert_contains "$stderr" "g++"
  assert_contains "$stderr" "libgtest-dev"
  if [ "$(id -u)" -eq 0 ]; then
    CXX=$TMP/nope expect_status 0 "$ROOT/tests/setup" build
    assert_contains "$stderr" "Installing packages: g++"
    assert_contains "$stderr" "install -y --no-install-recommends g++"
  fi
  expect_status 2 "$ROOT/tests/setup" everything
}

@test "the pipeline in README.md is the one that make demo runs" {
  # Puts each command on one line, without the blanks of the layout.
  # shellcheck disable=SC2016  # shown, not expanded
  demo=$(make -n -B -C "$TMP" -f "$ROOT/examples/fashion-mnist/Makefile" FASHION_MNIST='$$images' |
    sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | tr -s ' ')
  commands=$(awk '/^    images=/ { on = 1; next } on && /^    / { print } on && !/^    / { exit }' "$ROOT/README.md" |
    sed -e ':a' -e '/\\$/N; s/\\\n//; ta' -e 's/^ *//' | tr -s ' ')
  [ "$(grep -c . <<< "$commands")" -ge 5 ]
  while IFS= read -r command; do
    assert_contains "$demo" "$command"
  done <<< "$commands"
}

@test "the demo runs on a miniature data set" {
  mkdir images run
  make_idx images/train 300
  make_idx images/t10k 100
  for part in train t10k; do
    gzip -c "images/$part-images.idx" > "images/$part-images-idx3-ubyte.gz"
    gzip -c "images/$part-labels.idx" > "images/$part-labels-idx1-ubyte.gz"
  done
  demo() { make -C run -f "$ROOT/examples/fashion-mnist/Makefile" BIN="$BIN" FASHION_MNIST="$TMP/images" EPOCHS=1 "$@"; }
  expect_status 0 demo MAX_ERROR=100
  assert_contains "$output" "Test error: "
  assert_lines run/predictions.tsv 30
  for picture in curves filters predictions; do
    assert_contains "$output" "run/$picture.png"
  done
  for picture in curves filters predictions; do
    expect_status 0 "$BIN/imgprep" -q --size=none -o picture.shard "run/$picture.png"
  done
  # The commands at the end of the demo in README.md.
  rm -r run/photographs
  commands=$(awk '/^    convoy shardpack --extract/ { on = 1 } on && !/^    / { exit } on' "$ROOT/README.md")
  PATH=$BIN:$PATH expect_status 0 bash -c "cd run; $commands"
  assert_equal "${#lines[@]}" 30  # three classes of ten photographs
  # It fails if the error is above the limit.
  expect_status 2 demo MAX_ERROR=-1
}
