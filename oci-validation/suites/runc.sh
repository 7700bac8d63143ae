# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # here, cache, runtime, scratch, logs, patience and built are of run
# runc's integration tests (tests/integration/*.bats). A file runs in a place of its own; its cases are ours. The runtime is
# called through a link named "runc", because the tests look for the name by which they call it in what it prints.

seconds_for_file=$((900 * patience))
seconds_for_case=$((100 * patience))

# suite_build DIRECTORY
suite_build() {
  local directory=$1 work=$cache/runc.build source
  source=$work/workspace/src/github.com/opencontainers/runc
  rm -rf "$work" && mkdir -p "$work/workspace" "$directory"/{images,tests/cmd/_bin}
  apt_source runc "$source" && unpack_libraries "$source" "$work/go" &&
    build_helpers "$source" "$work" "$directory" && compile_testdata "$source" "$directory/compiled" && make_images "$work" "$directory" &&
    apt_unpack "$directory/criu" '*' criu || return
  cp -a "$source/tests/integration" "$directory/tests/"
  cp -a "$source/tests/cmd/seccompagent" "$directory/tests/cmd/"
  cp -a "$source/.version" "$source/go.mod" "$directory/"
  cp -a "$work"/go/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema "$directory/"
  cp -a "$here"/suites/runc/{programs,spec-validator,stand-ins} "$directory/"
  cp "$here/suites/runc/get-images.sh" "$directory/tests/integration/"
  await_sockets "$directory/tests/integration/helpers.bash"
  know_flags "$directory/tests/integration/seccomp.bats"
  rm -rf "$work"
}

# unpack_libraries SOURCE DIRECTORY: what the source package is built with, and the JSON schema's library
unpack_libraries() {
  local source=$1 packages
  packages=$(sed -n '/^Build-Depends:/,/^[B-Z].*:/p' "$source/debian/control" | grep -oE '^ +golang-[^ ,]*-dev' | sort -u)
  # Words are packages.
  # shellcheck disable=SC2086
  go_unpack "$2" $packages golang-github-xeipuuv-gojsonschema-dev
}

# build_helpers SOURCE WORK DIRECTORY: the small programs that the tests call. Only the seccomp agent needs C.
build_helpers() {
  local source=$1 work=$2 directory=$3 helper cgo
  say "the helpers of runc's tests"
  for helper in "$source"/tests/cmd/*/; do
    helper=$(basename "$helper") cgo=0
    [ "$helper" != seccompagent ] || cgo=1
    (cd "$source" && CGO_ENABLED=$cgo go_build "$work/go" "$work/workspace" -tags 'seccomp netgo osusergo urfave_cli_no_docs' \
      -ldflags '-s -w' -o "$directory/tests/cmd/_bin/$helper" "./tests/cmd/$helper") || return
  done
  (cd "$here/suites/runc" && CGO_ENABLED=0 go_build "$work/go" "$work/workspace" -ldflags '-s -w' \
    -o "$directory/validate" validate.go)
}

# compile_testdata SOURCE DIRECTORY: what the tests call gcc for, for machines without one (stand-ins/gcc)
compile_testdata() {
  local source library
  mkdir -p "$2"
  for source in "$1"/tests/integration/testdata/*.c; do
    gcc -static -o "$2/$(basename "$source" .c)" "$source" || return
  done
  for library in librunc-hooks-create-{runtime,container}.so; do
    gcc -shared -Wl,-soname,"$library.1" -o "$2/$library.1.0.0" || return
  done
}

# make_images WORK DIRECTORY
make_images() {
  local work=$1 directory=$2
  say "the images"
  apt_unpack "$work/busybox" 'busybox-static_*' busybox-static &&
    "$here/suites/runc/busybox-image" "$(find "$work/busybox" -name busybox -type f -perm -100)" "$work/image" &&
    tar -C "$work/image" -cf "$directory/images/busybox.tar" . &&
    apt_image "$directory/images/debian.tar"
}

# await_sockets FILE: the tests start helpers in the background and connect to them at once; a busy machine loses that race.
await_sockets() {
  # A text for another shell.
  # shellcheck disable=SC2016
  local wait='for _ in {1..600}; do [ -S "$SOCKET" ] \&\& break; sleep 0.05; done'
  sed -i -e "/recvtty\" --pid-file.*--mode null/a ${wait/SOCKET/CONSOLE_SOCKET}" \
    -e "/seccompagent\" -socketfile=/a ${wait/SOCKET/SECCCOMP_AGENT_SOCKET}" "$1"
}

# know_flags FILE: its table of seccomp flags, which says itself where to add new ones, has to have what `features` has. This
# one of the specification 1.1 is for notifications alone: 0 without.
know_flags() {
  local flag=SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  grep -q "$flag" "$1" || sed -i "/XXX: add new values above this line/i ['\"$flag\"']=0" "$1"
}

suite_cases() {
  local file
  for file in "$built"/tests/integration/*.bats; do
    sed -nE "s/^ *@test *[\"'](.*)[\"'] *\{ *$/\1/p" "$file" | sed -E 's/\\(.)/\1/g; s/ *$//' |
      sed "s|^|runc/$(basename "$file" .bats)/|"
  done
}

suite_run() {
  local file
  mkdir -p "$scratch/bin"
  ln -sf "$runtime" "$scratch/bin/runc"
  for file in $(sed -n 's|^runc/\([^/]*\)/.*|\1|p' "$scratch/cases" | uniq); do
    sed -n "s|^runc/$file/||p" "$scratch/cases" >"$scratch/names"
    run_file "$file"
  done
}

# run_file FILE: the cases of $scratch/names. One that hangs takes the rest of its file with it: those run one by one then.
run_file() {
  local file=$1 name
  run_cases "$file"
  grep -v ^lost "$scratch/verdicts" || true
  { grep ^lost "$scratch/verdicts" || true; } | cut -f 2 | sed "s|^runc/$file/||" >"$scratch/lost"
  while IFS= read -r name; do
    echo "$name" >"$scratch/names"
    run_cases "$file" </dev/null
    sed 's/^lost/not ok/' "$scratch/verdicts"
  done <"$scratch/lost"
}

# run_cases FILE: the cases of $scratch/names, their verdicts in $scratch/verdicts
run_cases() {
  local file=$1 tap=$scratch/$1.tap path=$built/programs:$PATH:$built/stand-ins only
  # bats takes a regular expression for names.
  only="^($(sed 's/[][\\.*^$+?(){}|/]/\\&/g' "$scratch/names" | paste -sd '|')) *\$"
  [ "$file" != spec ] || path=$built/spec-validator:$path
  : >"$tap"
  RUNC=$scratch/bin/runc PATH=$path LC_ALL=C isolated "$seconds_for_file" "$here/suites/runc/bats-on-terminal" \
    "$seconds_for_case" "$tap" "$only" "$built/tests/integration/$file.bats" >"$scratch/output" 2>&1 || true
  [ -s "$tap" ] || sed 's/^/# /' "$scratch/output" >"$tap"
  awk -v file="$file" -f "$here/suites/runc/verdicts.awk" "$scratch/names" "$tap" >"$scratch/verdicts"
  [ -z "$logs" ] || cat "$tap" >>"$logs/runc.$file.tap"
}
