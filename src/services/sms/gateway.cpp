#include <fmt/format.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"
#include "services/sms/script.hpp"
#include "services/sms/sender.hpp"

namespace dayaq::services::sms {
namespace {

constexpr std::size_t lanes_max = 16;  ///< connections of one thread
constexpr int accepted = 202;          ///< smsbox: "0: Accepted for delivery", "3: Queued for later delivery"

class Kannel final : public Gateway {
 public:
  explicit Kannel(KannelOptions options) : options_(std::move(options)) {}

  Result<void> send(const Outgoing& reply) override {
    const Outgoing* one = &reply;
    Result<void> out;
    send_all(
        std::span(&one, 1), [] { return false; },
        [&](std::size_t, Result<void> taken) { out = std::move(taken); });
    return out;
  }

  /// Several connections, a request on each: while one is answered the others are on their way.
  void send_all(std::span<const Outgoing* const> replies, const std::function<bool()>& stop,
                const Taken& taken) override {
    std::deque<Lane> lanes;
    std::size_t next = 0;
    while (true) {
      while (lanes.size() < lanes_max && next < replies.size() && !stop()) {
        if (replies[next]->parts.empty()) {
          taken(next++, {});
          continue;
        }
        Lane lane{.which = next};
        const auto begun = begin(lane, *replies[next]);
        if (begun) {
          ++next;
          lanes.push_back(std::move(lane));
          continue;
        }
        taken(next++, begun);
        // Nobody is there: each of the others would only wait for the same.
        if (begun.error().code != "sms.refused") continue;
        for (; next < replies.size(); ++next) taken(next, begun);
      }
      if (lanes.empty()) return;
      Lane lane = std::move(lanes.front());
      lanes.pop_front();
      const Outgoing& reply = *replies[lane.which];
      Result<void> done = finish(lane);
      if (done && ++lane.part < reply.parts.size()) {
        done = begin(lane, reply);
        if (done) {
          lanes.push_back(std::move(lane));
          continue;
        }
      }
      const std::size_t which = lane.which;
      if (lane.client) give_back(*std::move(lane.client));
      taken(which, std::move(done));
    }
  }

 private:
  /// A connection with the part of an answer that is on its way.
  struct Lane {
    std::size_t which = 0;
    std::size_t part = 0;
    std::optional<http::Client> client = std::nullopt;
  };

  static std::unexpected<Error> refused(bool certain, std::string detail) {
    return fail(ErrorKind::unavailable, certain ? "sms.refused" : "sms.unknown",
                "The gateway didn't take the answer.", std::move(detail));
  }

  /// After the first part something has gone out; before it only a request that was sent may have been taken.
  Result<void> begin(Lane& lane, const Outgoing& reply) {
    if (!lane.client) {
      auto client = borrow();
      if (!client) return refused(lane.part == 0, std::string(client.error().code));
      lane.client = *std::move(client);
    }
    const auto begun = lane.client->begin(target(reply, reply.parts[lane.part]));
    if (begun) return {};
    return refused(lane.part == 0 && begun.error().code == "client.connect", std::string(begun.error().code));
  }

  Result<void> finish(Lane& lane) {
    const auto answer = lane.client->finish();
    if (answer && (answer->status == accepted || answer->status == 200)) return {};
    if (!answer) return refused(false, std::string(answer.error().code));
    return refused(lane.part == 0, fmt::format("status {}", answer->status));
  }

  [[nodiscard]] std::string target(const Outgoing& reply, const std::string& text) const {
    using http::percent_encode;
    return fmt::format(
        "/cgi-bin/sendsms?username={}&password={}&from={}&to={}&coding={}&charset=UTF-8&text={}",
        percent_encode(options_.user), percent_encode(options_.secret), percent_encode(options_.number),
        percent_encode(reply.to), is_gsm7(text) ? 0 : 2, percent_encode(text));
  }
  Result<http::Client> borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!clients_.empty()) {
        http::Client client = std::move(clients_.back());
        clients_.pop_back();
        return client;
      }
    }
    return http::Client::create(options_.url, {.connect_timeout = std::chrono::milliseconds(3'000),
                                               .answer_timeout = std::chrono::milliseconds(10'000),
                                               .body_max = 64u << 10,
                                               .tls_authority = {},
                                               .bearer_token = {}});
  }
  void give_back(http::Client client) {
    const std::lock_guard lock(mutex_);
    clients_.push_back(std::move(client));
  }

  KannelOptions options_;
  std::mutex mutex_;
  std::vector<http::Client> clients_;
};

class FileDrop final : public Gateway {
 public:
  explicit FileDrop(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> send(const Outgoing& reply) override {
    std::string parts;
    for (const std::string& part : reply.parts) parts += (parts.empty() ? "" : ",") + http::json_string(part);
    const std::string text = fmt::format("{{\"to\":{},\"parts\":[{}],\"doubled\":{}}}\n",
                                         http::json_string(reply.to), parts, reply.doubled);
    // The same answer again is the same file.
    return write_file_atomically(folder_ / fmt::format("sms-{}.json", reply.message), as_bytes(text),
                                 std::filesystem::perms(0600));
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace

Result<std::unique_ptr<Gateway>> make_kannel(KannelOptions options) {
  DAYAQ_TRY([[maybe_unused]] const http::Client probe, http::Client::create(options.url));
  return std::unique_ptr<Gateway>(std::make_unique<Kannel>(std::move(options)));
}

std::unique_ptr<Gateway> make_file_drop(std::filesystem::path folder) {
  return std::make_unique<FileDrop>(std::move(folder));
}

}  // namespace dayaq::services::sms
