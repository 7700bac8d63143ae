# SPDX-License-Identifier: Apache-2.0
# What the suites of this directory share; sourced by bash. Every test prints "ok NAME", "not ok NAME" or
# "skip NAME  REASON", as the other suites do, and the last line is "N passed, N failed, N skipped".
#
# A suite calls `in_own_view "$@"` first: everything after it runs as root in mount and pid namespaces of its own, where
# /sys/fs/cgroup is cgroup2, /dev/shm is empty, and what is left at the end of a test is easily seen.

passed=0 failed=0 skipped=0
patterns=()                # of test names, as tools/test hands them on: "*a*,*b*"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
RUNTIME=$(realpath "${RUNTIME:-$top/build/src/runtime}")
export RUNTIME

in_own_view() {
  IFS=, read -r -a patterns <<<"${1-}"
  if [ "${ENGINES_VIEW-}" != own ]; then
    [ "$(id -u)" -eq 0 ] || skip_all "needs root"
    ENGINES_VIEW=own exec unshare --mount --pid --fork --mount-proc --propagation private "$0" "$@"
  fi
  unset ENGINES_VIEW
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -l -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || skip_all "no cgroup2 can be mounted here"
  fi
  mount -t tmpfs -o mode=1777 none /dev/shm
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/engines-XXXXXX")
  chmod 711 "$work"
  trap 'clean_up; umount -l -R "$work" 2>/dev/null; rm -rf "$work"' EXIT
}

# A suite may have its own: what to do at the end, and after a test that failed.
clean_up() { :; }
after_failure() { :; }

skip_all() {
  echo "skip $(basename "$0")  $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
}

# skip REASON: leaves the test.
skip() {
  echo "$1"
  exit 77
}

fail() {
  echo "$1"
  exit 1
}

# is GOT EXPECTED WHAT
is() {
  [ "$1" = "$2" ] || fail "${3:-value}: expected '$2', got '$1'"
}

# matches GOT PATTERN WHAT: a pattern of the shell's
matches() {
  # shellcheck disable=SC2053
  [[ $1 == $2 ]] || fail "${3:-value}: expected something like '$2', got '$1'"
}

# eventually COMMAND…: until it succeeds; fails after ten seconds.
eventually() {
  local try
  for ((try = 0; try < 200; try++)); do
    "$@" && return
    sleep 0.05
  done
  return 1
}

wanted() {
  local pattern
  [ ${#patterns[@]} -gt 0 ] || return 0
  for pattern in "${patterns[@]}"; do
    # shellcheck disable=SC2053
    [[ $1 == $pattern ]] && return 0
  done
  return 1
}

# it NAME FUNCTION…: runs a test in a subshell that ends at the first command that fails.
it() {
  local name=$1 output status
  shift
  wanted "$name" || return 0
  output=$(set -e; "$@" 2>&1 </dev/null)
  status=$?
  case $status in
    0) passed=$((passed + 1)); echo "ok $name" ;;
    77) skipped=$((skipped + 1)); echo "skip $name  ${output##*$'\n'}" ;;
    *) failed=$((failed + 1)); printf '%s\n' "$output" | sed 's/^/  /'; echo "  status $status"; echo "not ok $name"; after_failure ;;
  esac
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ $failed -eq 0 ]
  exit
}
