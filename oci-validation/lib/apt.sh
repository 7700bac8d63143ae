# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # here, cache, runtime, scratch, logs and built are of run
# Packages of Debian, source and binary, without touching what apt knows of this machine: package lists, archives and the
# list of what is installed (nothing) are the cache's own. Only the mirror is taken from the machine's configuration.

# Newest first: the first of them that has a source package is where it is taken from; binary packages come from the first.
apt_suites=(sid testing stable)

# apt_mirror: where this machine gets Debian from. --print-uris knows what the configuration says in any of its formats.
apt_mirror() {
  local codename uris mirror
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
  uris=$(apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/\([^/]*\)/InRelease'.*|\2 \1|p" | grep -v security)
  mirror=$(awk -v name="$codename" '$1 == name || $1 ~ /^(sid|unstable|testing|stable)$/ { print $2; exit }' <<<"$uris")
  [ -n "$mirror" ] || die "no Debian mirror in the configuration of apt"
  echo "$mirror"
}

# apt_setup SUITE: its package lists, once for all time, until the cache is removed.
apt_setup() {
  local suite=$1 directory=$cache/apt/$1 mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  [ ! -e "$directory/updated" ] || return 0
  mirror=$(apt_mirror)
  [ ! -e $keyring ] || signed="[signed-by=$keyring] "
  mkdir -p "$directory"/{state/lists/partial,cache/archives/partial}
  : >"$directory/status"
  printf '%s\n' "deb $signed$mirror $suite main" "deb-src $signed$mirror $suite main" >"$directory/sources.list"
  say "package lists of $suite"
  apt_get "$suite" update && touch "$directory/updated"
}

# apt_get SUITE WORD…: apt-get with a state of its own, in which nothing is installed.
apt_get() {
  local directory=$cache/apt/$1
  shift
  apt-get -q -y -o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State="$directory/state" -o Dir::State::status="$directory/status" -o Dir::Cache="$directory/cache" \
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@" >&2 </dev/null
}

# apt_source PACKAGE DIRECTORY: the source package, with Debian's patches, from the newest suite that has it.
# DIRECTORY/.version says which it is. Its parts are fetched one by one, each checked against the signed index: mirrors are
# not all complete, and the description (.dsc) is not needed.
apt_source() {
  local package=$1 directory=$2 suite parts part
  parts=$(dirname "$directory")/parts
  for suite in "${apt_suites[@]}"; do
    rm -rf "$parts" "$directory" && mkdir -p "$parts" "$directory" && apt_setup "$suite" || return
    for part in --tar-only --diff-only; do
      (cd "$parts" && apt_get "$suite" source --only-source --download-only $part "$package") || continue 2
    done
    unpack_parts "$parts" "$directory" && rm -rf "$parts" || return
    sed -n '1s/ (\(.*\)).*/ \1/p' "$directory/debian/changelog" >"$directory/.version"
    say "$(cat "$directory/.version")"
    return
  done
  die "no suite of Debian has the source package $package"
}

# unpack_parts PARTS DIRECTORY: as dpkg-source does it (format 3.0, quilt)
unpack_parts() {
  local parts=$1 directory=$2 patch
  tar -xf "$parts"/*.orig.tar.* -C "$directory" --strip-components=1 && tar -xf "$parts"/*.debian.tar.* -C "$directory" || return
  [ -e "$directory/debian/patches/series" ] || return 0
  grep -v '^#' "$directory/debian/patches/series" | while read -r patch _; do
    [ -z "$patch" ] || patch -s -p1 -d "$directory" -i "$directory/debian/patches/$patch" >&2 || return
  done
}

# apt_unpack DIRECTORY PATTERN PACKAGE…: unpacks, without installing it, what matches PATTERN of the packages and of all
# that they depend on.
apt_unpack() {
  local directory=$1 pattern=$2 suite=${apt_suites[0]} archives archive
  shift 2
  archives=$cache/apt/$suite/cache/archives
  apt_setup "$suite" && mkdir -p "$directory" && apt_get "$suite" install --download-only "$@" || return
  for archive in "$archives"/*.deb; do
    # The pattern is one.
    # shellcheck disable=SC2053
    [[ $(basename "$archive") != $pattern ]] || dpkg-deb --extract "$archive" "$directory" || return
  done
  rm -f "$archives"/*.deb
}

# apt_image TAR: a Debian root file system of essential packages, without what nobody runs in a test.
apt_image() {
  local suite=${apt_suites[0]} sources
  apt_setup "$suite" && sources=$(grep '^deb ' "$cache/apt/$suite/sources.list") || return
  # mmdebstrap's shell is to see the variable.
  # shellcheck disable=SC2016
  mmdebstrap --quiet --variant=essential --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
    --customize-hook='rm -rf "$1"/usr/lib/*/perl-base "$1"/usr/lib/*/gconv "$1"/usr/share/i18n "$1"/var/lib/apt "$1"/var/cache/*' \
    "$suite" "$1" "$sources" >&2
}
