// SPDX-License-Identifier: Apache-2.0
#include "base/rooted_path.hpp"

#include <sys/stat.h>

#include <cstdlib>

#include "base/files.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

/// A directory "root" and one beside it, "outside", removed at the end.
class Tree {
 public:
  Tree() {
    std::string pattern = "/tmp/oci-rooted-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()));
    path_ = pattern;
    REQUIRE(::mkdir((path_ + "/root").c_str(), 0755) == 0);
    REQUIRE(::mkdir((path_ + "/outside").c_str(), 0755) == 0);
    root_ = sys::openat(working_directory, path_ + "/root", O_PATH | O_DIRECTORY);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    const std::string command = "rm -rf " + path_;
    [[maybe_unused]] const int status = std::system(command.c_str());
  }
  FdRef root() const { return root_; }
  const std::string& path() const { return path_; }
  void link(const std::string& name, const std::string& target) const {
    REQUIRE(::symlinkat(target.c_str(), root_.get(), name.c_str()) == 0);
  }
  bool has(const std::string& name) const { return ::access((path_ + "/" + name).c_str(), F_OK) == 0; }
  bool is_file(const std::string& name) const {
    struct stat status {};
    return ::lstat((path_ + "/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode);
  }
  /// The same file as `name` of the tree.
  bool same(FdRef file, const std::string& name) const {
    struct stat status {};
    REQUIRE(::lstat((path_ + "/" + name).c_str(), &status) == 0);
    const auto other = sys::fstat(file);
    return other.st_ino == status.st_ino && other.st_dev == status.st_dev;
  }

 private:
  std::string path_;
  Fd root_;
};

}  // namespace

TEST_CASE("missing directories are made one by one, and what is there is used") {
  const Tree tree;
  sys::mkdirat(tree.root(), "a", 0755);
  const auto made = make_in_root(tree.root(), "/a/b/./c//d", Missing::directory);
  CHECK(tree.same(made, "root/a/b/c/d"));
  CHECK(tree.same(make_in_root(tree.root(), "/a/b", Missing::directory), "root/a/b"));
}

TEST_CASE("a missing file is made empty below directories that are made") {
  const Tree tree;
  CHECK(tree.same(make_in_root(tree.root(), "/etc/x/file", Missing::file), "root/etc/x/file"));
  CHECK(tree.is_file("root/etc/x/file"));
  CHECK(tree.same(make_in_root(tree.root(), "/etc/x/file", Missing::file), "root/etc/x/file"));
}

TEST_CASE("absolute and climbing links stay inside the root") {
  const Tree tree;
  const std::string outside = tree.path() + "/outside";
  tree.link("absolute", outside);
  tree.link("climbing", "../../../../../../../.." + outside);
  for (const char* name : {"/absolute/new", "/climbing/other"}) {
    const auto made = make_in_root(tree.root(), name, Missing::directory);
    CHECK(S_ISDIR(sys::fstat(made).st_mode));
  }
  CHECK_FALSE(tree.has("outside/new"));
  CHECK_FALSE(tree.has("outside/other"));
  CHECK(tree.has("root" + outside + "/new"));
  CHECK(tree.has("root" + outside + "/other"));
  CHECK_THROWS_WITH(open_in_root(tree.root(), "/absolute/../../../../outside/x", O_PATH),
                    Catch::Matchers::Contains("No such file or directory"));
}

TEST_CASE("a dangling link as the last component has its target made, as a file or a directory") {
  const Tree tree;
  tree.link("file", "/deep/down/file");
  tree.link("directory", "deep/other/../third");
  CHECK(tree.same(make_in_root(tree.root(), "file", Missing::file), "root/deep/down/file"));
  CHECK(tree.is_file("root/deep/down/file"));
  CHECK(tree.same(make_in_root(tree.root(), "directory", Missing::directory), "root/deep/third"));
}

TEST_CASE("links in a circle end in an error") {
  const Tree tree;
  tree.link("a", "b");
  tree.link("b", "a");
  CHECK_THROWS_WITH(make_in_root(tree.root(), "/a/x", Missing::directory),
                    Catch::Matchers::Contains("Too many levels of symbolic links"));
  CHECK_THROWS_WITH(make_in_root(tree.root(), "/a", Missing::file),
                    Catch::Matchers::Contains("Too many levels of symbolic links"));
}

TEST_CASE("a file in the way is told") {
  const Tree tree;
  make_in_root(tree.root(), "/file", Missing::file);
  CHECK_THROWS_WITH(make_in_root(tree.root(), "/file/below", Missing::directory),
                    Catch::Matchers::Contains("Not a directory"));
  CHECK_THROWS_WITH(make_in_root(tree.root(), "/..", Missing::file), Catch::Matchers::Contains("Is a directory"));
}

TEST_CASE("links can be refused, and those of /proc always are") {
  const Tree tree;
  sys::mkdirat(tree.root(), "real", 0755);
  tree.link("link", "real");
  CHECK(try_open_in_root(tree.root(), "/link", O_PATH).code == 0);
  CHECK(try_open_in_root(tree.root(), "/link", O_PATH, Links::refuse).code == ELOOP);
  const auto host = sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);
  CHECK(try_open_in_root(host, "/proc/self/root", O_PATH).code == ELOOP);
}

TEST_CASE("a parent is opened, made where it is missing, and named with the entry") {
  const Tree tree;
  const auto [directory, name] = open_parent_in_root(tree.root(), "/x/y/z");
  CHECK(name == "z");
  CHECK(tree.same(directory, "root/x/y"));
  const auto top = open_parent_in_root(tree.root(), "w");
  CHECK(tree.same(top.directory, "root"));
  CHECK_THROWS_WITH(open_parent_in_root(tree.root(), "/"), Catch::Matchers::Contains("names no entry"));
}
