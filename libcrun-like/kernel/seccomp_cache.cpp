// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_cache.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"

namespace oci {
namespace {

/// In front of profile and instructions. The checksum tells a file that a power failure left half written, zeroes in
/// the middle included; it is no defence, ownership is.
struct Header {
  std::array<char, 8> magic{'o', 'c', 'i', 's', 'c', 'm', 'p', '1'};  // the digit is the format's version
  std::uint64_t checksum = 0;                                         // of the instructions
  std::uint32_t profile_size = 0;
  std::uint32_t instructions = 0;
};
static_assert(sizeof(Header) == 24);

constexpr std::size_t largest_profile = std::size_t{1} << 20U;
constexpr std::size_t name_length = 16;

/// FNV-1a, 64 bits.
std::uint64_t fnv1a(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  return hash;
}

std::string hexadecimal(std::uint64_t number) {
  std::string digits(name_length, '0');
  for (auto digit = digits.rbegin(); number != 0; number >>= 4U, ++digit) *digit = "0123456789abcdef"[number & 15U];
  return digits;
}

std::string_view bytes_of(std::span<const sock_filter> filter) noexcept {
  return {reinterpret_cast<const char*>(filter.data()), filter.size_bytes()};
}

/// Fixed sizes and counts in front: no two values share their bytes.
class Serializer {
 public:
  void number(std::uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void number(const std::optional<std::uint32_t>& value) {
    number(value ? *value : ~std::uint64_t{0});  // wider than any uint32, so absent is none of them
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const auto& value : values) text(value);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Written by nobody but us.
bool is_ours(const struct stat& status) noexcept {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Nothing unless `bytes` is what store() writes for this very profile.
std::optional<std::vector<sock_filter>> parse(std::string_view bytes, std::string_view profile) {
  Header header;
  const auto magic = header.magic;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != magic || header.profile_size != profile.size()) return std::nullopt;
  if (header.instructions == 0 || header.instructions > BPF_MAXINSNS) return std::nullopt;
  if (bytes.size() != sizeof header + profile.size() + header.instructions * sizeof(sock_filter)) return std::nullopt;
  const auto code = bytes.substr(sizeof header + profile.size());
  if (bytes.substr(sizeof header, profile.size()) != profile || fnv1a(code) != header.checksum) return std::nullopt;
  std::vector<sock_filter> filter(header.instructions);
  std::memcpy(filter.data(), code.data(), code.size());
  return filter;
}

/// Entries, and what a writer that was killed left of them.
bool is_entry(std::string_view name) noexcept {
  return name.size() >= name_length && name.substr(0, name_length).find_first_not_of("0123456789abcdef") == name.npos;
}

struct Entry {
  struct timespec written;
  std::string name;
  bool operator<(const Entry& other) const noexcept {
    return std::pair(written.tv_sec, written.tv_nsec) > std::pair(other.written.tv_sec, other.written.tv_nsec);
  }
};

struct CloseDir {
  void operator()(DIR* stream) const noexcept { ::closedir(stream); }
};

/// Keeps the newest. The directory is read only after a write, so a hit never pays for it.
void drop_oldest(FdRef dir, std::size_t keep) {
  Fd again = sys::openat(dir, ".", O_RDONLY | O_DIRECTORY);  // fdopendir(3) takes its descriptor over
  const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(again.get()));
  if (!stream) throw Error::system("read the directory");
  again.release();
  std::vector<Entry> entries;
  while (const auto* entry = ::readdir(stream.get())) {
    if (!is_entry(entry->d_name)) continue;
    if (const auto status = sys::try_fstatat(dir, entry->d_name)) entries.push_back({status->st_mtim, entry->d_name});
  }
  if (entries.size() <= keep) return;
  std::sort(entries.begin(), entries.end());
  for (auto entry = entries.begin() + static_cast<std::ptrdiff_t>(keep); entry != entries.end(); ++entry)
    ::unlinkat(dir.get(), entry->name.c_str(), 0);
}

}  // namespace

std::string serialize(const Seccomp& profile, std::string_view compiler) {
  Serializer out;
  out.text(compiler);
  out.text(profile.default_action);
  out.number(profile.default_errno_ret);
  out.texts(profile.architectures);
  out.number(profile.syscalls.size());
  for (const auto& rule : profile.syscalls) {
    out.texts(rule.names);
    out.text(rule.action);
    out.number(rule.errno_ret);
    out.number(rule.args.size());
    for (const auto& arg : rule.args) {
      out.number(std::uint64_t{arg.index});
      out.number(arg.value);
      out.number(arg.value_two);
      out.text(arg.op);
    }
  }
  return out.take();
}

SeccompCache::SeccompCache(std::string dir, std::string profile) : dir_(std::move(dir)), profile_(std::move(profile)) {
  if (profile_.size() > largest_profile) dir_.clear();
  if (!dir_.empty()) name_ = hexadecimal(fnv1a(profile_));
}

bool SeccompCache::open_dir() {
  if (dir_.empty() || fd_) return static_cast<bool>(fd_);
  auto tried = sys::try_openat(working_directory, dir_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!tried) return false;
  if (!is_ours(sys::fstat(tried.fd))) {
    log::debug("seccomp cache " + dir_ + " is not used: others may write to it");
    dir_.clear();
    return false;
  }
  fd_ = std::move(tried.fd);
  return true;
}

std::optional<std::vector<sock_filter>> SeccompCache::find() {
  if (!open_dir()) return std::nullopt;
  // O_NONBLOCK: a fifo that somebody left there must not stop us.
  const auto tried = sys::try_openat(fd_, name_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!tried) return std::nullopt;
  const auto status = sys::fstat(tried.fd);
  const auto largest = sizeof(Header) + profile_.size() + BPF_MAXINSNS * sizeof(sock_filter);
  if (!S_ISREG(status.st_mode) || !is_ours(status) || static_cast<std::uint64_t>(status.st_size) > largest)
    return std::nullopt;
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  if (::read(tried.fd.get(), bytes.data(), bytes.size()) != status.st_size) return std::nullopt;
  return parse(bytes, profile_);
}

void SeccompCache::store(std::span<const sock_filter> filter) {
  if (dir_.empty()) return;
  try {
    if (!open_dir()) {
      if (dir_.empty()) return;
      sys::mkdirat(working_directory, dir_, S_IRWXU);
      if (!open_dir()) throw Error::system("open " + dir_);
    }
    Header header;
    header.checksum = fnv1a(bytes_of(filter));
    header.profile_size = static_cast<std::uint32_t>(profile_.size());
    header.instructions = static_cast<std::uint32_t>(filter.size());
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(profile_).append(bytes_of(filter));
    replace_file(fd_, name_, bytes, S_IRUSR | S_IWUSR);
    drop_oldest(fd_, most_entries);
  } catch (const Error& error) {
    log::debug("seccomp cache " + dir_ + ": " + error.what());
  }
}

}  // namespace oci
