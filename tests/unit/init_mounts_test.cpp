// SPDX-License-Identifier: Apache-2.0
// The mount steps, performed.
#include <sys/xattr.h>

#include "base/syscalls.hpp"
#include "unit/mounted_root.hpp"

using namespace oci;
using namespace test;

TEST_CASE("the default mounts, devices, masks and read-only paths arrive as config.json says") {
  const int denied = GENERATE(0, ENOSYS, EPERM);
  CAPTURE(denied);
  const Bundle bundle;
  const auto text = container(bundle, config(default_mounts, default_paths, R"(,"readonly":true)"), look_at_default,
                              {.denied = denied});
  CAPTURE(text);
  using Catch::Matchers::Contains;
  CHECK_THAT(text, Contains("/proc rw,relatime - proc proc rw"));
  CHECK_THAT(text, Contains("/dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755"));
  CHECK_THAT(text, Contains("/dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=666"));
  CHECK_THAT(text, Contains("/dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k"));
  CHECK_THAT(text, Contains("/dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue"));
  CHECK_THAT(text, Contains("/sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs"));
  CHECK_THAT(text, Contains("/sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup"));
  CHECK_THAT(text, Contains("/proc/sys ro,relatime - proc proc"));
  CHECK_THAT(text, Contains("/dev/null 20666 1:3"));
  CHECK_THAT(text, Contains("/dev/tty 20666 5:0"));
  CHECK_THAT(text, Contains("/dev/fd 120777"));
  CHECK_THAT(text, Contains("/dev/ptmx 120777"));
  CHECK_THAT(text, Contains("/proc/keys 20666 1:3"));
  CHECK_THAT(text, Contains("root " + std::to_string(EROFS)));
}

TEST_CASE("a sysctl is written although /proc/sys has become read-only") {
  const Bundle bundle;
  const auto text = container(bundle, config(default_mounts, default_paths), [](init::Scene& scene) {
    const auto file = init::open_proc(scene, "sys/kernel/hostname", O_WRONLY);
    write_all(file, "inside", "hostname");
    return read_file(working_directory, "/proc/sys/kernel/hostname");
  });
  CHECK(text == "inside\n");
}

TEST_CASE("a /proc that is a link is refused") {
  const bool legacy = GENERATE(false, true);
  const Bundle bundle;
  bundle.directory("rootfs/fake");
  bundle.link("rootfs/proc", "fake");
  const auto text = container(bundle, config(R"({"destination":"/proc","type":"proc","source":"proc"})"),
                              [](auto&) { return "made"; }, {.legacy = legacy});
  CHECK(text == "error: filesystem \"proc\" must be mounted on ordinary directory");
}

TEST_CASE("a bind on /proc has to be a procfs") {
  const Bundle bundle;
  const auto fake = config(R"({"destination":"/proc","type":"bind","source":"host","options":["bind"]})");
  CHECK_THAT(container(bundle, fake, [](auto&) { return "made"; }), Catch::Matchers::Contains("must be a procfs"));
  const auto real = config(R"({"destination":"/proc","type":"bind","source":"/proc","options":["rbind"]})");
  CHECK_THAT(container(bundle, real, [](init::Scene& scene) { return mount_at(scene, "/proc"); }),
             Catch::Matchers::Contains("proc"));
}

TEST_CASE("a path that links lead into /proc is no place for a mount") {
  const Bundle bundle;
  bundle.link("rootfs/innocent", "proc/sys");
  const auto text = container(bundle, config(R"({"destination":"/proc","type":"proc","source":"proc"},
                                        {"destination":"/innocent","type":"tmpfs","source":"tmpfs"})"),
                              [](auto&) { return "made"; });
  CHECK(text == "error: \"/innocent\" cannot be mounted because it leads inside /proc");
}

TEST_CASE("a /dev that links to a directory of the host leaves that alone") {
  const Bundle bundle;
  bundle.file("host/ptmx", "marker");
  bundle.link("rootfs/dev", bundle.path() + "/host");
  const auto mounts = GENERATE(std::string(), std::string(R"({"destination":"/dev","type":"tmpfs","source":"tmpfs"})"));
  const auto text = container(bundle, config(mounts), [](auto&) { return mode_of("/dev/null"); });
  CHECK(text == "20666 1:3");
  CHECK(bundle.list("host") == "marker ptmx ");
  CHECK(read_file(working_directory, bundle.path() + "/host/ptmx") == "marker");
}

