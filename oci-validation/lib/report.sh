# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # here, cache, runtime, scratch, logs and built are of run
# From the verdicts of the suites to the lines of the report, with what is expected to fail (file "expected").

# condition_holds WORD[,WORD…]: whether all of them are true of this machine and this runtime
condition_holds() {
  local word
  for word in ${1//,/ }; do
    case $word in
      always | sometimes) ;;
      no-*-controller) ! has_controller "$word" || return 1 ;;
      no-CAP_SYS_RESOURCE) [ $((0x$(sed -n 's/^CapEff:\s*//p' /proc/self/status) >> 24 & 1)) = 0 ] || return 1 ;;
      capability-missing) lacks_capability || return 1 ;;
      runc) is_runc || return 1 ;;
      not-runc) ! is_runc || return 1 ;;
      *) die "expected: no condition is called $word" ;;
    esac
  done
}

# has_controller no-NAME-controller: whether cgroup2, which is all that the suites see, has the controller
has_controller() {
  local name=${1#no-}
  grep -qsw "${name%-controller}" /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers
}

lacks_capability() {
  local last bounding
  last=$(cat /proc/sys/kernel/cap_last_cap)
  bounding=$(sed -n 's/^CapBnd:\s*//p' /proc/self/status)
  [ $((0x$bounding)) != $(((2 << last) - 1)) ]
}

# is_runc: whether the runtime is runc itself, which alone says what it was compiled by.
is_runc() {
  [[ $("$runtime" --version 2>/dev/null) == *$'\ngo: '* ]]
}

declare -A expected_reasons=() may_pass=()

# expected_read FILE: lines "suite/case | condition | reason"
expected_read() {
  local line name condition
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    name=${line%% | *} line=${line#* | }
    condition=${line%% | *}
    if [ "$name" = "$line" ] || [ "$condition" = "$line" ]; then
      die "expected: not \"suite/case | condition | reason\": $line"
    fi
    condition_holds "$condition" || continue
    expected_reasons[$name]=${line#* | }
    case ,$condition, in *,sometimes,*) may_pass[$name]=1 ;; esac
  done <"$1"
}

# report: reads lines "verdict TAB suite/case TAB why", prints those of the report, and the sum. Fails if a case has.
report() {
  local verdict name why reason passed=0 failed=0 skipped=0
  while IFS=$'\t' read -r verdict name why; do
    reason=${expected_reasons[$name]:-}
    if [ -n "$reason" ]; then
      case $verdict in
        ok) [ -n "${may_pass[$name]:-}" ] || verdict='not ok' why="listed as expected to fail, but passes: $reason" ;;
        'not ok') verdict=skip why="expected: $reason [${why:-no output}]" ;;
      esac
    fi
    case $verdict in
      ok) passed=$((passed + 1)) ;;
      skip) skipped=$((skipped + 1)) ;;
      *) failed=$((failed + 1)) ;;
    esac
    printf '%s %s%s\n' "$verdict" "$name" "${why:+  $why}"
  done
  echo "$passed passed, $failed failed, $skipped skipped"
  [ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
}
