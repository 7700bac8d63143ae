// SPDX-License-Identifier: Apache-2.0
#include "listing.hpp"

#include <pwd.h>

#include <cstdio>
#include <map>
#include <memory>

#include "base/json.hpp"
#include "base/log.hpp"
#include "spec/default_spec.hpp"
#include "text.hpp"

namespace oci::cli {
namespace {

/// The members in the order in which runc's users expect them.
void write_state(json::Writer& out, const State& state, std::string_view owner) {
  out.open_object().member("ociVersion", implemented_spec).member("id", state.id);
  out.key("pid").number(state.pid).member("status", to_string(state.status)).member("bundle", state.bundle);
  out.member("rootfs", state.rootfs).member("created", state.created);
  if (!state.annotations.empty()) {
    out.key("annotations").open_object();
    for (const auto& [name, text] : state.annotations) out.member(name, text);
    out.close_object();
  }
  out.member("owner", owner).close_object();
}

/// Only what /etc/passwd says: getpwuid(3) would load the host's NSS modules into a static program.
std::string find_user_name(uid_t uid) {
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> passwd(std::fopen("/etc/passwd", "re"));
  while (const auto* entry = passwd ? ::fgetpwent(passwd.get()) : nullptr)
    if (entry->pw_uid == uid) return entry->pw_name;
  return "#" + std::to_string(uid);
}

/// Each is looked up once: nearly all containers of a list have one owner.
class UserNames {
 public:
  const std::string& of(uid_t uid) {
    const auto known = names_.find(uid);
    return known != names_.end() ? known->second : names_.emplace(uid, find_user_name(uid)).first->second;
  }

 private:
  std::map<uid_t, std::string> names_;
};

std::string list_as_json(const std::vector<State>& states) {
  json::Writer out;
  UserNames names;
  out.open_array();
  bool empty = true;
  for (const auto& state : states) {
    // Engines decode all of it or nothing, and a damaged entry has no time of creation that could be decoded.
    if (state.status == Status::unknown) continue;
    write_state(out, state, names.of(state.owner));
    empty = false;
  }
  return empty ? "null\n" : out.close_array().text() + "\n";
}

}  // namespace

bool wants_json(std::string_view format) {
  if (format.empty() || format == "table") return false;
  if (format == "json") return true;
  throw Error("invalid format option \"" + std::string(format) + "\": expected table or json");
}

std::string state_text(const State& state) {
  json::Writer out("  ");
  write_state(out, state, "");
  return out.text();
}

std::string list_text(const std::vector<State>& states, std::string_view format, bool ids_only) {
  const bool json = wants_json(format);
  for (const auto& state : states)
    if (!state.problem.empty()) log::warning("container " + state.id + ": " + state.problem);
  if (ids_only) {
    std::string text;
    for (const auto& state : states) text.append(state.id).append("\n");
    return text;
  }
  if (json) return list_as_json(states);
  std::vector<std::vector<std::string>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  UserNames names;
  for (const auto& state : states)
    rows.push_back({state.id, std::to_string(state.pid), to_string(state.status), state.bundle, state.created,
                    names.of(state.owner)});
  return columns(rows);
}

}  // namespace oci::cli
