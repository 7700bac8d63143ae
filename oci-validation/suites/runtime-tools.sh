# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # here, cache, runtime, scratch, logs, patience and built are of run
# The OCI's own validation programs: one case each, which says in TAP what it found.

package=golang-github-opencontainers-runtime-tools

# suite_build DIRECTORY
suite_build() {
  local directory=$1 work=$cache/runtime-tools.build source
  source=$work/workspace/src/github.com/opencontainers/runtime-tools
  rm -rf "$work" && mkdir -p "$work/workspace/src/github.com/mndrix/tap-go"
  apt_source $package "$source" &&
    go_unpack "$work/go" golang-{gocapability,golang-x-sys}-dev \
      golang-github-{blang-semver,google-uuid,hashicorp-errwrap,hashicorp-go-multierror,mrunalp-fileutils}-dev \
      golang-github-{opencontainers-selinux,opencontainers-specs,sirupsen-logrus,urfave-cli}-dev \
      golang-github-xeipuuv-gojsonschema-dev || return
  # Debian does not have it.
  cp "$here/suites/runtime-tools/tap.go" "$work/workspace/src/github.com/mndrix/tap-go/"
  # It has moved in the library of today.
  sed -i 's|go-selinux/label"|go-selinux"|; s/label\.FileLabel/selinux.FileLabel/' "$source/cmd/runtimetest/main.go"
  keep_open_files_limit "$work" || return
  say "the programs of runtime-tools"
  (cd "$source" && CGO_ENABLED=0 go_build "$work/go" "$work/workspace" -ldflags='-s -w' -overlay "$work/overlay.json" \
    -o "$directory/" ./cmd/runtimetest ./validation/...) || return
  cp "$source"/rootfs-*.tar.gz "$source/.version" "$directory/" && rm -rf "$work"
}

# keep_open_files_limit WORK: Go raises its own soft limit of open files when a program starts, so runtimetest could not see
# what the runtime has set.
keep_open_files_limit() {
  local work=$1 file
  file=$(go_root "$work/go")/src/syscall/rlimit.go
  sed 's/lim\.Cur < lim\.Max-1/false/' "$file" >"$work/rlimit.go"
  ! cmp -s "$file" "$work/rlimit.go" || die "Go raises its limit of open files in another way than is known here"
  echo "{\"Replace\": {\"$file\": \"$work/rlimit.go\"}}" >"$work/overlay.json"
}

suite_cases() {
  find "$built" -maxdepth 1 -type f -perm -100 ! -name runtimetest -printf 'runtime-tools/%f\n' | sort
}

suite_run() {
  local name output
  output=$scratch/output
  cd "$built" || return
  { grep '^runtime-tools/' "$scratch/cases" || true; } | while IFS= read -r name; do
    local status=0
    RUNTIME=$runtime isolated $((60 * patience)) "$built/${name#*/}" >"$output" 2>&1 || status=$?
    judge "$output" "$status" | awk -v name="$name" -F '|' -v OFS='\t' '{ print $1, name, $2 }'
    [ -z "$logs" ] || cp "$output" "$logs/runtime-tools.${name#*/}"
  done
}

# judge OUTPUT STATUS: "verdict|why". Some programs tell of a failure with a diagnostic only, some with their status only.
judge() {
  awk -v status="$2" '
    /^not ok/ && !/# TODO/ { bad++; if (!first) { first = $0; sub(/^not ok [0-9]+ -? ?/, "", first) } next }
    /^ok.*# SKIP/ { skipped++; next }
    /^ok/ { good++; next }
    /^ *"error": "[^"]/ && !error { error = $0; sub(/^ *"error": "/, "", error); sub(/(\\n.*)?",?$/, "", error) }
    /^ *"stderr": "[^"]/ && bad && !said { said = $0; sub(/^ *"stderr": "/, "", said); sub(/(\\n)?",?$/, "", said) }
    /^(TAP version|[0-9]+\.\.[0-9]|#|  |$)/ || /^(failed to|exit status|Clean:|Refer to)/ || /level=warning/ { next }
    !spoke { spoke = $0 }
    END {
      if (!said) said = spoke
      gsub(/\\+"/, "\"", said)
      sub(/^time=.* msg="/, "", said); sub(/"$/, "", said)
      if (said) said = " (" substr(said, 1, 200) ")"
      if (status == 124) why = "not ok|timed out" said
      else if (bad) why = "not ok|" bad " of " good + bad ": " first said
      else if (status != 0) why = "not ok|status " status said
      else if (!good && error) why = "not ok|" error said
      else if (!good && skipped) why = "skip|says so itself" said
      else if (!good) why = "ok|found nothing wrong"
      else why = "ok|" good " checks"
      gsub(/\t/, " ", why)
      print why
    }' "$1"
}
