// SPDX-License-Identifier: Apache-2.0
// Compiled filters, kept in a directory that only their owner can write to.
#pragma once
#include <linux/filter.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The bytes that decide what a profile compiles to: the same for two profiles only if their filters are the same.
/// `compiler` names what else decides (library, version, architecture). Flags and listener are not part of the filter.
std::string serialize(const Seccomp& profile, std::string_view compiler);

/// The place of one profile's filter. A hash of the profile only names the file; the file repeats the profile, and what
/// it says is believed only if that is the very same. Nothing here fails: what is odd is not found, and is written
/// anew.
class SeccompCache {
 public:
  static constexpr std::size_t most_entries = 64;

  /// An empty `dir` is a cache that finds and stores nothing.
  SeccompCache(std::string dir, std::string profile);

  std::optional<std::vector<sock_filter>> find();
  /// Makes the directory (0700) if its parent exists, and drops the oldest entries beyond most_entries.
  void store(std::span<const sock_filter> filter);

 private:
  bool open_dir();

  std::string dir_;
  std::string profile_;
  std::string name_;
  Fd fd_;
};

}  // namespace oci
