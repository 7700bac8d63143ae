// SPDX-License-Identifier: Apache-2.0
#include "plan/mounts.hpp"

#include "base/files.hpp"
#include "oci/error.hpp"
#include "plan/describe_mounts.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

MountHost host_of(const std::string& bundle = "/bundle") {
  MountHost host;
  host.bundle = bundle;
  return host;
}

Spec spec_of(const std::string& mounts, const std::string& linux_members = "", bool readonly = false) {
  return decode_spec(R"({"ociVersion":"1.2.0","root":{"path":"rootfs","readonly":)" +
                     std::string(readonly ? "true" : "false") + R"(},"mounts":[)" + mounts +
                     R"(],"linux":{"namespaces":[{"type":"mount"},{"type":"cgroup"}])" + linux_members + "}}");
}

std::string text_of(const Spec& spec, const MountHost& host) {
  InitPlan plan;
  add_filesystem(plan, spec, host);
  add_new_root(plan, spec, host);
  add_restrictions(plan, spec);
  std::string text;
  for (const auto& step : plan.steps)
    std::visit(
        [&](const auto& action) {
          if constexpr (requires { describe_mount_step(action); })
            text += describe_mount_step(action);
          else
            text += "?";
          text += (step.field.empty() ? "" : " | " + step.field) + "\n";
        },
        step.action);
  return text;
}

/// The steps of config.json's mounts alone.
std::string mounts_of(const std::string& mounts, const MountHost& host = host_of()) {
  const std::string text = text_of(spec_of(mounts), host);
  std::string found;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    if (const auto bar = line.find(" | mounts["); bar != line.npos) found += line.substr(0, bar) + "\n";
  }
  return found;
}

std::string error_of(const std::string& mounts, const std::string& linux_members = "") {
  try {
    return text_of(spec_of(mounts, linux_members), host_of());
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a config's mounts become steps in its order, between the root and the way into it") {
  const auto text =
      text_of(spec_of(R"(
      {"destination":"/proc","type":"proc","source":"proc"},
      {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","ro"]},
      {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["nosuid","ro"]},
      {"destination":"data","source":"data","options":["rbind","rprivate","ro"]})",
                      R"(,"maskedPaths":["/proc/keys","/proc/keys/","/sys/firmware"],"readonlyPaths":["/proc/sys"],
      "devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229},{"path":"/dev/net/tun","type":"c","major":10,"minor":200}])",
                      true),
              host_of());
  CHECK(text == R"(make the host's mounts rslave | linux.rootfsPropagation
detach the root file system /bundle/rootfs | root.path
mount proc at /proc | mounts[0]
mount tmpfs at /dev (nosuid,strictatime,mode=755) | mounts[1]
mount cgroup2 at /sys/fs/cgroup (ro,nosuid) | mounts[2]
bind /bundle/data at /data (rbind,ro,suid,dev,exec,symfollow,rprivate) | mounts[3]
make devices in /dev (null,zero,full,random,urandom,tty,fuse,fd,stdin,stdout,stderr,ptmx) | linux.devices
make devices in /dev/net (tun) | linux.devices
pivot_root into the root file system
remount /dev (ro) | mounts[1]
remount / (ro) | root.readonly
make /proc/sys read-only | linux.readonlyPaths[0]
mask /proc/keys | linux.maskedPaths[0]
mask /sys/firmware | linux.maskedPaths[2]
)");
}

TEST_CASE("the root stays detached where nobody looks for its mounts on the host") {
  const auto root_of = [](const Spec& spec, const MountHost& host = host_of()) {
    const auto text = text_of(spec, host);
    const bool detached = text.find("detach the root file system") != text.npos;
    CHECK(detached != (text.find("bind the root file system") != text.npos));
    return std::string(detached ? "detached" : "attached");
  };
  const auto plain = spec_of("");
  CHECK(root_of(plain) == "detached");
  auto host = host_of();
  host.user_namespace = true;  // the host's mounts are locked
  CHECK(root_of(plain, host) == "attached");
  host = host_of();
  host.may_change_root = false;
  CHECK(root_of(plain, host) == "attached");
  host = host_of();
  host.no_pivot = true;
  CHECK(root_of(plain, host) == "attached");
  for (const auto member : {&Hooks::prestart, &Hooks::create_runtime, &Hooks::create_container}) {
    auto spec = spec_of("");
    (spec.hooks.*member).emplace_back();
    CHECK(root_of(spec) == "attached");
  }
  auto spec = spec_of("");
  spec.hooks.start_container.emplace_back();  // behind the change of root
  CHECK(root_of(spec) == "detached");
  CHECK(root_of(spec_of("", R"(,"rootfsPropagation":"rshared")")) == "attached");
  CHECK(root_of(spec_of("", R"(,"rootfsPropagation":"private")")) == "detached");
  spec.linux.namespaces.front().path = "/proc/self/ns/mnt";
  CHECK(root_of(spec) == "attached");
  const auto bind = [](const std::string& source) {
    return spec_of(R"({"destination":"/a","options":["bind"],"source":")" + source + "\"}");
  };
  CHECK(root_of(bind("/bundle/rootfsx")) == "detached");
  CHECK(root_of(bind("/bundle/rootfs/b")) == "attached");  // what an earlier mount may have put there
  CHECK(root_of(bind("/bundle/x/../rootfs")) == "attached");
  CHECK(root_of(bind("rootfs/b")) == "attached");
  const auto with = [](const std::string& mount) {
    return spec_of(R"({"destination":"/a","source":"/b",)" + mount + "}");
  };
  CHECK(root_of(with(R"("options":["bind","rslave","ro"])")) == "detached");
  CHECK(root_of(with(R"("options":["bind","rslave","rshared"])")) == "attached");
  CHECK(root_of(with(R"("type":"tmpfs","options":["private"])")) == "detached");
  CHECK(root_of(with(R"("type":"tmpfs","options":["shared"])")) == "attached");
  CHECK(root_of(with(R"("options":["remount","ro"])")) == "attached");
  CHECK(root_of(with(R"("type":"overlay","options":["lowerdir=/x:/bundle/rootfs/y"])")) == "attached");
}