TEST_CASE("a target that links to the host is made inside the root") {
  const Bundle bundle;
  const bool legacy = GENERATE(false, true);
  bundle.link("rootfs/absolute", bundle.path() + "/host/new");
  bundle.link("rootfs/relative", "../../../../../../../../.." + bundle.path() + "/host/other");
  const auto text = container(bundle, config(R"({"destination":"/absolute","type":"tmpfs","source":"tmpfs"},
                                        {"destination":"/relative/deep","source":"host/marker","options":["bind"]})"),
                              [&](auto&) {
                                return mode_of(bundle.path() + "/host/new") + " " +
                                       read_file(working_directory, bundle.path() + "/host/other/deep");
                              },
                              {.legacy = legacy});
  CHECK(text == "41777 0:0 of the host");
  CHECK(bundle.list("host") == "marker ");
}

TEST_CASE("masks come from the host's /dev/null, whatever the image calls so") {
  const Bundle bundle;
  bundle.directory("rootfs/dev");
  bundle.file("rootfs/dev/secret", "secret");
  const auto text = container(
      bundle,
      config(R"({"destination":"/proc","type":"proc","source":"proc"},
                                        {"destination":"/dev","source":"host","options":["bind"]})",
             R"(,"maskedPaths":["/proc/timer_list","/proc/keys","/dev/marker","/proc/scsi","/sys"])"),
      [](auto&) { return mode_of("/proc/timer_list") + " " + mode_of("/proc/keys") + " " + mode_of("/dev/marker"); });
  CHECK(text == "20666 1:3 20666 1:3 20666 1:3");
}

TEST_CASE("masked directories share one file system that takes nothing") {
  const Bundle bundle;
  const bool legacy = GENERATE(false, true);
  for (const char* name : {"rootfs/a", "rootfs/b", "rootfs/a/secret"}) bundle.directory(name);
  const auto text = container(
      bundle,
      config(R"({"destination":"/proc","type":"proc","source":"proc"})", R"(,"maskedPaths":["/a","/b","/a","/none"])"),
      [](init::Scene& scene) {
        struct stat a {
        }, b{};
        ::stat("/a", &a);
        ::stat("/b", &b);
        return std::string(a.st_dev == b.st_dev ? "shared " : "two ") + std::to_string(error_of_writing("/a/x")) + " " +
               mode_of("/a/secret") + " " + mount_at(scene, "/b");
      },
      {.legacy = legacy});
  CHECK_THAT(text, Catch::Matchers::StartsWith("shared " + std::to_string(EROFS) +
                                               " error: No such file or directory ro,nosuid,nodev,noexec"));
  CHECK_THAT(text, Catch::Matchers::Contains("nr_inodes=1"));
}

TEST_CASE("a bind with a flag has exactly the flags that are named") {
  const bool legacy = GENERATE(false, true);
  const Bundle bundle;
  const auto text = container(bundle, config(R"({"destination":"/proc","type":"proc","source":"proc"},
                {"destination":"/src","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev","noatime"]},
                {"destination":"/kept","source":"rootfs/src","options":["rbind","rprivate"]},
                {"destination":"/ro","source":"rootfs/src","options":["rbind","ro"]},
                {"destination":"/rw","source":"rootfs/src","options":["rbind","rw"]},
                {"destination":"/atime","source":"rootfs/src","options":["bind","strictatime","noexec"]})"),
                              [](init::Scene& scene) {
                                std::string all;
                                for (const char* point : {"/kept", "/ro", "/rw", "/atime"})
                                  all += mount_at(scene, point).substr(0, 26) + "|";
                                return all;
                              },
                              {.legacy = legacy});
  CHECK(text ==
        "rw,nosuid,nodev,noatime - |ro,noatime - tmpfs tmpfs r|rw,noatime - tmpfs tmpfs r|rw,noexec - tmpfs tmpfs rw|");
}

TEST_CASE("ro is for the top mount of an rbind, rro for all of them") {
  const Bundle bundle;
  const auto text = container(bundle, config(R"({"destination":"/proc","type":"proc","source":"proc"},
                                        {"destination":"/src","type":"tmpfs","source":"tmpfs"},
                                        {"destination":"/src/sub","type":"tmpfs","source":"tmpfs"},
                                        {"destination":"/top","source":"rootfs/src","options":["rbind","ro"]},
                                        {"destination":"/all","source":"rootfs/src","options":["rbind","rro","rprivate"]})"),
                              [](init::Scene& scene) {
                                std::string all;
                                for (const char* point : {"/top", "/top/sub", "/all", "/all/sub"})
                                  all += mount_at(scene, point).substr(0, 3);
                                return all;
                              });
  CHECK(text == "ro,rw,ro,ro,");
}

