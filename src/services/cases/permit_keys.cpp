#include "services/cases/permit_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "http/encoding.hpp"
#include "services/permit/list.hpp"

namespace dayaq::services {
namespace {

constexpr std::size_t reason_bytes_max = 500;

std::string sealing_of(std::string_view key_id) {
  return fmt::format("permit key|{}", key_id);
}

std::string id_of(const crypto::PublicKey& key) {
  return to_hex(BytesView(crypto::sha256(key)).first(4));
}

std::optional<Instant> instant_at(const store::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return from_micros(row.integer(column));
}

}  // namespace

std::string_view to_string(PermitKeyState state) {
  switch (state) {
    case PermitKeyState::standby:
      return "standby";
    case PermitKeyState::scheduled:
      return "scheduled";
    case PermitKeyState::current:
      return "current";
    case PermitKeyState::retired:
      return "retired";
    case PermitKeyState::past:
      return "past";
    case PermitKeyState::withdrawn:
      return "withdrawn";
  }
  return "past";
}

PermitKeyState PermitKey::state(Instant now) const {
  if (withdrawn) return PermitKeyState::withdrawn;
  if (retired) return last_until && *last_until <= now ? PermitKeyState::past : PermitKeyState::retired;
  if (!active_from) return PermitKeyState::standby;
  return *active_from <= now ? PermitKeyState::current : PermitKeyState::scheduled;
}

struct PermitKeys::Row {
  PermitKey key;
  Bytes sealed;
  [[nodiscard]] bool waits() const { return !key.withdrawn && !key.retired && !sealed.empty(); }
};

Result<std::vector<PermitKeys::Row>> PermitKeys::read(store::Session& session) {
  std::vector<Row> out;
  DAYAQ_TRY_OK(session.query(
      "SELECT number, key_id, public_key, sealed, created, active_from, retired, last_until, withdrawn, "
      "signed_again FROM permit_keys ORDER BY number",
      {}, [&](const store::Row& row) -> Result<bool> {
        const BytesView raw = row.blob(2), sealed = row.blob(3);
        out.push_back({.key = {.number = row.integer(0),
                               .id = std::string(row.text(1)),
                               .public_key = {raw.begin(), raw.end()},
                               .created = from_micros(row.integer(4)),
                               .active_from = instant_at(row, 5),
                               .retired = instant_at(row, 6),
                               .last_until = instant_at(row, 7),
                               .withdrawn = instant_at(row, 8),
                               .signed_again = row.integer(9) != 0},
                       .sealed = {sealed.begin(), sealed.end()}});
        return true;
      }));
  return out;
}

Result<bool> PermitKeys::is_empty(store::Database& db) {
  return db.read([](store::Session& session) -> Result<bool> {
    DAYAQ_TRY(const auto rows, read(session));
    return rows.empty();
  });
}

Result<std::unique_ptr<PermitKeys>> PermitKeys::open(PermitKeysContext context,
                                                     std::optional<crypto::SigningKey> first, Instant now) {
  std::unique_ptr<PermitKeys> out(new PermitKeys(context));
  DAYAQ_TRY(const bool empty, is_empty(context.db));
  if (empty) {
    DAYAQ_ASSERT(first.has_value());
    DAYAQ_TRY(crypto::CoseSigner signer, crypto::CoseSigner::from_pem(first->to_pem()));
    out->issuer_ = std::make_unique<permit::Issuer>(std::move(signer));
    out->signing_ = id_of(first->public_key());
    out->first_ = std::move(first);
    return out;
  }
  DAYAQ_TRY_OK(out->refresh(now));
  return out;
}

Result<void> PermitKeys::start(Instant now) {
  const std::scoped_lock changing(changing_);
  if (!first_) return {};
  DAYAQ_TRY_OK(context_.db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY(const auto rows, read(session));
    if (!rows.empty()) return {};
    DAYAQ_TRY_OK(add(session, *first_, now, now));
    return add_standby(session, now);
  }));
  first_.reset();
  return refresh(now);
}

