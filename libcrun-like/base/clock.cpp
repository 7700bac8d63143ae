// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>

namespace oci {

// Not by gmtime(3), which reads /etc/localtime: the container's, when its process is who asks.
std::string now_rfc3339(Precision precision) {
  using namespace std::chrono;
  // Not through the vDSO: its pages would be touched for a single reading.
  timespec reading{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &reading);
  const sys_time<nanoseconds> now(seconds(reading.tv_sec) + nanoseconds(reading.tv_nsec));
  const auto today = floor<days>(now);
  const year_month_day date(today);
  const hh_mm_ss time(now - today);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                                 static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  std::string result(text.data(), static_cast<std::size_t>(size));
  if (precision == Precision::nanoseconds) {
    const int digits = std::snprintf(text.data(), text.size(), ".%09d", static_cast<int>(time.subseconds().count()));
    result.append(text.data(), static_cast<std::size_t>(digits));
  }
  return result += 'Z';
}

}  // namespace oci
