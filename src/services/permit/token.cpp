#include "services/permit/token.hpp"

#include <algorithm>

#include "services/permit/base45.hpp"

namespace dayaq::services::permit {
namespace {

using crypto::cbor::Value;

// RFC 8392 section 4; the last from the private use range (below -65536) of the IANA registry of CWT claims.
constexpr std::int64_t claim_subject = 2, claim_expires = 4, claim_begins = 5, claim_id = 7,
                       claim_permit = -70001;
constexpr std::size_t key_id_size = 4, signature_size = 64;
constexpr std::string_view qr_prefix = "DP1:", sms_prefix = "DP1.";

// What every token of an Issuer has in common, around kid, payload and signature.
Bytes assemble(BytesView key_id, BytesView payload, BytesView signature) {
  const Bytes header = crypto::cbor::encode(
      Value::map({{Value::integer(1), Value::integer(std::int64_t(crypto::CoseAlgorithm::eddsa))}}));
  return crypto::cbor::encode(Value::tag(
      18, Value::array({Value::bytes(header), Value::map({{Value::integer(4), Value::bytes(key_id)}}),
                        Value::bytes(payload), Value::bytes(signature)})));
}

std::string cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes));
}

// "Without end" is the end of the year 9999.
constexpr std::int64_t seconds_max = 253'402'300'799;

std::int64_t seconds_of(Instant t) {
  return std::clamp<std::int64_t>(std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(), 0,
                                  seconds_max);
}

std::unexpected<Error> no_permit(const char* why) {
  return fail(ErrorKind::invalid_input, "permit.token", "This is not a permit.", why);
}

std::unexpected<Error> no_text(const char* why) {
  return fail(ErrorKind::invalid_input, "permit.text", "This is not the text of a permit.", why);
}

// Seconds within years 1970 to 9999, so that microseconds of it are no overflow.
std::optional<Instant> time_claim(const Value& claims, std::int64_t label) {
  const Value* found = claims.find(label);
  const auto seconds = found != nullptr ? found->as_integer() : std::nullopt;
  if (!seconds || *seconds < 0 || *seconds > seconds_max) return std::nullopt;
  return Instant(std::chrono::seconds(*seconds));
}

Result<Claims> read_claims(BytesView payload) {
  const auto parsed = crypto::cbor::parse(payload);
  if (!parsed || parsed->kind != crypto::cbor::Kind::map) return no_permit("no claims");
  Claims claims;
  const Value* subject = parsed->find(claim_subject);
  const auto subject_text = subject != nullptr ? subject->as_text() : std::nullopt;
  if (!subject_text || subject_text->empty() || subject_text->size() > subject_max) return no_permit("sub");
  claims.subject = *subject_text;
  const auto from = time_claim(*parsed, claim_begins), until = time_claim(*parsed, claim_expires);
  if (!from || !until || *until <= *from) return no_permit("nbf, exp");
  claims.valid = {*from, *until};
  const Value* id = parsed->find(claim_id);
  const auto id_bytes = id != nullptr ? id->as_bytes() : std::nullopt;
  if (!id_bytes || id_bytes->size() != 8) return no_permit("cti");
  for (const std::byte b : *id_bytes) claims.id = claims.id << 8 | std::uint64_t(b);
  const Value* permit = parsed->find(claim_permit);
  if (permit == nullptr || permit->kind != crypto::cbor::Kind::array || permit->items.size() != 2) {
    return no_permit("kind");
  }
  const auto kind = permit->items[0].as_integer();
  const auto detail = permit->items[1].as_text();
  if (!kind || *kind < 0 || *kind > 0xffff || !detail || detail->size() > detail_max)
    return no_permit("kind");
  claims.kind = static_cast<std::uint16_t>(*kind);
  claims.detail = *detail;
  return claims;
}

}  // namespace

Bytes raw_key(const crypto::CoseKey& key) {
  const Bytes encoded = key.encode();
  const auto parsed = crypto::cbor::parse(encoded);
  DAYAQ_ASSERT(parsed && parsed->find(-2) != nullptr);
  const BytesView raw = parsed->find(-2)->string;
  return {raw.begin(), raw.end()};
}

Bytes key_id_of(const crypto::CoseKey& key) {
  const crypto::Sha256 hash = crypto::sha256(raw_key(key));
  return {hash.begin(), hash.begin() + key_id_size};
}

std::shared_ptr<const Issuer::Signer> Issuer::signer_of(crypto::CoseSigner key) {
  DAYAQ_ASSERT(key.algorithm() == crypto::CoseAlgorithm::eddsa);
  Bytes id = key_id_of(key.public_key());
  return std::make_shared<const Signer>(Signer{.key = std::move(key), .id = std::move(id)});
}

Issuer::Issuer(crypto::CoseSigner key) : signer_(signer_of(std::move(key))) {}

void Issuer::use(crypto::CoseSigner key) {
  auto signer = signer_of(std::move(key));
  const std::scoped_lock lock(mutex_);
  signer_ = std::move(signer);
}

std::shared_ptr<const Issuer::Signer> Issuer::held() const {
  const std::scoped_lock lock(mutex_);
  return signer_;
}