/// What is held, and who signs, as the database has it.
Result<void> PermitKeys::refresh(Instant now) {
  DAYAQ_TRY(const std::vector<Row> rows, context_.db.read([](store::Session& s) { return read(s); }));
  const Row* signs = nullptr;
  for (const Row& row : rows) {
    if (!row.waits() || !row.key.active_from || *row.key.active_from > now) continue;
    if (signs == nullptr || *row.key.active_from > *signs->key.active_from) signs = &row;
  }
  if (signs == nullptr) {
    return fail(ErrorKind::internal, "permit.key_sealed", "No key signs permits.", "none is active");
  }
  if (signs->key.id != signing_) {
    const auto pem = context_.master.open(signs->sealed, as_bytes(sealing_of(signs->key.id)));
    if (!pem) {
      return fail(ErrorKind::internal, "permit.key_sealed",
                  "The key that signs permits doesn't open under this master key.", signs->key.id);
    }
    DAYAQ_TRY(crypto::CoseSigner signer, crypto::CoseSigner::from_pem(as_text(pem->view())));
    if (issuer_ == nullptr) {
      issuer_ = std::make_unique<permit::Issuer>(std::move(signer));
    } else {
      issuer_->use(std::move(signer));
    }
    if (!signing_.empty()) {
      log::info("permit.key_signs", "another key signs permits from now on", {{"key", signs->key.id}});
    }
    signing_ = signs->key.id;
  }
  const std::scoped_lock lock(mutex_);
  held_.clear();
  for (const Row& row : rows) held_.push_back(row.key);
  return {};
}

// --- parts of transactions

Result<void> PermitKeys::add(store::Session& session, const crypto::SigningKey& key, Instant now,
                             std::optional<Instant> active_from) {
  const crypto::PublicKey raw = key.public_key();
  const std::string id = id_of(raw);
  const Bytes sealed =
      context_.master.seal(as_bytes(key.to_pem()), as_bytes(sealing_of(id)), context_.random);
  std::int64_t number = 1;
  DAYAQ_TRY_OK(session.query("SELECT COALESCE(MAX(number), 0) + 1 FROM permit_keys", {},
                             [&](const store::Row& row) -> Result<bool> {
                               number = row.integer(0);
                               return false;
                             }));
  DAYAQ_TRY_OK(
      session.exec("INSERT INTO permit_keys (number, key_id, public_key, sealed, created, "
                   "signed_again) VALUES ($1, $2, $3, $4, $5, 0)",
                   {number, std::string_view(id), BytesView(raw), BytesView(sealed), to_micros(now)}));
  if (!active_from) return {};
  return session.exec("UPDATE permit_keys SET active_from = $2 WHERE number = $1",
                      {number, to_micros(*active_from)});
}

Result<void> PermitKeys::add_standby(store::Session& session, Instant now) {
  DAYAQ_TRY(const auto rows, read(session));
  if (std::ranges::any_of(rows, [](const Row& row) { return row.waits() && !row.key.active_from; }))
    return {};
  // An id has 4 bytes: no two keys share one here, so that withdrawing one names one.
  for (;;) {
    const crypto::SigningKey key = crypto::SigningKey::generate(context_.random);
    const std::string id = id_of(key.public_key());
    if (std::ranges::none_of(rows, [&](const Row& row) { return row.key.id == id; })) {
      return add(session, key, now, std::nullopt);
    }
  }
}

/// The youngest that is due signs; those before it sign no more.
Result<void> PermitKeys::take_over(store::Session& session, Instant now) {
  DAYAQ_TRY(std::vector<Row> rows, read(session));
  std::erase_if(rows, [&](const Row& row) {
    return !row.waits() || !row.key.active_from || *row.key.active_from > now;
  });
  std::ranges::sort(rows, {}, [](const Row& row) { return std::pair(*row.key.active_from, row.key.number); });
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    DAYAQ_TRY_OK(session.exec("UPDATE permit_keys SET retired = $2, sealed = $3 WHERE number = $1",
                              {rows[i].key.number, to_micros(now), BytesView{}}));
    DAYAQ_TRY_OK(note(session, "permit_key.retire", rows[i].key, "system", {}));
  }
  return {};
}

Result<void> PermitKeys::note(store::Session& session, std::string_view action, const PermitKey& key,
                              const std::string& actor, const std::string& reason) {
  DAYAQ_TRY_OK(context_.log.append(
      session, {.action = action,
                .actor = actor,
                .subject = std::nullopt,
                .data = fmt::format(R"({{"key":"{}"}})", key.id),
                .personal = reason.empty() ? std::string()
                                           : fmt::format(R"({{"reason":{}}})", http::json_string(reason))}));
  return {};
}

PermitKey PermitKeys::held(std::string_view key_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(held_, key_id, &PermitKey::id);
  return found == held_.end() ? PermitKey{} : *found;
}