TEST_CASE("a file is bound on a file that was not there, and what is missing has its name in the error") {
  const Bundle bundle;
  const auto made = config(R"({"destination":"/etc/deep/file","source":"host/marker","options":["bind","ro"]})");
  CHECK(container(bundle, made, [](auto&) { return read_file(working_directory, "/etc/deep/file"); }) == "of the host");
  const auto missing = config(R"({"destination":"/etc/x","source":"nowhere","options":["bind"]})");
  CHECK(container(bundle, missing, [](auto&) { return ""; }) ==
        "error: bind source " + bundle.path() + "/nowhere: No such file or directory");
}

TEST_CASE("a tmpfs has the mode of the directory it covers, unless that was not there") {
  const bool legacy = GENERATE(false, true);
  const Bundle bundle;
  bundle.directory("rootfs/old", 02751);
  bundle.directory("rootfs/sticky", 01777);
  const auto text = container(
      bundle,
      config(
          R"({"destination":"/old","type":"tmpfs","source":"tmpfs"},{"destination":"/sticky","type":"tmpfs","source":"tmpfs"},
                {"destination":"/named","type":"tmpfs","source":"tmpfs","options":["mode=700"]},
                {"destination":"/new","type":"tmpfs","source":"tmpfs"},{"destination":"/ro","type":"tmpfs","source":"tmpfs","options":["ro"]},
                {"destination":"/ro/below","type":"tmpfs","source":"tmpfs"})"),
      [](auto&) {
        return mode_of("/old") + " " + mode_of("/sticky") + " " + mode_of("/named") + " " + mode_of("/new") + " " +
               std::to_string(error_of_writing("/ro/x")) + " " + std::to_string(error_of_writing("/ro/below/x"));
      },
      {.legacy = legacy});
  CHECK(text == "42751 0:0 41777 0:0 40700 0:0 41777 0:0 " + std::to_string(EROFS) + " 0");
}

TEST_CASE("tmpcopyup fills a tmpfs with what it covers") {
  const Bundle bundle;
  bundle.directory("rootfs/etc", 0777);
  bundle.directory("rootfs/etc/sub", 0711);
  bundle.file("rootfs/etc/sub/file", "text");
  bundle.link("rootfs/etc/link", "/nowhere");
  REQUIRE(::setxattr((bundle.root() + "/etc/sub/file").c_str(), "trusted.test", "value", 5, 0) == 0);
  const auto text = container(
      bundle, config(R"({"destination":"/etc","type":"tmpfs","source":"tmpfs","options":["tmpcopyup"]})"), [](auto&) {
        ::unlink("/etc/link");
        std::string attribute(5, '\0');
        ::getxattr("/etc/sub/file", "trusted.test", attribute.data(), attribute.size());
        return mode_of("/etc") + " " + mode_of("/etc/sub") + " " + mode_of("/etc/sub/file") + " " +
               read_file(working_directory, "/etc/sub/file") + " " + attribute;
      });
  CHECK(text == "40777 0:0 40711 0:0 100644 0:0 text value");
  CHECK(bundle.list("rootfs/etc") == "link sub ");
}

TEST_CASE("a file system says itself what it does not like") {
  const Bundle bundle;
  const auto text = container(
      bundle, config(R"({"destination":"/x","type":"tmpfs","source":"tmpfs","options":["nosuid","colour=red"]})"),
      [](auto&) { return ""; });
  CHECK(text == "error: mount tmpfs at /x (nosuid,colour=red): tmpfs: Unknown parameter 'colour': Invalid argument");
}

