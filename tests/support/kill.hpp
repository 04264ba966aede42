// A child process that works on a database until it is killed, and what it said was done. Whoever includes
// this links dayaq::store.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "store/database.hpp"

namespace dayaq::kill_test {

/// Rounds of a test: more with DAYAQ_SOAK=1.
[[nodiscard]] inline int rounds() {
  return std::getenv("DAYAQ_SOAK") != nullptr ? 200 : 12;
}

/// The server may still be getting rid of the killed one.
[[nodiscard]] inline std::unique_ptr<store::Database> open_patiently(const std::string& url) {
  store::Options options;
  options.url = url;
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (auto opened = store::Database::open(options)) return std::move(*opened);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return nullptr;
}

/// One line, whole or not at all (pipe(7): up to PIPE_BUF bytes).
inline void say(int pipe, const std::string& line) {
  const std::string text = line + "\n";
  if (::write(pipe, text.data(), text.size()) != ssize_t(text.size())) std::_Exit(4);
}

/// Forks; the child runs `work(pipe)`, which never returns, and is killed `after` it has said something. Call
/// it with no other thread running. Returns the words of each line.
inline std::vector<std::vector<std::string>> run_and_kill(std::chrono::milliseconds after,
                                                          const std::function<void(int pipe)>& work) {
  std::array<int, 2> ends{};
  std::vector<std::vector<std::string>> out;
  if (::pipe(ends.data()) != 0) return out;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    work(ends[1]);
    std::_Exit(3);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 65536> buffer{};
  std::thread killer;
  for (;;) {
    const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());
    if (size <= 0) break;
    said.append(buffer.data(), std::size_t(size));
    if (!killer.joinable()) {
      killer = std::thread([child, after] {
        std::this_thread::sleep_for(after);
        ::kill(child, SIGKILL);
      });
    }
  }
  if (killer.joinable()) killer.join();
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status) << "\n" << said;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string>& one = out.emplace_back();
    for (std::string word; words >> word;) one.push_back(word);
  }
  return out;
}

}  // namespace dayaq::kill_test