/// The standby signs from then on, or as soon as it was announced for long enough; its id.
Result<std::string> PermitKeys::schedule(store::Session& session, const std::string& actor, Instant from,
                                         Instant now) {
  DAYAQ_TRY(const auto rows, read(session));
  const auto scheduled = std::ranges::find_if(
      rows, [&](const Row& row) { return row.waits() && row.key.active_from && *row.key.active_from > now; });
  if (scheduled != rows.end()) {
    return fail(ErrorKind::conflict, "permit.rotation",
                fmt::format("Key {} is announced already and signs from {}.", scheduled->key.id,
                            format_instant(*scheduled->key.active_from)));
  }
  const auto next =
      std::ranges::find_if(rows, [](const Row& row) { return row.waits() && !row.key.active_from; });
  DAYAQ_ASSERT(next != rows.end());
  const Instant at = std::max({now, from, next->key.created + context_.lead});
  DAYAQ_TRY_OK(session.exec("UPDATE permit_keys SET active_from = $2 WHERE number = $1",
                            {next->key.number, to_micros(at)}));
  DAYAQ_TRY_OK(note(session, "permit_key.rotate", next->key, actor, {}));
  DAYAQ_TRY_OK(add_standby(session, now));
  DAYAQ_TRY_OK(take_over(session, now));
  return next->key.id;
}

// --- what officials do

Result<PermitKey> PermitKeys::rotate(const std::string& actor, Instant now) {
  const std::scoped_lock changing(changing_);
  DAYAQ_TRY(const std::string id,
            context_.db.write([&](store::Session& session) { return schedule(session, actor, now, now); }));
  DAYAQ_TRY_OK(refresh(now));
  return held(id);
}

Result<PermitKey> PermitKeys::withdraw(const std::string& key_id, const std::string& reason,
                                       const std::string& actor, Instant now) {
  if (reason.empty() || reason.size() > reason_bytes_max || !is_utf8(reason)) {
    Error error{ErrorKind::invalid_input,
                "permit.key_reason",
                "Say why the key is withdrawn, in at most 500 bytes.",
                {},
                "reason",
                0,
                0};
    return std::unexpected(std::move(error));
  }
  const std::scoped_lock changing(changing_);
  DAYAQ_TRY_OK(context_.db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(take_over(session, now));  // or a key from before the one that is withdrawn would sign again
    DAYAQ_TRY(const auto rows, read(session));
    const auto found = std::ranges::find(rows, key_id, [](const Row& row) { return row.key.id; });
    if (found == rows.end()) {
      return fail(ErrorKind::not_found, "permit.key_unknown",
                  "No key that signs permits has this id. Look at the list of keys.");
    }
    if (found->key.withdrawn) return {};
    const bool has_signed = found->key.active_from && *found->key.active_from <= now;
    DAYAQ_TRY_OK(session.exec(
        "UPDATE permit_keys SET withdrawn = $2, sealed = $3, signed_again = $4 WHERE number = $1",
        {found->key.number, to_micros(now), BytesView{}, std::int64_t(has_signed ? 0 : 1)}));
    DAYAQ_TRY_OK(note(session, "permit_key.withdraw", found->key, actor, reason));
    DAYAQ_TRY_OK(add_standby(session, now));  // if it was that which is gone
    DAYAQ_TRY(std::vector<Row> left, read(session));
    std::erase_if(left, [](const Row& row) { return !row.waits(); });
    const bool somebody_signs = std::ranges::any_of(
        left, [&](const Row& row) { return row.key.active_from && *row.key.active_from <= now; });
    if (somebody_signs) return {};
    // One that is announced already knows most devices; the standby was announced longest ago else.
    const auto next = std::ranges::min_element(left, {}, [](const Row& row) { return row.key.number; });
    DAYAQ_TRY_OK(session.exec("UPDATE permit_keys SET active_from = $2 WHERE number = $1",
                              {next->key.number, to_micros(now)}));
    DAYAQ_TRY_OK(note(session, "permit_key.rotate", next->key, actor, {}));
    return add_standby(session, now);
  }));
  DAYAQ_TRY_OK(refresh(now));
  return held(key_id);
}

// --- what time brings

std::optional<Instant> PermitKeys::next_rotation(Instant now) const {
  std::optional<Instant> out;
  Instant announced = instant_min;  // since when the standby is
  for (const PermitKey& key : all()) {
    const PermitKeyState state = key.state(now);
    if (state == PermitKeyState::scheduled) return key.active_from;
    if (state == PermitKeyState::standby) announced = key.created;
    if (state != PermitKeyState::current || context_.rotate_every <= std::chrono::seconds(0)) continue;
    // Of two that are due the later one signs.
    const Instant end = *key.active_from + context_.rotate_every;
    out = std::max(out.value_or(end), end);
  }
  if (out) out = std::max({*out, now, announced + context_.lead});
  return out;
}

