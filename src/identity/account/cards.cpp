#include "identity/account/cards.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "crypto/sign.hpp"
#include "http/client.hpp"

namespace dayaq::identity {
namespace {

using crypto::RevocationList;
using crypto::Standing;

constexpr std::size_t list_size_max = 64u << 20;

/// "http://host:port" and "/path".
std::pair<std::string, std::string> split(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

}  // namespace

struct CardLists::State {
  CardListsOptions options;
  Random& random;

  struct Seen {
    std::filesystem::file_time_type changed;
    std::uintmax_t size = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  mutable std::mutex mutex;  // of what follows
  mutable std::map<std::string, Seen> files;
  mutable std::map<Fingerprint, std::shared_ptr<const RevocationList>>
      lists;  // by authority; shared with readers
  mutable std::optional<Instant> looked;

  std::shared_ptr<const RevocationList> list_of(BytesView authority, Instant now) const;
  void look() const;
  void read_list(const std::filesystem::path& path) const;
  std::optional<Standing> ask(BytesView certificate, BytesView authority, Instant now) const;
};

CardLists::CardLists(CardListsOptions options, Random& random)
    : state_(new State{std::move(options), random, {}, {}, {}, {}}) {}
CardLists::~CardLists() = default;

void CardLists::State::read_list(const std::filesystem::path& path) const {
  const auto text = read_file(path, list_size_max);
  std::string why = text ? "of none of the authorities" : std::string(text.error().detail);
  for (const Bytes& authority : text ? options.authorities : std::vector<Bytes>()) {
    auto list = RevocationList::read(as_bytes(*text), authority);
    if (!list) {
      if (list.error().code != "certificate.list_untrusted") why = list.error().detail;
      continue;
    }
    auto& held = lists[crypto::sha256(authority)];
    // An older list, put in later, takes nothing back.
    if (!held || held->from() < list->from()) held = std::make_shared<const RevocationList>(std::move(*list));
    return;
  }
  log::warning("identity.card_list", "a list of revoked identity cards can't be used",
               {{"file", path.filename().string()}, {"why", why}});
}

/// Reads what is new or has changed.
void CardLists::State::look() const {
  std::error_code failed;
  std::map<std::string, Seen> now;
  for (std::filesystem::directory_iterator at(options.folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->path().extension() != ".crl") continue;
    std::error_code gone;
    const Seen seen{.changed = at->last_write_time(gone), .size = at->file_size(gone)};
    if (gone) continue;
    const auto before = files.find(at->path().string());
    if (before == files.end() || before->second != seen) read_list(at->path());
    now.emplace(at->path().string(), seen);
  }
  files = std::move(now);
}

std::shared_ptr<const RevocationList> CardLists::State::list_of(BytesView authority, Instant now) const {
  if (options.folder.empty()) return nullptr;
  const std::lock_guard lock(mutex);
  if (!looked || now - *looked >= options.look_every || now < *looked) {
    look();
    looked = now;
  }
  const auto found = lists.find(crypto::sha256(authority));
  return found == lists.end() ? nullptr : found->second;
}

/// What the responder says; nothing if it can't be had.
std::optional<Standing> CardLists::State::ask(BytesView certificate, BytesView authority, Instant now) const {
  std::array<std::byte, 16> nonce{};
  random.fill(nonce);
  const auto question = crypto::ask_ocsp(certificate, authority, nonce);
  const auto [server, target] = split(options.responder);
  auto client = http::Client::create(server, {.connect_timeout = options.responder_timeout,
                                              .answer_timeout = options.responder_timeout,
                                              .body_max = 64u << 10,
                                              .tls_authority = {},
                                              .bearer_token = {}});
  if (!question || !client) return std::nullopt;
  const auto answer =
      client->post(target, as_text(question->request), {{"Content-Type", "application/ocsp-request"}});
  Result<Standing> read = std::unexpected(Error{});
  if (answer) read = crypto::read_ocsp(as_bytes(answer->body), certificate, authority, *question, now);
  if (read) return *read;
  log::warning("identity.card_responder", "the authority's responder gave no answer about an identity card",
               {{"status", answer ? answer->status : 0},
                {"why", answer ? read.error().detail : std::string(answer.error().code)}});
  return std::nullopt;
}

Standing CardLists::standing(BytesView certificate, BytesView authority, bool leaf, Instant now) const {
  if (leaf && !state_->options.responder.empty()) {
    if (const auto told = state_->ask(certificate, authority, now)) return *told;
  }
  const auto list = state_->list_of(authority, now);
  // With a responder alone nothing is told of authorities: whoever set it up decided so.
  if (!list && !leaf && state_->options.folder.empty()) return Standing::good;
  return list ? list->standing(certificate, now) : Standing::unknown;
}

}  // namespace dayaq::identity
