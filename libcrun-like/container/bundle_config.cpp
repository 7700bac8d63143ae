// SPDX-License-Identifier: Apache-2.0
#include "container/bundle_config.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "container/entry.hpp"
#include "spec/check.hpp"
#include "spec/decode.hpp"

namespace oci {

BundleConfig read_bundle_config(const CreateOptions& options) {
  const std::string file = options.config_file.empty() ? options.bundle + "/config.json" : options.config_file;
  // A bundle may be anybody's: nothing in it shall keep the caller waiting. What the caller names may be a pipe,
  // `--config <(…)`.
  const bool is_bundles = options.config_file.empty();
  const auto name = [&] { return is_bundles ? std::string("config.json") : file; };
  auto opened = sys::try_openat(working_directory, file, is_bundles ? flags_of_regular : O_RDONLY | O_NOCTTY);
  if (opened.code == ENOENT)
    throw Error("JSON specification file " + name() + " not found in " + options.bundle, ENOENT);
  if (opened.code != 0) throw Error::system("open " + file + " (O_RDONLY|O_NOCTTY)", opened.code);
  BundleConfig config{(is_bundles ? read_regular : read_all)(opened.fd, name(), largest_config), {}};
  in_context(name, [&] {
    config.spec = decode_spec(config.text);
    check(config.spec);
    check_terminal(options, config.spec.process->terminal);
  });
  return config;
}

std::string find_rootfs(const Spec& spec, const std::string& bundle) {
  auto path = spec.root.path.front() == '/' ? clean_path(spec.root.path) : clean_path(bundle + "/" + spec.root.path);
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) throw Error::system("root.path: " + path);
  if (!S_ISDIR(status.st_mode)) throw Error("root.path: " + path + " is not a directory", ENOTDIR);
  return path;
}

}  // namespace oci