TEST_CASE("a bind without flags keeps its source's") {
  CHECK(mounts_of(R"({"destination":"/a","source":"/b","options":["bind","rslave"]})") ==
        "bind /b at /a (bind,rslave)\n");
  CHECK(mounts_of(R"({"destination":"/a","source":"/b","type":"bind","options":["defaults","rro"]})") ==
        "bind /b at /a (bind,rro)\n");
  CHECK(mounts_of(R"({"destination":"/a","source":"/b","options":["bind","noatime"]})") ==
        "bind /b at /a (bind,rw,suid,dev,exec,symfollow,diratime,noatime)\n");
}

TEST_CASE("id maps are part of a mount's step, and only a runtime with privileges may have them") {
  const auto mapped = R"({"destination":"/a","source":"/b","options":["bind","idmap=uids=0-1-1;gids=0-2-1"]},
                         {"destination":"/t","type":"tmpfs","source":"t","options":["ridmap"]})";
  auto host = host_of();
  host.container_ids = {.uids = {{0, 5, 1}, {1, 7, 2}}, .gids = {{0, 6, 1}}};
  CHECK(mounts_of(mapped, host) ==
        "bind /b at /a (bind,idmap=uids=0-1-1;gids=0-2-1)\nmount tmpfs at /t (ridmap=uids=0-5-1#1-7-2;gids=0-6-1)\n");
  host.may_map_ids = false;
  CHECK_THROWS_WITH(mounts_of(mapped, host),
                    Catch::Matchers::StartsWith("mounts[0].options: an id-mapped mount needs CAP_SYS_ADMIN"));
}

TEST_CASE("a destination that names the root's place on the host is one of the container") {
  auto spec =
      spec_of(R"({"destination":"/bundle/rootfs/a/b","type":"tmpfs"},{"destination":"/bundle/rootfsx","type":"tmpfs"},
                         {"destination":"/bundle/rootfs/","type":"tmpfs"},{"destination":"a","type":"tmpfs"})");
  use_container_paths(spec, "/bundle/rootfs");
  CHECK(clean_path(spec.mounts[0].destination) == "/a/b");
  CHECK(spec.mounts[1].destination == "/bundle/rootfsx");
  CHECK(spec.mounts[2].destination == "/");
  CHECK(spec.mounts[3].destination == "a");
}

TEST_CASE("a bind at /dev brings its own devices") {
  const auto text = text_of(spec_of(R"({"destination":"/dev/","source":"/dev","options":["rbind"]})"), host_of());
  CHECK(text.find("devices") == text.npos);
}

