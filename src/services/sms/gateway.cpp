#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "base/file.hpp"
#include "http/client.hpp"
#include "http/encoding.hpp"
#include "services/sms/script.hpp"
#include "services/sms/sender.hpp"

namespace dayaq::services::sms {
namespace {

constexpr int accepted = 202;  ///< smsbox: "0: Accepted for delivery", "3: Queued for later delivery"

class Kannel final : public Gateway {
 public:
  explicit Kannel(KannelOptions options) : options_(std::move(options)) {}

  Result<void> send(const Outgoing& reply) override {
    DAYAQ_TRY(http::Client client, borrow());
    for (std::size_t i = 0; i < reply.parts.size(); ++i) {
      const auto answer = client.get(target(reply, reply.parts[i]));
      if (answer && (answer->status == accepted || answer->status == 200)) continue;
      // The first part's refusal is certain; after it something has gone out.
      const bool certain = i == 0 && (answer || answer.error().code == "client.connect");
      if (answer) give_back(std::move(client));
      return fail(ErrorKind::unavailable, certain ? "sms.refused" : "sms.unknown",
                  "The gateway didn't take the answer.",
                  answer ? fmt::format("status {}", answer->status) : std::string(answer.error().code));
    }
    give_back(std::move(client));
    return {};
  }

 private:
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
