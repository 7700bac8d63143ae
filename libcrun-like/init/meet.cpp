// SPDX-License-Identifier: Apache-2.0
// Where the container's process and the runtime wait for each other.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "init/perform_process.hpp"

namespace oci::init {
namespace {

/// From here on the container outlives the runtime that made it.
void outlive_runtime() {
  ::prctl(PR_SET_PDEATHSIG, 0);
}

/// Who is sent a signal in the status "created" shall end by it, but the first process of a pid namespace ignores those
/// that it has no handler for (pid_namespaces(7)). execve(2) brings back the default actions.
void heed_signals() {
  static constexpr int first_process = 1;
  static constexpr int by_signal = 128;
  if (::getpid() != first_process) return;
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM})
    ::signal(number, [](int received) { ::_exit(by_signal + received); });
}

Message next(Scene& scene, std::size_t room = longest_text) {
  auto message = receive(scene.parent, room);
  if (!message) throw Error("the runtime has gone away");
  return std::move(*message);
}

/// True when it is no answer, but of use later.
bool keep_unasked(Scene& scene, Message& message) {
  if (message.word != Word::made) return false;
  scene.made = std::move(message);
  return true;
}

}  // namespace

Message ask(Scene& scene, Word word, FdRef attached) {
  if (!send(scene.parent, {word, scene.step, 0, {}, {}}, attached)) throw Error("the runtime has gone away");
  auto answer = next(scene);
  if (keep_unasked(scene, answer)) answer = next(scene);
  if (answer.word == Word::failure) throw Error(answer.text, answer.code);
  return answer;
}

void agree(Scene& scene, Word word, int code) {
  if (!say(scene.parent, word, scene.step, code))
    throw Error::system("write to the runtime (the seccomp filter has to allow write)");
  auto answer = hear(scene.parent);
  if (answer && keep_unasked(scene, *answer)) answer = hear(scene.parent);
  if (!answer) throw Error("the runtime has gone away");
  if (answer->word == Word::failure) throw Error(answer->text, answer->code);
}

bool runtime_does_network(Scene& scene) {
  if (!scene.made) scene.made = next(scene, 0);
  return scene.made->code == 0;
}

Fd take_sysfs(Scene& scene) {
  return runtime_does_network(scene) ? std::move(scene.made->fd) : Fd();
}

void perform(const Meet& meet, Scene& scene) {
  switch (meet.word) {
    case Word::ready:
      // The answer comes when the container is remembered; a runtime that ends before closes the channel instead. The
      // signal must be off by then, because the runtime leaves at once.
      outlive_runtime();
      heed_signals();
      agree(scene, Word::ready);
      scene.parent.reset();
      return;
    default:
      agree(scene, meet.word);
  }
}

void perform(const AwaitStart& await, Scene& /*scene*/) {
  // Opened for reading and writing by the runtime: a reader that is its own writer never sees end of file, so a `start`
  // that is killed half-way leaves the container as it was.
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(await.fifo.get(), &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) throw Error::system("wait for start");
  // It stays open up to execve: `start` sees its reader go, and knows that the program runs.
}

}  // namespace oci::init
