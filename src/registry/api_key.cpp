#include "registry/api_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "http/encoding.hpp"

namespace dayaq::registry {
namespace {

constexpr std::string_view prefix = "dyq_";
constexpr std::size_t secret_text = 43;

std::unexpected<Error> unknown_token() {
  return fail(ErrorKind::unauthenticated, "auth.token",
              "This key isn't known, or it has ended. Ask for a new one.");
}

std::string scopes_text(std::uint32_t scopes) {
  std::string out;
  for (std::size_t i = 1; i < http::scope_count; ++i) {
    if ((scopes >> i & 1) == 0) continue;
    out.append(out.empty() ? "" : " ").append(to_string(static_cast<http::Scope>(i)));
  }
  return out;
}

Result<void> append(store::Session& session, const Registry& registry, std::string_view action,
                    const ApiKey& key, const std::string& actor) {
  DAYAQ_TRY_OK(registry.log.append(
      session,
      {.action = action,
       .actor = actor,
       .subject = std::nullopt,
       .data = fmt::format(R"({{"expires":"{}","key":{},"organisation":"{}","scopes":"{}"}})",
                           key.expires == instant_max ? "" : format_instant(key.expires), key.id,
                           registry.organisations.at(key.organisation)->code, scopes_text(key.scopes)),
       .personal = ""}));
  return {};
}

Result<void> insert(store::Session& session, const ApiKey& key) {
  return session.exec(
      "INSERT INTO api_key (key_id, organisation, name, hash, scopes, created, expires, revoked) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
      "ON CONFLICT (key_id) DO UPDATE SET expires = excluded.expires, revoked = excluded.revoked",
      {static_cast<std::int64_t>(key.id), std::int64_t(key.organisation), std::string_view(key.name),
       BytesView(key.hash), std::int64_t(key.scopes), to_micros(key.created), end_param(key.expires),
       end_param(key.revoked)});
}

Result<ApiKey> known(const KeyRing& ring, std::uint64_t id) {
  auto key = ring.newest(id);
  if (!key) return fail(ErrorKind::not_found, "key.unknown", "There is no key with this number.");
  return *std::move(key);
}

}  // namespace

struct KeyRing::Entry {
  ApiKey key;
  http::Principal principal;
  Instant ends;
};
struct KeyRing::Shelf {
  std::array<std::atomic<const Entry*>, 256> entries{};
};

KeyRing::KeyRing(const OrganisationDirectory& organisations, const Clock& clock)
    : organisations_(organisations), clock_(clock), shelves_(new std::atomic<Shelf*>[keys_max / 256]()) {}
KeyRing::~KeyRing() = default;

const KeyRing::Entry* KeyRing::find(std::uint64_t id) const {
  if (id >= keys_max) return nullptr;
  const Shelf* shelf = shelves_[id / 256].load(std::memory_order_acquire);
  return shelf == nullptr ? nullptr : shelf->entries[id % 256].load(std::memory_order_acquire);
}

void KeyRing::put(const ApiKey& key) {
  DAYAQ_ASSERT(key.id < keys_max);
  auto entry = std::make_unique<Entry>(Entry{key,
                                             {.organisation = organisations_.at(key.organisation)->code,
                                              .key = key.id,
                                              .scopes = key.scopes,
                                              .deprecated = true},
                                             std::min(key.expires, key.revoked)});
  Shelf* shelf = shelves_[key.id / 256].load(std::memory_order_relaxed);
  if (shelf == nullptr) {
    shelf = owned_shelves_.emplace_back(std::make_unique<Shelf>()).get();
    shelves_[key.id / 256].store(shelf, std::memory_order_release);
  }
  shelf->entries[key.id % 256].store(entry.get(), std::memory_order_release);
  entries_.push_back(std::move(entry));
  last_.store(std::max(last_.load(), key.id));
}

Result<void> KeyRing::load(store::Session& session) {
  return session.query(
      "SELECT key_id, organisation, name, hash, scopes, created, expires, revoked FROM api_key", {},
      [&](const store::Row& row) -> Result<bool> {
        ApiKey key{static_cast<std::uint64_t>(row.integer(0)),
                   static_cast<OrganisationIndex>(row.integer(1)),
                   std::string(row.text(2)),
                   {},
                   static_cast<std::uint32_t>(row.integer(4)),
                   from_micros(row.integer(5)),
                   end_from(row, 6),
                   end_from(row, 7)};
        const BytesView hash = row.blob(3);
        DAYAQ_ASSERT(hash.size() == key.hash.size());
        std::ranges::copy(hash, key.hash.begin());
        put(key);
        return true;
      });
}

Result<http::Principal> KeyRing::authenticate(std::string_view token) const {
  if (!token.starts_with(prefix)) return unknown_token();
  token.remove_prefix(prefix.size());
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), id);
  const auto used = static_cast<std::size_t>(end - token.data());
  if (error != std::errc() || token.size() != used + 1 + secret_text || token[used] != '_')
    return unknown_token();
  const Entry* entry = find(id);
  if (entry == nullptr) return unknown_token();
  const crypto::Sha256 hash = crypto::sha256(as_bytes(token.substr(used + 1)));
  if (!crypto::equal_constant_time(hash, entry->key.hash) || entry->ends <= clock_.now())
    return unknown_token();
  return entry->principal;
}

