// SPDX-License-Identifier: Apache-2.0
// Catch2, version 2 (Debian 12) or 3, and what version 2 lacks: a test that says why it cannot run here.
#pragma once
#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace test {

/// Ends the running test case: neither passed nor failed, but reported as "skip NAME  REASON".
[[noreturn]] void skip(const std::string& reason);

}  // namespace test