Bytes Issuer::issue(const Claims& claims) const {
  const std::int64_t from = std::min(seconds_of(claims.valid.from), seconds_max - 1);
  const std::int64_t until = std::max(seconds_of(claims.valid.until), from + 1);
  Bytes id;
  for (int shift = 56; shift >= 0; shift -= 8) id.push_back(std::byte(claims.id >> shift & 0xff));
  const std::string subject = cut(claims.subject, subject_max), detail = cut(claims.detail, detail_max);
  const Bytes payload = crypto::cbor::encode(
      Value::map({{Value::integer(claim_subject), Value::text(subject)},
                  {Value::integer(claim_expires), Value::integer(until)},
                  {Value::integer(claim_begins), Value::integer(from)},
                  {Value::integer(claim_id), Value::bytes(id)},
                  {Value::integer(claim_permit),
                   Value::array({Value::unsigned_integer(claims.kind), Value::text(detail)})}}));
  return sign(payload, {});
}

Bytes Issuer::sign(BytesView payload, BytesView external_aad) const {
  const auto signer = held();
  return crypto::cose_sign1(payload, signer->key, signer->id, external_aad);
}

Result<Bytes> Issuer::sign_again(BytesView token) const {
  const auto message = crypto::parse_cose_sign1(token);
  if (!message || !message->payload) return no_permit("no COSE_Sign1");
  DAYAQ_TRY_OK(read_claims(*message->payload));
  return sign(*message->payload, {});
}

Bytes Issuer::key_id() const {
  return held()->id;
}

crypto::CoseKey Issuer::public_key() const {
  return held()->key.public_key();
}

std::string qr_text(BytesView token) {
  return std::string(qr_prefix) + to_base45(token);
}

std::string sms_text(BytesView token) {
  const auto message = crypto::parse_cose_sign1(token);
  if (!message || !message->payload || message->key_id.size() != key_id_size ||
      message->signature.size() != signature_size ||
      !std::ranges::equal(assemble(message->key_id, *message->payload, message->signature), token)) {
    return qr_text(token);
  }
  Bytes short_form(message->key_id.begin(), message->key_id.end());
  short_form.insert(short_form.end(), message->payload->begin(), message->payload->end());
  short_form.insert(short_form.end(), message->signature.begin(), message->signature.end());
  return std::string(sms_prefix) + to_base64url(short_form);
}

Result<Bytes> parse_text(std::string_view text) {
  constexpr std::size_t text_max = 1'000;
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.size() > text_max) return no_text("size");
  std::string prefix(text.substr(0, sms_prefix.size()));
  for (char& c : prefix) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  text.remove_prefix(prefix.size());
  const bool for_qr = prefix == qr_prefix;
  if (!for_qr && prefix != sms_prefix) return no_text("prefix");
  std::string letters;
  for (char c : text) {
    // In base45 a blank is a letter; its last letter never is one, so what is left there is an addition.
    if (is_space(c) && !(for_qr && c == ' ')) continue;
    if (for_qr && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    letters += c;
  }
  if (for_qr) {
    while (letters.ends_with(' ')) letters.pop_back();
    return from_base45(letters);
  }
  const auto bytes = from_base64url(letters);
  if (!bytes || bytes->size() <= key_id_size + signature_size) return no_text("base64url");
  const BytesView all(*bytes);
  return assemble(all.first(key_id_size), all.subspan(key_id_size, all.size() - key_id_size - signature_size),
                  all.last(signature_size));
}

void Keys::add(crypto::CoseKey key) {
  Bytes id = key_id_of(key);
  keys_.emplace_back(std::move(id), std::move(key));
}

const crypto::CoseKey* Keys::find(BytesView key_id) const {
  const auto found =
      std::ranges::find_if(keys_, [&](const auto& key) { return std::ranges::equal(key.first, key_id); });
  return found == keys_.end() ? nullptr : &found->second;
}

void Keys::withdraw(Bytes key_id) {
  std::erase_if(keys_, [&](const auto& key) { return std::ranges::equal(key.first, key_id); });
  const auto at = std::ranges::lower_bound(withdrawn_, key_id);
  if (at == withdrawn_.end() || *at != key_id) withdrawn_.insert(at, std::move(key_id));
}

bool Keys::is_withdrawn(BytesView key_id) const {
  return std::ranges::any_of(withdrawn_, [&](const Bytes& one) { return std::ranges::equal(one, key_id); });
}

Result<Claims> verify(BytesView token, const Keys& keys) {
  const auto message = crypto::parse_cose_sign1(token);
  if (!message || !message->payload) return no_permit("no COSE_Sign1");
  if (keys.is_withdrawn(message->key_id)) {
    return fail(ErrorKind::forbidden, "permit.key_withdrawn",
                "The key that signed this permit was withdrawn: ask for the permit again.");
  }
  bool known = false;
  for (const auto& [id, key] : keys.all()) {
    if (!std::ranges::equal(id, message->key_id)) continue;
    known = true;
    if (const auto payload = crypto::verify_cose_sign1(*message, key)) return read_claims(*payload);
  }
  if (!known) {
    return fail(ErrorKind::not_found, "permit.key",
                "This permit is signed with a key that isn't known here: renew the list of keys.");
  }
  return fail(ErrorKind::invalid_input, "permit.signature", "This permit is forged or damaged.");
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return "valid";
    case Verdict::ended:
      return "ended";
    case Verdict::not_yet:
      return "not_yet";
    case Verdict::revoked:
      return "revoked";
  }
  return "ended";
}

Verdict judge(const Claims& claims, Instant now) {
  if (now < claims.valid.from) return Verdict::not_yet;
  return now < claims.valid.until ? Verdict::valid : Verdict::ended;
}

}  // namespace dayaq::services::permit
