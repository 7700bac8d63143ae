// SPDX-License-Identifier: Apache-2.0
// Package tap: the part of the TAP producer's interface that runtime-tools uses.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

type T struct {
	count *int
	todo  bool
}

func New() *T { return &T{count: new(int)} }

func (t *T) Todo() *T { return &T{t.count, true} }

func (t *T) Header(count int) {
	fmt.Println("TAP version 13")
	if count > 0 {
		fmt.Printf("1..%d\n", count)
	}
}

func (t *T) AutoPlan() { fmt.Printf("1..%d\n", *t.count) }

func (t *T) line(status, text string) {
	*t.count++
	fmt.Printf("%s %d %s\n", status, *t.count, text)
}

func (t *T) Ok(ok bool, what string) {
	status, sign := "ok", "- "
	if !ok {
		status = "not ok"
	}
	if t.todo {
		sign = "# TODO "
	}
	t.line(status, sign+what)
}

func (t *T) Pass(what string) { t.Ok(true, what) }
func (t *T) Fail(what string) { t.Ok(false, what) }

func (t *T) Skip(count int, why string) {
	for ; count > 0; count-- {
		t.line("ok", "# SKIP "+why)
	}
}

func (t *T) Diagnostic(text string) {
	fmt.Println("# " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n# "))
}

func (t *T) Diagnosticf(format string, a ...interface{}) { t.Diagnostic(fmt.Sprintf(format, a...)) }

func (t *T) YAML(v interface{}) error {
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