TEST_CASE("nothing that is mounted in the container is seen in a shared parent") {
  const Bundle bundle;
  const std::string propagation = GENERATE("", "shared", "rslave", "private", "rshared", "unbindable");
  CAPTURE(propagation);
  const auto json = config(
      R"({"destination":"/proc","type":"proc","source":"proc"},{"destination":"/x","type":"tmpfs","source":"tmpfs"})",
      R"(,"rootfsPropagation":")" + propagation + "\"");
  const auto spec = decode_spec(json);
  // A host of our own, all of it shared, with a container in it.
  const auto text = in_namespaces(CLONE_NEWNS, [&]() -> std::string {
    if (::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) < 0 ||
        ::mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr) < 0)
      throw Error::system("make a host");
    const auto before = read_file(working_directory, "/proc/self/mountinfo", std::size_t{1} << 22U);
    const auto inside = in_namespaces(CLONE_NEWNS, [&] {
      InitPlan plan;
      add_filesystem(plan, spec, {.bundle = bundle.path()});
      add_new_root(plan, spec, {.bundle = bundle.path()});
      init::Scene scene;
      perform_all(plan, scene);
      return mount_at(scene, "/");
    });
    const auto after = read_file(working_directory, "/proc/self/mountinfo", std::size_t{1} << 22U);
    return (before == after ? "same " : "changed ") + inside;
  });
  CAPTURE(text);
  CHECK(text.substr(0, 5) == "same ");
  CHECK((text.find(" shared:") != text.npos) == (propagation.find("shared") != propagation.npos));
  CHECK((text.find(" unbindable") != text.npos) == (propagation == "unbindable"));
  if (propagation.empty() || propagation == "rslave") CHECK(text.find(" master:") != text.npos);
}

TEST_CASE("without pivot_root no whole procfs is left behind the root") {
  const Bundle bundle;
  const auto text = container(bundle, config(default_mounts, default_paths),
                              [](auto&) -> std::string {
                                if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
                                  throw Error::system("unshare");
                                const pid_t child = ::fork();
                                if (child == 0) ::_exit(::mount("proc", "/proc", "proc", 0, nullptr) < 0 ? errno : 0);
                                int status = 0;
                                ::waitpid(child, &status, 0);
                                return std::strerror(WEXITSTATUS(status));
                              },
                              {.host = [](MountHost& host) { host.no_pivot = true; }});
  CHECK(text == "Operation not permitted");
}

TEST_CASE("devices have their modes whatever the umask is, and existing ones serve if they are the same") {
  const Bundle bundle;
  bundle.directory("rootfs/dev");
  REQUIRE(::mknod((bundle.root() + "/dev/null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0);
  const auto extra =
      R"(,"devices":[{"path":"/dev/net/tun","type":"c","major":10,"minor":200,"fileMode":432,"uid":5,"gid":6},
                          {"path":"/dev/pipe","type":"p"},{"path":"/dev/tty","type":"c","major":5,"minor":0,"fileMode":384}])";
  const auto before = ::umask(077);
  const auto text = container(bundle, config("", extra), [](auto&) {
    struct stat status {};
    ::stat("/dev/net/tun", &status);
    return mode_of("/dev/null") + " " + mode_of("/dev/net/tun") + " " + std::to_string(status.st_uid) + " " +
           mode_of("/dev/pipe") + " " + mode_of("/dev/tty") + " " + std::to_string(::umask(0));
  });
  ::umask(before);
  CHECK(text == "20666 1:3 20660 10:200 5 10666 0:0 20666 5:0 " + std::to_string(077));
}

TEST_CASE("a device that is something else is told, not used") {
  const Bundle bundle;
  bundle.directory("rootfs/dev");
  bundle.link("rootfs/dev/null", bundle.path() + "/host/marker");
  CHECK(container(bundle, config(""), [](auto&) { return ""; }) ==
        "error: make device /dev/null (c 1:3, 0666): File exists");
}

TEST_CASE("in a user namespace the host's devices are bound") {
  const Bundle bundle;
  const bool legacy = GENERATE(false, true);
  const auto text = container(bundle, config(R"({"destination":"/dev","type":"tmpfs","source":"tmpfs"})"),
                              [](auto&) { return mode_of("/dev/null") + " " + mode_of("/dev/full"); },
                              {.legacy = legacy, .host = [](MountHost& host) { host.user_namespace = true; }});
  CHECK(text == "20666 1:3 20666 1:7");
}

TEST_CASE("locked flags stay in a user namespace, and asking for their loss is refused") {
  const Bundle bundle;
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME;
  const auto attempt = [&](const std::string& options) {
    return in_namespaces(CLONE_NEWNS, [&]() -> std::string {
      ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr);
      if (::mount("tmpfs", (bundle.path() + "/host").c_str(), "tmpfs", flags, nullptr) < 0)
        throw Error::system("mount");
      return in_namespaces(CLONE_NEWUSER | CLONE_NEWNS, [&] {
        write_file(working_directory, "/proc/self/setgroups", "deny");
        write_file(working_directory, "/proc/self/uid_map", "0 0 1");
        write_file(working_directory, "/proc/self/gid_map", "0 0 1");
        const auto spec = decode_spec(config(R"({"destination":"/x","source":"host","options":[)" + options + "]}"));
        InitPlan plan;
        add_filesystem(plan, spec, {.bundle = bundle.path(), .user_namespace = true});
        init::Scene scene;
        perform_all(plan, scene);
        const auto text = read_file(working_directory, "/proc/self/mountinfo", std::size_t{1} << 22U);
        const auto at = text.rfind("/rootfs/x ");
        return text.substr(at + 10, 32);
      });
    });
  };
  CHECK_THAT(attempt(R"("bind","ro")"), Catch::Matchers::StartsWith("ro,nosuid,nodev,noatime"));
  CHECK_THAT(attempt(R"("bind","noexec")"), Catch::Matchers::StartsWith("rw,nosuid,nodev,noexec,noatime"));
  CHECK(attempt(R"("bind","dev")") ==
        "error: bind " + bundle.path() + "/host at /x (bind,rw,suid,dev,exec,symfollow): Operation not permitted");
  CHECK_THAT(attempt(R"("bind","strictatime")"), Catch::Matchers::EndsWith("Operation not permitted"));
  flags = MS_NODIRATIME | MS_STRICTATIME;
  CHECK_THAT(attempt(R"("bind","strictatime")"), Catch::Matchers::EndsWith("Operation not permitted"));
  CHECK_THAT(attempt(R"("bind","noexec","nodiratime","strictatime")"),
             Catch::Matchers::StartsWith("rw,noexec,nodiratime"));
}

