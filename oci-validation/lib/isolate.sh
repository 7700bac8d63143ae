# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # here, cache, runtime, scratch, logs, systemd and built are of run
# A place of its own for each program of a suite: whatever it leaves behind (processes, mounts, cgroups, network interfaces)
# goes away with it, and what it does to /dev, /etc or /run is not done to the machine.

# isolated SECONDS COMMAND…: runs it as lib/stage does, in new namespaces and in a cgroup2 tree that shows a cgroup made for
# it; TMPDIR is an empty directory. The cgroup "harness" holds those who look on, so that the top of the tree can hand its
# controllers down. Status 124 when it took longer.
isolated() {
  local cgroup place status=0
  [ -z "$systemd" ] || { seen_by_systemd "$@"; return; }
  cgroup=$(cgroup_make) && place=$(mktemp -d /tmp/oci-validation.XXXXXX) && chmod 755 "$place" || return
  # Each shell becomes what it starts, so these have to be texts: their variables are arguments of theirs.
  # shellcheck disable=SC2016
  bash -c 'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup bash -c "$0" inside "$@"' \
    'mkdir "$1/harness" && echo 0 >"$1/harness/cgroup.procs" && shift &&
      exec unshare --mount --propagation slave --pid --fork --kill-child --net --ipc --uts "$@"' "$cgroup" \
    "$here/lib/stage" "$place" "$@" || status=$?
  cgroup_remove "$cgroup"
  rm -rf --one-file-system "$place"
  return "$status"
}

# seen_by_systemd SECONDS COMMAND…: as isolated, but only mounts are its own: systemd is asked by /run and the bus, and makes
# the cgroups of processes that it knows by their numbers.
seen_by_systemd() {
  local place status=0
  place=$(mktemp -d /tmp/oci-validation.XXXXXX) && chmod 755 "$place" || return
  STAGE=machine unshare --mount --propagation slave "$here/lib/stage" "$place" "$@" || status=$?
  rm -rf --one-file-system "$place"
  return "$status"
}

# cgroup_make: makes a cgroup with all controllers of the machine's cgroup2, wherever that is mounted, and says where.
cgroup_make() {
  local top controllers controller cgroup
  for top in /sys/fs/cgroup /sys/fs/cgroup/unified ''; do
    [ -z "$top" ] || [ "$(stat -fc %T "$top" 2>/dev/null)" != cgroup2fs ] || break
  done
  [ -n "$top" ] || die "no cgroup2 is mounted"
  read -ra controllers <"$top/cgroup.controllers" || true
  for controller in "${controllers[@]}"; do
    # Some cannot be handed down: the suites see what there is.
    echo "+$controller" 2>/dev/null >"$top/cgroup.subtree_control" || true
  done
  cgroup=$(mktemp -d "$top/oci-validation.XXXXXX") && chmod 755 "$cgroup" && echo "$cgroup"
}

# cgroup_remove CGROUP: with what is still in there
cgroup_remove() {
  local cgroup=$1 try
  find "$cgroup" -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' _ {} \;
  echo 1 >"$cgroup/cgroup.kill"
  for try in {1..20}; do
    find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    [ -d "$cgroup" ] || return 0
    sleep 0.1
  done
  say "$cgroup is not to be removed, after $try attempts"
}
