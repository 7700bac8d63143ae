// SPDX-License-Identifier: Apache-2.0
#include "systemd/message.hpp"

#include "oci/error.hpp"

namespace oci::systemd {
namespace {

struct Writer {
  sd_bus_message* message;

  int operator()(bool value) const { return sd_bus_message_append(message, "b", value ? 1 : 0); }
  int operator()(const std::string& value) const { return sd_bus_message_append(message, "s", value.c_str()); }
  int operator()(std::int32_t value) const { return sd_bus_message_append_basic(message, 'i', &value); }
  int operator()(std::uint32_t value) const { return sd_bus_message_append_basic(message, 'u', &value); }
  int operator()(std::int64_t value) const { return sd_bus_message_append_basic(message, 'x', &value); }
  int operator()(std::uint64_t value) const { return sd_bus_message_append_basic(message, 't', &value); }
  int operator()(double value) const { return sd_bus_message_append_basic(message, 'd', &value); }
  int operator()(const std::vector<std::uint8_t>& bytes) const {
    return sd_bus_message_append_array(message, 'y', bytes.data(), bytes.size());
  }
  int operator()(const std::vector<std::string>& texts) const {
    int code = sd_bus_message_open_container(message, 'a', "s");
    for (const auto& text : texts)
      if (code >= 0) code = (*this)(text);
    return code < 0 ? code : sd_bus_message_close_container(message);
  }
  template <class Second>
  int operator()(const std::vector<std::pair<std::string, Second>>& pairs) const {
    constexpr const char* contents = std::is_same_v<Second, std::string> ? "ss" : "st";
    int code = sd_bus_message_open_container(message, 'a', std::is_same_v<Second, std::string> ? "(ss)" : "(st)");
    for (const auto& [first, second] : pairs) {
      if (code >= 0) code = sd_bus_message_open_container(message, 'r', contents);
      if (code >= 0) code = (*this)(first);
      if (code >= 0) code = (*this)(second);
      if (code >= 0) code = sd_bus_message_close_container(message);
    }
    return code < 0 ? code : sd_bus_message_close_container(message);
  }
};

}  // namespace

int check(int result, std::string_view attempt) {
  if (result < 0) throw Error::system(attempt, -result);
  return result;
}

void append(sd_bus_message* message, const SystemdProperty& property) {
  const std::string attempt = "write the property " + property.name;
  check(sd_bus_message_open_container(message, 'r', "sv"), attempt);
  check(sd_bus_message_append(message, "s", property.name.c_str()), attempt);
  check(sd_bus_message_open_container(message, 'v', signature_of(property.value)), attempt);
  check(std::visit(Writer{message}, property.value), attempt);
  check(sd_bus_message_close_container(message), attempt);
  check(sd_bus_message_close_container(message), attempt);
}

}  // namespace oci::systemd