std::optional<ApiKey> KeyRing::live(std::uint64_t id) const {
  const Entry* entry = find(id);
  if (entry == nullptr || entry->ends <= clock_.now()) return std::nullopt;
  return entry->key;
}

std::vector<ApiKey> KeyRing::all() const {
  std::vector<ApiKey> out;
  const std::uint64_t last = last_.load();
  for (std::uint64_t id = 1; id <= last; ++id) {
    if (const Entry* entry = find(id)) out.push_back(entry->key);
  }
  return out;
}

std::uint64_t KeyRing::next_id() const {
  std::uint64_t last = last_.load();
  for (const ApiKey& key : pending_) last = std::max(last, key.id);
  return last + 1;
}

std::optional<ApiKey> KeyRing::newest(std::uint64_t id) const {
  for (auto key = pending_.rbegin(); key != pending_.rend(); ++key) {
    if (key->id == id) return *key;
  }
  if (const Entry* entry = find(id)) return entry->key;
  return std::nullopt;
}

void KeyRing::after_commit() noexcept {
  for (const ApiKey& key : pending_) put(key);
  pending_.clear();
}

KeySecret draw_key_secret(Random& random) {
  KeySecret secret;
  random.fill(secret);
  return secret;
}

std::string key_token(std::uint64_t id, const KeySecret& secret) {
  return fmt::format("{}{}_{}", prefix, id, to_base64url(secret));
}

Result<IssuedKey> create_key(store::Session& session, const Registry& registry, KeyRing& ring,
                             const CreateKey& request, const KeySecret& secret, const std::string& actor) {
  const Instant now = registry.clock.now();
  if (request.name.empty() || request.name.size() > 100 || !is_utf8(request.name)) {
    return fail_field("key.name", "name", "A key's name has 1 to 100 bytes of UTF-8.");
  }
  if (request.scopes == 0 || request.scopes >> http::scope_count != 0 ||
      (request.scopes & http::person_scopes) != 0) {
    return fail_field("key.scopes", "scopes", "A key needs at least one scope, and none of a person's.");
  }
  if (request.expires <= now)
    return fail_field("key.expires", "expires", "The key would have expired already.");
  const std::uint64_t id = ring.next_id();
  if (id >= KeyRing::keys_max) return fail(ErrorKind::limit, "key.limit", "There are too many keys.");
  // The text after the id is what is hashed: it is what callers send.
  const ApiKey key{
      id,  request.organisation, request.name, crypto::sha256(as_bytes(to_base64url(secret))), request.scopes,
      now, request.expires,      instant_max};
  DAYAQ_TRY_OK(insert(session, key));
  DAYAQ_TRY_OK(append(session, registry, "key.create", key, actor));
  ring.stage(key);
  return IssuedKey{key, key_token(id, secret)};
}

Result<IssuedKey> rotate_key(store::Session& session, const Registry& registry, KeyRing& ring,
                             std::uint64_t id, std::chrono::seconds grace, const KeySecret& secret,
                             const std::string& actor) {
  const Instant now = registry.clock.now();
  DAYAQ_TRY(ApiKey old, known(ring, id));
  if (std::min(old.expires, old.revoked) <= now) {
    return fail(ErrorKind::conflict, "key.ended", "This key has ended. Create a new one.");
  }
  DAYAQ_TRY(IssuedKey issued,
            create_key(session, registry, ring, {old.organisation, old.name, old.scopes, old.expires}, secret,
                       actor));
  old.expires = std::min(old.expires, now + grace);
  DAYAQ_TRY_OK(insert(session, old));
  DAYAQ_TRY_OK(append(session, registry, "key.rotate", old, actor));
  ring.stage(old);
  return issued;
}

Result<ApiKey> revoke_key(store::Session& session, const Registry& registry, KeyRing& ring, std::uint64_t id,
                          const std::string& actor) {
  DAYAQ_TRY(ApiKey key, known(ring, id));
  if (key.revoked != instant_max) return key;
  key.revoked = registry.clock.now();
  DAYAQ_TRY_OK(insert(session, key));
  DAYAQ_TRY_OK(append(session, registry, "key.revoke", key, actor));
  ring.stage(key);
  return key;
}

}  // namespace dayaq::registry
