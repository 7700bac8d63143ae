// SPDX-License-Identifier: Apache-2.0
// Writes what libcap-ng calls the kernel's capabilities (capabilities(7)), CAP_CHOWN first, for
// libcrun-like/spec/names.cpp.
//
// Asked when the runtime is built: in a program that is linked with it the library's constructor opens a file of /proc
// and makes seven more system calls at every start, before anybody wants to know a name.
#include <cap-ng.h>

#include <cctype>
#include <cstdio>
#include <cstring>

int main() {
  // The newest one of the kernel's headers.
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    const char* name = capng_capability_to_name(capability);
    if (name == nullptr) {
      std::fprintf(stderr, "libcap-ng names capabilities of the running kernel only, and that has no number %u yet\n",
                   capability);
      return 1;
    }
    if (std::strncmp(name, "cap_", 4) == 0) break;  // made up: the library is older than the kernel
    std::putchar('"');
    for (; *name != 0; ++name) std::putchar(std::toupper(static_cast<unsigned char>(*name)));
    std::puts("\",");
  }
  return std::ferror(stdout);
}
