// A small network for the demo: calls and data sessions over Diameter (Gy), viewers over the TV endpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "http/client.hpp"

namespace dayaq::traffic {

/// One connection to an edge's Diameter port, as a packet gateway has it. Blocks for short times only.
class Gateway {
 public:
  /// unavailable "traffic.connect".
  static Result<Gateway> connect(const std::string& host, std::uint16_t port, const std::string& realm);
  Gateway(Gateway&& other) noexcept;
  Gateway& operator=(Gateway&&) = delete;
  ~Gateway();

  struct Session {
    std::string id, msisdn, context;
    std::uint32_t rating_group = 0;  ///< 0: none is sent
    bool octets = true;              ///< else seconds
    std::uint32_t number = 0;
  };
  enum class Step : std::uint8_t { initial = 1, update = 2, terminate = 3 };
  void report(Session& session, Step step, std::uint64_t used);
  /// Sends what is collected, reads answers, answers watchdogs and re-authorisations. False when the edge has
  /// gone.
  [[nodiscard]] bool exchange();

 private:
  Gateway(int fd, std::string realm) : fd_(fd), realm_(std::move(realm)) {}
  [[nodiscard]] bool read_some();
  void answer(BytesView request);

  int fd_ = -1;
  std::string realm_;
  Bytes out_, in_;
  std::uint32_t hop_ = 1;
};

/// Calls and data sessions of a mobile operator's subscribers.
class Mobile {
 public:
  Mobile(std::vector<std::string> numbers, std::uint64_t seed);
  /// One turn, four a second: some sessions begin, report, end.
  void turn(Gateway& gateway);

 private:
  struct Running {
    Gateway::Session session;
    int turns_left = 0, until_report = 0, since_report = 0;
    std::uint64_t rate = 1;  ///< octets a turn; calls: 0
  };
  void begin(Gateway& gateway);
  std::vector<std::string> numbers_;
  SeededRandom random_;
  std::uint64_t count_ = 0;
  std::vector<Running> running_;
};

/// Viewers of channels: a piece every four seconds each.
class Viewers {
 public:
  Viewers(std::vector<std::string> lines, std::vector<std::string> prefixes, std::uint64_t seed);
  /// One turn, four a second. False when the edge has gone.
  [[nodiscard]] bool turn(http::Client& edge, const std::string& line_header);

 private:
  std::vector<std::string> lines_, prefixes_;
  SeededRandom random_;
  std::size_t at_ = 0, turn_ = 0;
};

}  // namespace dayaq::traffic
