# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Go, and libraries in Go, from Debian's packages, unpacked into the cache: the machine's own Go may be too old for the newest
# sources, and need not be there.

# go_unpack DIRECTORY PACKAGE…: Go and the libraries, and what those need
go_unpack() {
  local directory=$1
  shift
  say "Go and its libraries"
  apt_unpack "$directory" 'golang-*' golang-go "$@"
}

# go_root DIRECTORY: where Go itself is in what go_unpack has made
go_root() {
  local directory=$1 roots
  roots=("$directory"/usr/lib/go-*)
  [ -x "${roots[0]}/bin/go" ] || die "no Go in $directory"
  echo "${roots[0]}"
}

# go_build DIRECTORY WORKSPACE OPTION…: go build in the current directory, as Debian's packages do it: without modules
go_build() {
  local directory=$1 workspace=$2 root
  shift 2
  root=$(go_root "$directory") || return
  GOROOT=$root GOPATH=$workspace:$directory/usr/share/gocode GO111MODULE=off GOFLAGS='' GOTOOLCHAIN=local GOTELEMETRY=off \
    GOCACHE=$workspace/cache HOME=$workspace nice "$root/bin/go" build -trimpath "$@" >&2
}
