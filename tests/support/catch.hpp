// SPDX-License-Identifier: Apache-2.0
// Catch2 of either major version: 2.13 is one header, 3 is a library.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
