// A real PostgreSQL for tests: a cluster of its own, on a free loopback port, durable as in production.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "support/folder.hpp"

namespace dayaq::test {

class PostgresServer {
 public:
  /// Makes a cluster (initdb) and starts it. Throws std::runtime_error with the server's own words if it
  /// can't: a test that needs PostgreSQL fails, it doesn't skip. Takes about two seconds, so that a test
  /// program shares one.
  PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  /// Kills the server and removes the cluster.
  ~PostgresServer();

  /// The program's shared server, made at the first call and killed when the program ends.
  static PostgresServer& shared();

  /// A new, empty database: "postgresql://postgres@127.0.0.1:PORT/test_N".
  [[nodiscard]] std::string url();
  /// Runs SQL in a database of this server ("postgres", or the last word of an url()), in one transaction.
  /// Throws std::runtime_error if it fails.
  void run(const std::string& sql, const std::string& database = "postgres") const;
  /// Takes back what ALTER SYSTEM set; for a stopped server.
  void forget_settings() const;

  /// kill -9 of the server and all its processes, as a crash of the machine would end them.
  void kill();
  /// Starts the server again after kill() or stop(); returns when it accepts connections. The server ends
  /// with the thread that started it, so that a test program that dies leaves none behind: call it on the
  /// main thread.
  void start();
  /// A clean, fast stop.
  void stop();
  /// SIGSTOP and SIGCONT to all its processes: a server that accepts connections and doesn't answer.
  void freeze();
  void thaw();

 private:
  void signal_all(int signal) const;

  TemporaryFolder folder_{"postgres"};
  int port_ = 0;
  pid_t pid_ = 0;  ///< the postmaster; 0 while stopped
  int databases_ = 0;
};

}  // namespace dayaq::test
