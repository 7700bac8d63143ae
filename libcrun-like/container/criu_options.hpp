// SPDX-License-Identifier: Apache-2.0
// What checkpoint and restore have in common: the directories, the options for CRIU, and what becomes of its log.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "kernel/criu.hpp"
#include "oci/container.hpp"

namespace oci {

/// Where CRIU reads and writes. It opens both through this process's descriptors.
struct CriuDirectories {
  Fd images;
  Fd work;               ///< empty: the same as images
  std::string log_file;  ///< absolute
};

/// `make`: the images' directory, with those above it, may be missing. The one for logs is made in any case.
/// @throws Error "--parent-path must be relative", "invalid --parent-path: …"
CriuDirectories open_criu_directories(const CriuOptions& options, bool make, const std::string& log_name);

/// @throws Error for a word that is not known
criu::Options criu_options(const CriuOptions& options, const CriuDirectories& directories,
                           const std::map<std::string, std::string>& annotations);

/// Session::perform; an Error says in which file criu's log is, and what is in there.
criu::Response perform_logged(criu::Session& session, const criu::Request& request, const CriuDirectories& directories,
                              const criu::Notified& notified);

/// Whether CRIU can leave a namespace alone, which is there already when the container is restored. It makes the others
/// anew, or joins them.
bool stays_outside(NamespaceType type) noexcept;
/// The name of such a one in images; runc's and crun's, so that each can restore what the other has written.
std::string external_namespace_key(NamespaceType type);

/// CRIU does without root in few cases, and this runtime in none. @throws Error
void require_root(std::string_view command);

}  // namespace oci
