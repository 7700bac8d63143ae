// SPDX-License-Identifier: Apache-2.0
// Linked into every program of a build with AddressSanitizer and UndefinedBehaviorSanitizer: what they find anywhere is
// seen by `tools/test --sanitize`. Standard error and exit status are not enough: the container's process has neither
// for long, many a test expects a command to fail, and its environment is the test's own. So the options are compiled
// in, and a report is written into a file that is mapped: the mapping is there whatever became of descriptors, root and
// namespaces, up to execve(2), which is where the runtime ends and the container's program begins.
#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
// gcc has no header for the monitor of libubsan.
[[gnu::visibility("default")]] void __ubsan_get_current_report_data(const char** kind, const char** message,
                                                                    const char** file, unsigned* line, unsigned* column,
                                                                    char** address);
[[gnu::visibility("default")]] void __ubsan_on_report();
[[gnu::visibility("default")]] const char* __asan_default_options();
[[gnu::visibility("default")]] const char* __ubsan_default_options();
}

namespace {

/// tools/test makes the file this long, of zeros; what LeakSanitizer writes at exit comes behind it.
constexpr std::size_t size = std::size_t{1} << 20U;

/// What the file begins with.
struct Reports {
  std::atomic<std::uint32_t> used;
  char text[size - sizeof(std::atomic<std::uint32_t>)];
};
static_assert(sizeof(Reports) == size);

Reports* reports = nullptr;

void record(const char* text) {
  if (reports == nullptr) return;
  const auto length = static_cast<std::uint32_t>(std::strlen(text));
  const auto at = reports->used.fetch_add(length);
  if (at + length <= sizeof reports->text) std::memcpy(reports->text + at, text, length);
}

void record_death() {
  char line[64];
  std::snprintf(line, sizeof line, "== a sanitizer has ended process %d\n", ::getpid());
  record(line);
}

/// Leaks are looked for behind the last destructor, when nobody else opens or closes descriptors any more.
void record_leaks() {
  const int file = ::open(SANITIZER_REPORTS, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file >= 0) __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<std::intptr_t>(file)));
}

[[gnu::constructor]] void open_reports() {
  const int file = ::open(SANITIZER_REPORTS, O_RDWR | O_CLOEXEC);
  if (file < 0) return;  // started by hand: standard error is all there is
  struct stat status {};
  void* place = MAP_FAILED;
  if (::fstat(file, &status) == 0 && static_cast<std::size_t>(status.st_size) >= size)
    place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (place == MAP_FAILED) return;
  reports = static_cast<Reports*>(place);
  __asan_set_error_report_callback(record);
  __sanitizer_set_death_callback(record_death);
  std::atexit(record_leaks);
}

}  // namespace

extern "C" {

const char* __asan_default_options() {
  return "exitcode=99:print_legend=0:strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order="
         "1:strict_init_order=1";
}

const char* __ubsan_default_options() {
  return "exitcode=99:halt_on_error=1:print_stacktrace=1";
}

void __ubsan_on_report() {
  const char* kind = "";
  const char* message = "";
  const char* file = "";
  unsigned line = 0;
  unsigned column = 0;
  char* address = nullptr;
  __ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
  char text[1024];
  std::snprintf(text, sizeof text, "%s:%u:%u: runtime error: %s (%s) in process %d\n", file, line, column, message,
                kind, ::getpid());
  record(text);
}
}
