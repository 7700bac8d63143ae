// SPDX-License-Identifier: Apache-2.0
// Writes what libcap-ng calls the kernel's capabilities (capabilities(7)), CAP_CHOWN first, for
// libcrun-like/spec/names.cpp.
//
// Asked when the runtime is built: in a program that is linked with it the library's constructor opens a file of /proc
// and makes seven more system calls at every start, before anybody wants to know a name.
#include <cap-ng.h>

#include <cctype>
#include <cstdio>

int main() {
  // The kernel's newest one at the time of building; libcap-ng stops earlier when it is older.
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    const char* name = capng_capability_to_name(capability);
    if (name == nullptr) break;
    std::putchar('"');
    for (; *name != 0; ++name) std::putchar(std::toupper(static_cast<unsigned char>(*name)));
    std::puts("\",");
  }
  return std::ferror(stdout);
}
