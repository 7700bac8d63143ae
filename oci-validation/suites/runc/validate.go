// SPDX-License-Identifier: Apache-2.0

// validate SCHEMA DOCUMENT: whether the document follows the JSON schema. The case "spec validator" would fetch and build a
// program of runtime-spec that does this.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/xeipuuv/gojsonschema"
)

func loader(path string) gojsonschema.JSONLoader {
	absolute, err := filepath.Abs(path)
	if err != nil {
		fail(err)
	}
	return gojsonschema.NewReferenceLoader("file://" + absolute)
}

func fail(what interface{}) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func main() {
	result, err := gojsonschema.Validate(loader(os.Args[1]), loader(os.Args[2]))
	if err != nil {
		fail(err)
	}
	for _, problem := range result.Errors() {
		fmt.Fprintln(os.Stderr, problem)
	}
	if !result.Valid() {
		os.Exit(1)
	}
}
