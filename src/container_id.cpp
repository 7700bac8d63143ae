// SPDX-License-Identifier: Apache-2.0
#include "container_id.hpp"

#include <sys/random.h>

#include <array>

#include "oci/container.hpp"

namespace oci::cli {

bool is_bundle(std::string_view argument) noexcept {
  return argument == "." || argument == ".." || argument.find('/') != std::string_view::npos;
}

std::string make_id(std::string_view bundle) {
  static constexpr std::size_t longest_stem = 40;
  static constexpr std::string_view hexadecimal = "0123456789abcdef";
  std::array<unsigned char, 3> random{};
  if (::getrandom(random.data(), random.size(), 0) < 0) throw Error::system("get random bytes");
  std::string id;
  for (const char c : bundle.substr(bundle.rfind('/') + 1).substr(0, longest_stem))
    if (is_id_character(c)) id += c;
  id += id.empty() ? "bundle-" : "-";
  for (const unsigned byte : random) (id += hexadecimal[byte >> 4U]) += hexadecimal[byte & 0xFU];
  return id;
}

}  // namespace oci::cli
