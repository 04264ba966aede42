// What an edge shows the centre: an access token of five minutes, fetched anew before it ends.
//
//   client file ──► assertion (private_key_jwt, RFC 7523) ──┐
//                                                           ├──► POST /oauth/token ──► token, shared by all
//   API key (dyq_..., of an older enrolment) ── its client ─┘                          that call the centre
//
// - The file is read at each fetch: an edge whose key was changed (dayaq-edge --rotate-key) goes on with the
//   new one. A change that was interrupted has left the next key beside it; it is tried where the first is
//   refused.
// - A token that the centre refuses before its end (its client has another key, or has ended) is forgotten,
//   and the call made once more with a new one.
// - While no new token can be had, the old one is used for as long as it lasts.
// - The assertion is for the issuer that the centre names (RFC 8414), which needn't be the address by which
//   this edge reaches it.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/time.hpp"
#include "feed/edge_client.hpp"
#include "http/client.hpp"

namespace dayaq::edge {

/// Where the key that comes next waits while an edge's client key is being changed.
[[nodiscard]] std::filesystem::path next_client_file(const std::filesystem::path& client_file);

/// One for all who call the centre. Thread-safe.
class CentreAccess {
 public:
  struct Options {
    std::filesystem::path client_file;  ///< feed::EdgeClient
    std::string token;                  ///< without a file: an API key; any other token is sent as it is
    /// What a token's life is measured by.
    std::function<std::chrono::steady_clock::time_point()> steady = std::chrono::steady_clock::now;
  };
  /// Both outlive it.
  CentreAccess(Options options, Random& random, const Clock& clock);

  /// A token to call with; `over` leads to the centre.
  ///   - unauthenticated "centre.refused"  the centre knows no such client, or not this key
  ///   - unavailable     "centre.answer"   it answers with something else than a token
  ///   - errors of the client file and of the HTTP client
  [[nodiscard]] Result<std::string> token(http::Client& over);
  /// The centre refused it: it isn't given out again.
  void refused(std::string_view token);

 private:
  using Steady = std::chrono::steady_clock;
  struct Held {
    std::string token;
    Steady::time_point renew, end;
  };
  [[nodiscard]] Result<Held> fetch(http::Client& over);
  [[nodiscard]] Result<Held> fetch_by_key(http::Client& over) const;
  [[nodiscard]] Result<Held> fetch_by_client(http::Client& over, const feed::EdgeClient& client);
  [[nodiscard]] Result<std::string> issuer(http::Client& over);
  void said(const Result<Held>& fetched);

  const Options options_;
  const bool is_key_;
  Random& random_;
  const Clock& clock_;

  std::mutex mutex_;  ///< guards what follows; not held while the centre is asked
  std::optional<Held> held_;
  std::string issuer_;   ///< "" until it is known
  std::string client_;   ///< that got the last token; "" before the first
  std::string trouble_;  ///< in the log: the code of what was last wrong
};

/// The HTTP client of whoever calls the centre. Not thread-safe.
class CentreClient {
 public:
  /// @param access  null: the client's own bearer token, if it has one, is all that is shown
  CentreClient(http::Client client, CentreAccess* access) : client_(std::move(client)), access_(access) {}

  /// As http::Client::request(), and the errors of CentreAccess::token().
  [[nodiscard]] Result<http::ClientResponse> request(http::Method method, std::string_view target,
                                                     std::string_view body = {},
                                                     const http::Client::Headers& headers = {});
  [[nodiscard]] Result<http::ClientResponse> get(std::string_view target,
                                                 const http::Client::Headers& headers = {}) {
    return request(http::Method::get, target, {}, headers);
  }

 private:
  http::Client client_;
  CentreAccess* access_;
};

/// Gives the edge another client key: makes one beside `client_file`, tells the centre, and puts it in place.
/// An edge that has an API key yet shows it once more. Interrupted at any point, the same call finishes it.
/// Errors of CentreAccess::token(), of files, and what the centre says against it ("centre.refused",
/// "centre.answer").
[[nodiscard]] Result<void> change_client_key(http::Client& centre, const CentreAccess::Options& now,
                                             const std::filesystem::path& client_file,
                                             std::string_view operator_code, std::string_view edge,
                                             Random& random, const Clock& clock);

}  // namespace dayaq::edge
