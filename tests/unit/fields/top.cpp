// SPDX-License-Identifier: Apache-2.0
#include "fields/rows.hpp"

namespace test {
namespace {

#define HOOK_ROWS(KIND)                                                                                                \
  FieldRow{"hooks." KIND, R"("hooks": {")" KIND R"(": @})", R"([{"path": "/bin/hook"}])", R"([{}])",                   \
           "hooks." KIND "[0]: path: missing"},                                                                        \
      FieldRow{"hooks." KIND "[].path", R"("hooks": {")" KIND R"(": [{"path": @}]})", R"("/bin/hook")",                \
               R"("bin/hook")", "hooks." KIND "[0]: path: \"bin/hook\" is not an absolute path"},                      \
      FieldRow{"hooks." KIND "[].args", R"("hooks": {")" KIND R"(": [{"path": "/bin/hook", "args": @}]})",             \
               R"(["hook", ""])", R"([null])", "hooks." KIND "[0].args[0]: expected a string"},                        \
      FieldRow{"hooks." KIND "[].env", R"("hooks": {")" KIND R"(": [{"path": "/bin/hook", "env": @}]})", R"(["A=b"])", \
               R"(["A"])", "hooks." KIND "[0].env[0]: \"A\" has no \"=\""},                                            \
      FieldRow {                                                                                                       \
    "hooks." KIND "[].timeout", R"("hooks": {")" KIND R"(": [{"path": "/bin/hook", "timeout": @}]})", "1", "-1",       \
        "hooks." KIND "[0]: timeout: -1 is not above 0"                                                                \
  }

constexpr std::array rows{
    FieldRow{"ociVersion", R"("ociVersion": @)", R"("1.9.0")", R"("2.0.0")", "ociVersion: \"2.0.0\" is not supported"},
    FieldRow{"root", R"("root": @)", R"({"path": "rootfs"})", "{}", "root: path: missing"},
    FieldRow{"root.path", R"("root": {"path": @})", R"("rootfs")", R"("")", "root.path: missing or empty"},
    FieldRow{"root.readonly", R"("root": {"path": "rootfs", "readonly": @})", "true", "", ""},
    FieldRow{"hostname", R"("hostname": @)", R"("h")",
             R"("0123456789012345678901234567890123456789012345678901234567890123x")", "hostname: more than 64 bytes"},
    FieldRow{"domainname", R"("domainname": @)", R"("d")",
             R"("0123456789012345678901234567890123456789012345678901234567890123x")",
             "domainname: more than 64 bytes"},
    FieldRow{"annotations", R"("annotations": @)", R"({"a": "b"})", R"({"a": 1})",
             "annotations.a: expected a string, found the number 1"},

    FieldRow{"mounts", R"("mounts": @)", "[]", R"([{"type": "tmpfs"}])", "mounts[0]: destination: missing"},
    FieldRow{"mounts[].destination", R"("mounts": [{"destination": @, "type": "tmpfs"}])", R"("/tmp")",
             R"("/proc/self")", "mounts[0].destination: \"/proc/self\" cannot be mounted because it is inside /proc"},
    FieldRow{"mounts[].type", R"("mounts": [{"destination": "/tmp", "source": "x", "type": @}])", R"("tmpfs")", R"("")",
             "mounts[0].type: missing, and the options name no bind"},
    FieldRow{"mounts[].source", R"("mounts": [{"destination": "/tmp", "type": "bind", "source": @}])", R"("/tmp")",
             R"("")", "mounts[0].source: missing, and a bind needs one"},
    FieldRow{"mounts[].options", R"("mounts": [{"destination": "/tmp", "source": "/", "type": "bind", "options": @}])",
             R"(["rbind", "rro"])", R"(["bind", "size=1"])", "mounts[0].options: \"size=1\" is no option of a bind"},
    FieldRow{"mounts[].uidMappings",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs", "uidMappings": @,
                            "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             R"([{"containerID": 0, "hostID": 1, "size": 1}])", "[]", "mounts[0].uidMappings: missing"},
    FieldRow{"mounts[].uidMappings[].containerID",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "uidMappings": [{"containerID": @, "hostID": 1, "size": 1}],
                            "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "0", "4294967296", "mounts[0].uidMappings[0].containerID: expected an integer in 0..4294967295"},
    FieldRow{"mounts[].uidMappings[].hostID",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "uidMappings": [{"containerID": 0, "hostID": @, "size": 1}],
                            "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "0", "-1", "mounts[0].uidMappings[0].hostID: expected an integer in 0..4294967295"},
    FieldRow{"mounts[].uidMappings[].size",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "uidMappings": [{"containerID": 0, "hostID": 1, "size": @}],
                            "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "1", "0", "mounts[0].uidMappings[0]: size: 0 ids"},
    FieldRow{"mounts[].gidMappings",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs", "gidMappings": @,
                            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             R"([{"containerID": 0, "hostID": 1, "size": 1}])", "[]", "mounts[0].gidMappings: missing"},
    FieldRow{"mounts[].gidMappings[].containerID",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "gidMappings": [{"containerID": @, "hostID": 1, "size": 1}],
                            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "0", "4294967296", "mounts[0].gidMappings[0].containerID: expected an integer in 0..4294967295"},
    FieldRow{"mounts[].gidMappings[].hostID",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "gidMappings": [{"containerID": 0, "hostID": @, "size": 1}],
                            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "0", "-1", "mounts[0].gidMappings[0].hostID: expected an integer in 0..4294967295"},
    FieldRow{"mounts[].gidMappings[].size",
             R"("mounts": [{"destination": "/tmp", "type": "tmpfs",
                            "gidMappings": [{"containerID": 0, "hostID": 1, "size": @}],
                            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])",
             "1", "0", "mounts[0].gidMappings[0]: size: 0 ids"},

    FieldRow{"hooks", R"("hooks": @)", "{}", R"({"poststop": {}})", "hooks.poststop: expected an array"},
    HOOK_ROWS("prestart"),
    HOOK_ROWS("createRuntime"),
    HOOK_ROWS("createContainer"),
    HOOK_ROWS("startContainer"),
    HOOK_ROWS("poststart"),
    HOOK_ROWS("poststop"),
};

}  // namespace

std::span<const FieldRow> top_rows() {
  return rows;
}

}  // namespace test
