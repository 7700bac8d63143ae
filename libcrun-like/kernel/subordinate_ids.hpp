// SPDX-License-Identifier: Apache-2.0
// Which ids of the host an ordinary user may map in user namespaces of his own: subuid(5), subgid(5).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t size = 0;
  bool operator==(const IdRange&) const = default;
};

/// Whose lines count in /etc/subuid, and in /etc/subgid just as well: both name users.
struct UserName {
  std::string name;  ///< empty where nobody knows it
  std::uint32_t uid = 0;

  /// What a person types: the name, or the number.
  std::string text() const;
};

/// This process's user, from /etc/passwd or, where another service knows him, from $USER. A wrong name does no harm: it
/// is newuidmap(1) who decides.
UserName own_user();

/// The ranges that a text like /etc/subuid gives to `user`, in its order. Lines that make no sense are left out.
std::vector<IdRange> subordinate_ids(std::string_view text, const UserName& user);

/// The first 65536 ids behind everything that the text gives to anybody: what a new line could give.
IdRange free_ids(std::string_view text);

/// "usermod --add-subuids 100000-165535 alice", or what does the same for a user without a name. `file`: "subuid" or
/// "subgid".
std::string command_to_grant(std::string_view file, const IdRange& range, const UserName& user);

/// The user himself as the container's root, and from 1 on what is subordinate to him.
std::vector<IdMapping> default_id_map(std::uint32_t own_id, const std::vector<IdRange>& subordinate);

/// The first part of `mappings` that is neither the user's own id nor within one of `granted`; size 0: there is none.
IdRange ungranted(const std::vector<IdMapping>& mappings, std::uint32_t own_id, const std::vector<IdRange>& granted);

}  // namespace oci
