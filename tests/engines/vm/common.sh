# SPDX-License-Identifier: Apache-2.0
# What the suites of this directory share; sourced by bash. They run as root in the test machine (tests/vm), each from a machine
# that nobody has used: they start the daemons they want and need not end them.
#
# RUNTIME is a program of the share, or a name to look up, so that crun and runc go through the same tests.
# shellcheck source-path=SCRIPTDIR

: "${RUNTIME:=/share/build/src/runtime}"
case $RUNTIME in
  */*) # From a share every page is fetched through a socket; besides, engines run what is installed.
    mkdir -p /usr/local/bin
    cp "$RUNTIME" /usr/local/bin/ || exit
    # What speaks with systemd for it, where it is installed; a build may be without.
    [ ! -e "$(dirname "$RUNTIME")/runtime-systemd" ] ||
      install -D "$(dirname "$RUNTIME")/runtime-systemd" /usr/local/libexec/runtime/runtime-systemd || exit
    RUNTIME=/usr/local/bin/$(basename "$RUNTIME")
    ;;
  *) RUNTIME=$(command -v "$RUNTIME") || { echo "there is no $RUNTIME here" >&2; exit 1; } ;;
esac
. "$(dirname "${BASH_SOURCE[0]}")/../lines.sh"
tested=$(basename "$RUNTIME")
[ -e /usr/lib/os-release ] && [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip_all "not in the test machine"
IFS=, read -r -a patterns <<<"${1-}"
work=$(mktemp -d /var/tmp/engines-XXXXXX)
chmod 711 "$work"
# shellcheck disable=SC2154  # lines.sh has it
trap 'clean_up' EXIT

# make_tree DIRECTORY: a root file system of busybox
make_tree() {
  local tree=$1 name
  mkdir -p "$tree"/{bin,etc,tmp,root,work}
  chmod 1777 "$tree/tmp"
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for name in $(busybox --list); do [ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/work:/bin/sh\n' >"$tree/etc/passwd"
  printf 'root:x:0:\nguest:x:1000:\nstaff:x:50:guest\n' >"$tree/etc/group"
  echo plain >"$tree/etc/not-a-program"
}

# cgroup_path PID: the container's cgroup; with crun below systemd it is the parent of the process's, which is "container" then
cgroup_path() {
  local path
  path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
  [ "$path" != / ] || fail "process $1 is in no cgroup of its own"
  echo "${path%/container}"
}

# in_cgroup PID FILE: what the file of the process's cgroup says
in_cgroup() { cat "/sys/fs/cgroup$(cgroup_path "$1")/$2"; }

# frozen PID: 1 where its cgroup stands still, by itself or by one above it
frozen() { awk '$1 == "frozen" { print $2 }' "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/cgroup.events"; }

# states_left DIRECTORY: what a runtime remembers there; not the cache of compiled filters, nor what crun keeps for ever
states_left() {
  find "$1" -mindepth 1 -maxdepth 1 -type d ! -name 'cache:*' ! -name .cache ! -name .empty-directory 2>/dev/null
}

# unit_has UNIT PROPERTY=VALUE…: as `systemctl show` has them
unit_has() {
  local unit=$1 pair
  shift
  for pair; do
    is "$(systemctl ${manager_options:-} show --value -p "${pair%%=*}" "$unit")" "${pair#*=}" "${pair%%=*} of $unit"
  done
}

# status_of COMMAND…: its exit status
status_of() {
  local status=0
  "$@" >/dev/null 2>&1 || status=$?
  echo $status
}

# within SECONDS COMMAND…: repeated until it succeeds. This machine is slow.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