TEST_CASE("what mount(2) cannot do is refused with the call that could") {
  const Bundle bundle;
  bundle.directory("rootfs/x");
  const auto attempt = [&](const std::string& mount) {
    return container(bundle, config(R"({"destination":"/x",)" + mount + "}"), [](auto&) { return "mounted"; },
                     {.legacy = true});
  };
  CHECK_THAT(attempt(R"("type":"tmpfs","source":"tmpfs","options":["tmpcopyup"])"),
             Catch::Matchers::Contains("tmpcopyup needs fsopen(2)"));
  CHECK_THAT(attempt(R"("source":"host","options":["rbind","rro"])"),
             Catch::Matchers::Contains("recursive flags at /x need mount_setattr(2)"));
  CHECK_THAT(attempt(R"("source":"host","options":["bind","idmap=uids=0-1-1;gids=0-1-1"])"),
             Catch::Matchers::Contains("needs open_tree(2) and mount_setattr(2)"));
  CHECK_THAT(attempt(R"("type":"tmpfs","source":"tmpfs","options":["idmap=uids=0-1-1;gids=0-1-1"])"),
             Catch::Matchers::Contains("needs fsmount(2) and mount_setattr(2)"));
}

TEST_CASE("a source that the runtime cannot hand over is opened by mount(2), and links are as they are asked for") {
  const Bundle bundle;
  bundle.link("link", "/nowhere");
  const auto text = container(bundle, config(R"({"destination":"/x","source":"host","options":["bind"]},
                        {"destination":"/copied","source":"link","options":["bind","copy-symlink"]})"),
                              [](auto&) {
                                return read_file(working_directory, "/x/marker") + " " +
                                       sys::readlinkat(working_directory, "/copied");
                              },
                              {.legacy = true, .host = [](MountHost& host) { host.parent_opens_sources = true; }});
  CHECK(text == "of the host /nowhere");
}

TEST_CASE("a mount that is forbidden is told as such, not taken for a missing system call") {
  const Bundle bundle;
  const auto text = in_namespaces(CLONE_NEWUSER | CLONE_NEWNS, [&] {
    InitPlan plan;
    MountHost host;
    host.bundle = bundle.path();
    add_filesystem(
        plan, decode_spec(config(R"({"destination":"/x","type":"ext4","source":"/dev/vda","options":["ro"]})")), host);
    init::Scene scene;
    perform_all(plan, scene);
    return std::string(scene.legacy_mounts ? "by mount(2)" : "mounted");
  });
  CHECK(text == "error: mount ext4 at /x (ro): Operation not permitted");
}