/// Names the hour of the next key, `lead` before it.
Result<void> PermitKeys::announce_in_time(Instant now) {
  const auto next = next_rotation(now);
  const std::vector<PermitKey> keys = all();
  const bool announced = std::ranges::any_of(
      keys, [&](const PermitKey& key) { return key.state(now) == PermitKeyState::scheduled; });
  if (announced || !next || now < *next - context_.lead) return {};
  DAYAQ_TRY(const std::string id, context_.db.write([&](store::Session& session) {
    return schedule(session, "system", *next, now);
  }));
  DAYAQ_TRY_OK(refresh(now));
  log::info("permit.key_announced", "the next key that signs permits has its hour",
            {{"key", id}, {"signs_from", format_instant(*next)}});
  return {};
}

Result<bool> PermitKeys::tick(Cases& cases, Instant now, int rows) {
  const std::scoped_lock changing(changing_);
  if (first_) return false;  // not started
  DAYAQ_TRY_OK(announce_in_time(now));
  const std::vector<PermitKey> keys = all();
  const bool due = std::ranges::count_if(keys, [&](const PermitKey& key) {
                     return key.state(now) == PermitKeyState::current;
                   }) > 1;
  if (due) {
    DAYAQ_TRY_OK(context_.db.write([&](store::Session& session) { return take_over(session, now); }));
    DAYAQ_TRY_OK(refresh(now));
  }
  bool more = false;
  for (const PermitKey& key : keys) {
    if (key.withdrawn && !key.signed_again) {
      DAYAQ_TRY(const bool left, sign_again(cases, key, now, rows));
      more = more || left;
    } else if (key.retired && !key.withdrawn && !key.last_until &&
               now >= *key.retired + permit::settled_after) {
      DAYAQ_TRY_OK(last_until(key, now));
    }
  }
  return more;
}

/// When the last permit ends that it signed: once, after the last that was under way is on disk. Reads all
/// permits.
Result<void> PermitKeys::last_until(const PermitKey& key, Instant now) {
  DAYAQ_TRY(const Instant last, context_.db.read([&](store::Session& session) -> Result<Instant> {
    Instant found = *key.retired;
    DAYAQ_TRY_OK(session.query("SELECT MAX(valid_until) FROM permits WHERE substr(token, 10, 4) = $1",
                               {BytesView(from_hex(key.id).value())},
                               [&](const store::Row& row) -> Result<bool> {
                                 if (!row.is_null(0)) found = std::max(found, from_micros(row.integer(0)));
                                 return false;
                               }));
    return found;
  }));
  DAYAQ_TRY_OK(context_.db.write([&](store::Session& session) {
    return session.exec("UPDATE permit_keys SET last_until = $2 WHERE number = $1",
                        {key.number, to_micros(last)});
  }));
  log::info("permit.key_retired", "a key that signs no more is listed until its last permit has ended",
            {{"key", key.id}, {"until", format_instant(last)}});
  return refresh(now);
}

/// A bucket of permits after the other. A crash begins again: what is signed again isn't found any more.
Result<bool> PermitKeys::sign_again(Cases& cases, const PermitKey& key, Instant now, int rows) {
  const Bytes id = from_hex(key.id).value();
  DAYAQ_TRY(const int done, context_.db.write([&](store::Session& session) -> Result<int> {
    return cases.sign_again(session, bucket_, id, now, rows);
  }));
  if (done >= rows) return true;
  if (++bucket_ < registry::buckets) return true;
  bucket_ = 0;
  DAYAQ_TRY_OK(context_.db.write([&](store::Session& session) {
    return session.exec("UPDATE permit_keys SET signed_again = 1 WHERE number = $1", {key.number});
  }));
  DAYAQ_TRY_OK(refresh(now));
  return false;
}

// --- reading

std::vector<PermitKey> PermitKeys::all() const {
  const std::scoped_lock lock(mutex_);
  return held_;
}

PermitKeys::Published PermitKeys::published(Instant now) const {
  Published out;
  const std::scoped_lock lock(mutex_);
  for (const PermitKey& key : held_) {
    const PermitKeyState state = key.state(now);
    if (state == PermitKeyState::withdrawn) {
      out.withdrawn.push_back(from_hex(key.id).value());
    } else if (state != PermitKeyState::past) {
      out.keys.push_back(key.public_key);
    }
  }
  return out;
}

}  // namespace dayaq::services
