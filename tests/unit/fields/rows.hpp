// SPDX-License-Identifier: Apache-2.0
// One row for each member of config.json that the runtime reads: tools/check_docs.py fails when one is missing here.
// What holds for every member of a type (wrong types, numbers out of the type's range, NUL characters, null) is tried
// without a word in the row.
#pragma once
#include <array>
#include <span>

namespace test {

struct FieldRow {
  const char* path;    ///< as docs/config.md has it: "mounts[].options", "linux.timeOffsets.*.secs"
  const char* config;  ///< members of process, linux or the whole, as the path says; @ stands for the value
  const char* good;
  const char* bad;    ///< of the right type and yet refused; empty where the type's own range is all there is
  const char* error;  ///< how the refusal of `bad` starts
};

std::span<const FieldRow> top_rows();
std::span<const FieldRow> process_rows();
std::span<const FieldRow> linux_rows();
std::span<const FieldRow> resource_rows();

}  // namespace test
