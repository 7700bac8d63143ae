// SPDX-License-Identifier: Apache-2.0
// What there is in the file system, as a container sees it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "support/inside.hpp"

namespace inside {
namespace {

int cat(Words words) {
  int status = 0;
  for (; *words != nullptr; ++words) status |= copy_out(*words);
  return status;
}

int ls(Words words) {
  dirent** entries = nullptr;
  const int count = ::scandir(words[0], &entries, nullptr, alphasort);
  if (count < 0) return failed(words[0]);
  for (int i = 0; i < count; ++i)
    if (std::strcmp(entries[i]->d_name, ".") != 0 && std::strcmp(entries[i]->d_name, "..") != 0)
      std::puts(entries[i]->d_name);
  return 0;
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "directory";
  if (S_ISCHR(mode)) return "char";
  if (S_ISBLK(mode)) return "block";
  if (S_ISLNK(mode)) return "link";
  if (S_ISFIFO(mode)) return "fifo";
  return S_ISREG(mode) ? "file" : "other";
}

int stat_all(Words words) {
  int status = 0;
  for (; *words != nullptr; ++words) {
    struct stat found {};
    struct statfs system {};
    if (::lstat(*words, &found) != 0) {
      status = failed(*words);
      continue;
    }
    ::statfs(*words, &system);
    std::printf("%s %s mode=%04o uid=%u gid=%u rdev=%u:%u size=%lld magic=%lx\n", *words, kind_of(found.st_mode),
                found.st_mode & 07777U, found.st_uid, found.st_gid, major(found.st_rdev), minor(found.st_rdev),
                static_cast<long long>(found.st_size), static_cast<unsigned long>(system.f_type));
  }
  return status;
}

int read_link(Words words) {
  std::array<char, 4096> target{};
  if (::readlink(words[0], target.data(), target.size() - 1) < 0) return failed(words[0]);
  std::puts(target.data());
  return 0;
}

int make_directory(Words words) {
  return ::mkdir(words[0], 0755) != 0 ? failed(words[0]) : 0;
}
int remove_file(Words words) {
  return ::unlink(words[0]) != 0 ? failed(words[0]) : 0;
}

int write_text(Words words) {
  const int fd = ::open(words[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return failed(words[0]);
  const std::size_t size = std::strlen(words[1]);
  const bool written = ::write(fd, words[1], size) == static_cast<ssize_t>(size);
  ::close(fd);
  return written ? 0 : failed(words[0]);
}

int make_node(Words words) {
  const mode_t kind = *words[1] == 'b' ? S_IFBLK : S_IFCHR;
  const dev_t device = makedev(static_cast<unsigned>(number(words[2])), static_cast<unsigned>(number(words[3])));
  return ::mknod(words[0], kind | 0600U, device) != 0 ? failed(words[0]) : 0;
}

int open_as(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC);
  if (fd < 0) return failed(path);
  ::close(fd);
  std::printf("%s: open\n", path);
  return 0;
}
int open_to_read(Words words) {
  return open_as(words[0], O_RDONLY);
}
int open_to_write(Words words) {
  return open_as(words[0], O_WRONLY);
}
int open_read_write(Words words) {
  return open_as(words[0], O_RDWR);
}

/// Runs a file with its directory's mount options in the way: noexec shows as EACCES.
int execute(Words words) {
  std::fflush(stdout);
  ::execv(words[0], words);
  return failed(words[0]);
}

int mount_proc(Words words) {
  return ::mount("proc", words[0], "proc", 0, nullptr) != 0 ? failed("mount") : 0;
}

constexpr std::array table{
    Command{"cat", 1, cat},
    Command{"exec", 1, execute},
    Command{"ls", 1, ls},
    Command{"mkdir", 1, make_directory},
    Command{"mknod", 4, make_node},
    Command{"mountproc", 1, mount_proc},
    Command{"open", 1, open_to_read},
    Command{"openrw", 1, open_read_write},
    Command{"openw", 1, open_to_write},
    Command{"readlink", 1, read_link},
    Command{"rm", 1, remove_file},
    Command{"stat", 1, stat_all},
    Command{"write", 2, write_text},
};

}  // namespace

std::span<const Command> commands_about_files() {
  return table;
}

}  // namespace inside
