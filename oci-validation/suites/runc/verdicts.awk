# SPDX-License-Identifier: Apache-2.0
# Reads the names of the cases of a file, then what bats has said about them in TAP; prints lines
# "verdict TAB runc/FILE/NAME TAB why", with the verdict "lost" for a case of which bats has said nothing.

function finish(   why) {
  if (verdict == "") return
  why = reason
  if (verdict == "not ok") why = place (place != "" ? ": " : "") assertion (last != "" ? "; " last : "")
  gsub(/[\t\r ]+/, " ", why)
  print verdict "\trunc/" file "/" name "\t" why
  seen[name] = 1
  verdict = ""
}

FNR == NR { wanted[++count] = $0; next }

/^(not )?ok [0-9]+ / {
  finish()
  verdict = /^ok/ ? "ok" : "not ok"
  reason = place = assertion = last = ""; teardown = 0
  name = $0; sub(/^(not )?ok [0-9]+ /, "", name)
  if (match(name, / # skip ?/)) {
    verdict = "skip"; reason = substr(name, RSTART + RLENGTH); name = substr(name, 1, RSTART - 1)
  } else if (match(name, / # timeout after /)) {
    assertion = substr(name, RSTART + 3); name = substr(name, 1, RSTART - 1)
  }
  sub(/ +$/, "", name)
  next
}

/^# gave up: / { finish(); lost = substr($0, 3); next }

/^#/ && verdict == "not ok" {
  line = substr($0, 3)
  if (line ~ /^--- teardown ---/) teardown = 1
  if (place == "" && match(line, /line [0-9]+\)$/)) { place = substr(line, RSTART, RLENGTH - 1); next }
  if (assertion == "" && line ~ /^  `.*failed/) { assertion = line; sub(/^ +/, "", assertion); next }
  if (teardown || line ~ /^\(from |^ in test file|^ from function|^ *$/) next
  last = line
}

/^#/ && verdict == "" { stray = substr($0, 3) }

END {
  finish()
  for (i = 1; i <= count; i++)
    if (!(wanted[i] in seen)) print "lost\trunc/" file "/" wanted[i] "\t" (lost != "" ? lost : "did not run: " stray)
}
