// SPDX-License-Identifier: Apache-2.0
#include "kernel/criu_messages.hpp"

#include <climits>

#include "oci/error.hpp"

namespace oci::criu {
namespace {

// protobuf.dev, "Encoding": a field is a key (number << 3 | type) and its value.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

class Encoder {
 public:
  Encoder& number(unsigned field, std::uint64_t value) {
    key(field, Wire::varint);
    varint(value);
    return *this;
  }
  /// int32 is sent as the 64-bit number of the same value.
  Encoder& integer(unsigned field, int value) {
    return number(field, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
  }
  Encoder& flag(unsigned field, bool value) { return value ? number(field, 1) : *this; }
  Encoder& bytes(unsigned field, std::string_view value) {
    key(field, Wire::bytes);
    varint(value.size());
    text_.append(value);
    return *this;
  }
  Encoder& word(unsigned field, std::string_view value) { return value.empty() ? *this : bytes(field, value); }
  Encoder& message(unsigned field, const Encoder& inner) { return bytes(field, inner.text_); }

  std::string take() { return std::move(text_); }

 private:
  void key(unsigned field, Wire wire) { varint(std::uint64_t{field} << 3U | static_cast<unsigned>(wire)); }
  void varint(std::uint64_t value) {
    static constexpr unsigned more = 0x80;
    for (; value >= more; value >>= 7U) text_ += static_cast<char>((value & 0x7FU) | more);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

void add_flags(Encoder& out, const Options& options) {
  out.flag(3, options.leave_running).flag(4, options.external_sockets).flag(5, options.tcp_established);
  out.flag(6, options.evasive_devices).flag(7, options.shell_job).flag(8, options.file_locks);
  out.flag(15, options.track_memory).flag(16, options.auto_dedup).flag(18, options.link_remap);
  out.flag(26, options.restore_as_sibling).flag(46, options.tcp_skip_in_flight);
  out.flag(48, options.lazy_pages).flag(52, options.tcp_close);
}

void add_lists(Encoder& out, const Options& options) {
  for (const auto& root : options.cgroup_roots)
    out.message(25, Encoder().bytes(1, root.controller).bytes(2, root.path));
  for (const auto& fd : options.inherited) out.message(27, Encoder().bytes(1, fd.key).integer(2, fd.fd));
  for (const auto& external : options.external) out.bytes(37, external);
  for (const auto& joined : options.joined) out.message(39, Encoder().bytes(1, joined.name).bytes(2, joined.path));
}

Encoder encode(const Options& options) {
  static constexpr int everything = 4;  // the most that CRIU logs
  Encoder out;
  out.integer(1, options.images_fd);
  if (options.pid != 0) out.integer(2, options.pid);
  out.integer(9, everything).word(10, options.log_file);
  if (!options.page_server.empty())
    out.message(11, Encoder().bytes(1, options.page_server).integer(2, options.page_server_port));
  out.flag(12, true).word(13, options.root).word(14, options.parent_images);
  if (options.work_fd >= 0) out.integer(17, options.work_fd);
  add_flags(out, options);
  out.number(34, static_cast<std::uint32_t>(options.cgroup_mode));
  if (options.empty_namespaces != 0) out.number(38, options.empty_namespaces);
  // A terminal's master is never the container's: whoever holds it is asked, or told, by a notification.
  out.word(44, options.freeze_cgroup).flag(50, true).word(51, options.config_file);
  out.word(53, options.lsm_profile).word(63, options.lsm_mount_context);
  if (options.network_lock != NetworkLock::unset) out.number(64, static_cast<std::uint32_t>(options.network_lock));
  add_lists(out, options);
  return out;
}

[[noreturn]] void malformed(std::string_view what) {
  throw Error("criu sent what is no answer: " + std::string(what), EBADMSG);
}

/// One field of a message; `bytes` is set for Wire::bytes, `number` for the others.
struct Field {
  std::uint64_t key = 0;
  Wire wire{};
  std::uint64_t number = 0;
  std::string_view bytes{};

  std::uint64_t as_number() const {
    if (wire != Wire::varint) malformed("field " + std::to_string(key) + " is no number");
    return number;
  }
  int as_int() const {
    const auto value = static_cast<std::int64_t>(as_number());
    if (value < INT_MIN || value > INT_MAX) malformed("field " + std::to_string(key) + " is out of range");
    return static_cast<int>(value);
  }
  std::string_view as_bytes() const {
    if (wire != Wire::bytes) malformed("field " + std::to_string(key) + " is no text");
    return bytes;
  }
};

class Decoder {
 public:
  explicit Decoder(std::string_view text) : rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }

  Field next() {
    const auto key = varint();
    Field field{.key = key >> 3U, .wire = static_cast<Wire>(key & 7U)};
    if (field.key == 0) malformed("a field without a number");
    switch (field.wire) {
      case Wire::varint:
        field.number = varint();
        return field;
      case Wire::bytes:
        field.bytes = take(varint());
        return field;
      case Wire::fixed64:
        take(8);
        return field;
      case Wire::fixed32:
        take(4);
        return field;
    }
    malformed("a field of an unknown type");
  }

 private:
  std::uint64_t varint() {
    static constexpr unsigned last_shift = 63;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift <= last_shift; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      if (shift == last_shift && byte > 1) malformed("a number of more than 64 bits");
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    malformed("a number without an end");
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) malformed("it ends in the middle");
    const auto taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

/// criu_restore_resp and criu_notify, whose members have different numbers.
void read_pid(std::string_view text, unsigned number, Response& out) {
  for (Decoder in(text); !in.at_end();)
    if (const auto field = in.next(); field.key == number) out.pid = field.as_int();
}

void read_notification(std::string_view text, Response& out) {
  for (Decoder in(text); !in.at_end();)
    if (const auto field = in.next(); field.key == 1) out.script = field.as_bytes();
  read_pid(text, 2, out);
}

Features read_features(std::string_view text) {
  Features features;
  for (Decoder in(text); !in.at_end();) {
    const auto field = in.next();
    if (field.key == 1) features.memory_tracking = field.as_number() != 0;
    if (field.key == 2) features.lazy_pages = field.as_number() != 0;
  }
  return features;
}

unsigned read_version(std::string_view text) {
  static constexpr std::uint64_t highest = 99;
  std::uint64_t major = 0, minor = 0, sublevel = 0;
  bool between_releases = false;
  for (Decoder in(text); !in.at_end();) {
    const auto field = in.next();
    if (field.key == 1) major = field.as_number();
    if (field.key == 2) minor = field.as_number();
    if (field.key == 3) between_releases = !field.as_bytes().empty();
    if (field.key == 4) sublevel = field.as_number();
  }
  if (between_releases) ++minor, sublevel = 0;
  if (major > highest || minor > highest || sublevel > highest) malformed("a version out of range");
  return static_cast<unsigned>(major * 10'000 + minor * 100 + sublevel);
}

}  // namespace

std::string encode(const Request& request) {
  Encoder out;
  out.number(1, static_cast<std::uint32_t>(request.kind));
  if (request.options) out.message(2, encode(*request.options));
  if (request.notify_success) out.number(3, *request.notify_success ? 1 : 0);
  out.flag(4, request.keep_open);
  if (request.features)
    out.message(5, Encoder().flag(1, request.features->memory_tracking).flag(2, request.features->lazy_pages));
  return out.take();
}

Response decode_response(std::string_view message) {
  Response response;
  bool has_kind = false, has_success = false;
  for (Decoder in(message); !in.at_end();) {
    const auto field = in.next();
    switch (field.key) {
      case 1:
        response.kind = static_cast<Kind>(field.as_number());
        has_kind = true;
        break;
      case 2:
        response.success = field.as_number() != 0;
        has_success = true;
        break;
      case 4:
        read_pid(field.as_bytes(), 1, response);
        break;
      case 5:
        read_notification(field.as_bytes(), response);
        break;
      case 7:
        response.code = field.as_int();
        break;
      case 8:
        response.features = read_features(field.as_bytes());
        break;
      case 9:
        response.problem = field.as_bytes();
        break;
      case 10:
        response.version = read_version(field.as_bytes());
        break;
      default:
        break;
    }
  }
  if (!has_kind || !has_success) malformed("it says neither what it is about nor whether that went well");
  return response;
}

}  // namespace oci::criu