TEST_CASE("what cannot be mounted is refused with the field that says so") {
  using Catch::Matchers::StartsWith;
  CHECK_THAT(error_of(R"({"destination":"/a/..","type":"tmpfs"})"), StartsWith("mounts[0].destination: "));
  CHECK_THAT(error_of(R"({"destination":"/proc/x/../sys","type":"tmpfs"})"),
             Catch::Matchers::Contains("\"/proc/sys\" cannot be mounted because it is inside /proc"));
  CHECK(error_of(R"({"destination":"/proc/meminfo","source":"/m","options":["bind"]})")
            .find("bind /m at /proc/meminfo") != std::string::npos);
  CHECK_THAT(error_of(R"({"destination":"/a","options":["bind"]})"), StartsWith("mounts[0].source: missing"));
  CHECK_THAT(error_of(R"({"destination":"/a"})"), StartsWith("mounts[0].type: missing"));
  CHECK_THAT(error_of(R"({"destination":"/a","source":"/b","options":["bind","size=1"]})"),
             Catch::Matchers::Contains("\"size=1\" is no option of a bind"));
  CHECK_THAT(error_of(R"({"destination":"/a","type":"proc","options":["tmpcopyup"]})"),
             Catch::Matchers::Contains("tmpcopyup is for tmpfs"));
  CHECK_THAT(
      error_of(
          R"({"destination":"/a","source":"/b","options":["bind"],"uidMappings":[{"containerID":0,"hostID":1,"size":1}]})"),
      StartsWith("mounts[0].gidMappings: missing"));
  CHECK_THAT(error_of(R"({"destination":"/a","options":["remount","ro","idmap=uids=0-1-1;gids=0-1-1"]})"),
             StartsWith("mounts[0].options: remount cannot map the ids"));
  CHECK_THAT(error_of("", R"(,"rootfsPropagation":"sideways")"), StartsWith("linux.rootfsPropagation: "));
  CHECK_THAT(error_of("", R"(,"devices":[{"path":"/dev/x","type":"q"}])"), StartsWith("linux.devices[0].type: "));
}

TEST_CASE("rootfsPropagation decides what happens before and after the root is entered") {
  const auto steps = [](const std::string& word) {
    return text_of(spec_of("", R"(,"rootfsPropagation":")" + word + "\""), host_of());
  };
  CHECK(steps("rslave").find("make the host's mounts rslave") == 0);
  CHECK(steps("private").find("make the host's mounts rprivate") == 0);
  CHECK(steps("rshared").find("bind the root file system /bundle/rootfs (its parent private)") == 0);
  CHECK(steps("rshared").find("\nmake / rshared") != std::string::npos);
  CHECK(steps("unbindable").find("\nmake / unbindable") != std::string::npos);
  CHECK(steps("slave").find("\nmake / ") == std::string::npos);
}

TEST_CASE("without a mount namespace the root is only entered unless something is mounted in it") {
  Spec spec = spec_of("");
  spec.linux.namespaces.clear();
  CHECK(text_of(spec, host_of()) ==
        "open the root file system /bundle/rootfs | root.path\n"
        "make devices in /dev (null,zero,full,random,urandom,tty,fd,stdin,stdout,stderr,ptmx)\n"
        "change the root to the root file system\n");
  CHECK_FALSE(mounts_in_host_view(spec));
  spec.root.readonly = true;
  CHECK(mounts_in_host_view(spec));
  const auto steps = text_of(spec, host_of());
  CHECK_THAT(steps, Catch::Matchers::StartsWith("bind the root file system /bundle/rootfs"));
  CHECK_THAT(steps, Catch::Matchers::Contains("change the root to") && !Catch::Matchers::Contains("pivot"));
  auto mapped = host_of();
  mapped.user_namespace = true;
  CHECK_THROWS_WITH(text_of(spec, mapped), Catch::Matchers::StartsWith("mounts: need a mount namespace"));
  spec.linux.rootfs_propagation = "slave";
  CHECK_THROWS_WITH(text_of(spec, host_of()),
                    Catch::Matchers::StartsWith("linux.rootfsPropagation: needs a mount namespace"));
}

TEST_CASE("what a user namespace may not mount has something that stands in for it") {
  InitPlan plan;
  auto host = host_of();
  host.user_namespace = true;
  host.cgroup_directory = "/sys/fs/cgroup/machine/c1";
  host.selinux = true;
  auto spec = spec_of(
      R"({"destination":"/sys","type":"sysfs"},{"destination":"/sys/fs/cgroup","type":"cgroup","options":["ro"]},
                         {"destination":"/run","type":"tmpfs"},{"destination":"/dev/mqueue","type":"mqueue"})",
      R"(,"mountLabel":"system_u:object_r:t:s0:c1,c2")");
  add_filesystem(plan, spec, host);
  CHECK(std::get<MountFilesystem>(plan.steps.at(2).action).stand_in == "/sys");
  CHECK(std::get<MountFilesystem>(plan.steps.at(3).action).stand_in == "/sys/fs/cgroup/machine/c1");
  CHECK(std::get<MountFilesystem>(plan.steps.at(4).action).parameters ==
        std::vector<std::string>{"context=system_u:object_r:t:s0:c1,c2"});
  CHECK(std::get<MountFilesystem>(plan.steps.at(5).action).label == "system_u:object_r:t:s0:c1,c2");
  CHECK(std::get<MakeDevices>(plan.steps.at(6).action).binds_host);
}
