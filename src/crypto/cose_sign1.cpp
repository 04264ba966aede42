#include "crypto/cose.hpp"

namespace dayaq::crypto {
namespace {

using cbor::Value;

constexpr std::int64_t header_algorithm = 1, header_critical = 2, header_key_id = 4;
constexpr std::uint64_t tag_sign1 = 18;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::invalid_input, "cose.sign1", "This is not a signed message (COSE).",
              std::string(what));
}

// RFC 9052 section 4.4: Sig_structure = ["Signature1", body_protected, external_aad, payload].
Bytes to_be_signed(BytesView protected_header, BytesView external_aad, BytesView payload) {
  return cbor::encode(Value::array({Value::text("Signature1"), Value::bytes(protected_header),
                                    Value::bytes(external_aad), Value::bytes(payload)}));
}

}  // namespace

Bytes cose_sign1(BytesView payload, const CoseSigner& signer, BytesView key_id, BytesView external_aad,
                 Payload where) {
  const Bytes header = cbor::encode(Value::map(
      {{Value::integer(header_algorithm), Value::integer(static_cast<std::int64_t>(signer.algorithm()))}}));
  std::vector<std::pair<Value, Value>> open;
  if (!key_id.empty()) open.emplace_back(Value::integer(header_key_id), Value::bytes(key_id));
  const Bytes signature = signer.sign(to_be_signed(header, external_aad, payload));
  return cbor::encode(
      Value::tag(tag_sign1, Value::array({Value::bytes(header), Value::map(std::move(open)),
                                          where == Payload::attached ? Value::bytes(payload) : Value::null(),
                                          Value::bytes(signature)})));
}

Result<CoseSign1> parse_cose_sign1(BytesView message, const cbor::Limits& limits) {
  DAYAQ_TRY(const Value outer, cbor::parse(message, cbor::Form::definite, limits));
  if (outer.kind == cbor::Kind::tag && outer.number != tag_sign1) return malformed("another tag");
  const Value& parts = outer.kind == cbor::Kind::tag ? outer.items[0] : outer;
  if (parts.kind != cbor::Kind::array || parts.items.size() != 4) return malformed("not four parts");
  const auto header = parts.items[0].as_bytes();
  const Value& open = parts.items[1];
  const auto payload = parts.items[2].as_bytes();
  const auto signature = parts.items[3].as_bytes();
  const bool detached =
      parts.items[2].kind == cbor::Kind::simple && parts.items[2].number == cbor::simple_null;
  if (!header || open.kind != cbor::Kind::map || (!payload && !detached) || !signature)
    return malformed("types");

  // RFC 9052 section 3: an empty protected header is a string of no bytes; one without alg is nothing to us.
  if (header->empty()) {
    return fail(ErrorKind::invalid_input, "cose.algorithm", "Keys of this algorithm are not taken.",
                "no protected alg");
  }
  DAYAQ_TRY(const Value closed, cbor::parse(*header));
  if (closed.kind != cbor::Kind::map) return malformed("the protected header is no map");
  // "Labels in each of the maps MUST be unique ... if it appears in both, the message is malformed."
  for (std::size_t i = 0; i < closed.items.size(); i += 2) {
    const auto number = closed.items[i].as_integer();
    const auto text = closed.items[i].as_text();
    if (!number && !text) return malformed("a label");
    if (number ? open.find(*number) != nullptr : open.find(*text) != nullptr)
      return malformed("a label in both");
  }
  // RFC 9052 section 3.1, crit: labels that must be understood. None of them would be.
  if (closed.find(header_critical) != nullptr || open.find(header_critical) != nullptr)
    return malformed("crit");

  CoseSign1 read{.key_id = {}, .protected_header = *header, .payload = payload, .signature = *signature};
  const Value* algorithm = closed.find(header_algorithm);
  const auto known = algorithm != nullptr && algorithm->as_integer()
                         ? cose_algorithm(*algorithm->as_integer())
                         : std::nullopt;
  if (!known) {
    return fail(ErrorKind::invalid_input, "cose.algorithm", "Keys of this algorithm are not taken.", "alg");
  }
  read.algorithm = *known;
  for (const Value* id : {closed.find(header_key_id), open.find(header_key_id)}) {
    if (id == nullptr) continue;
    if (!id->as_bytes()) return malformed("kid");
    read.key_id = *id->as_bytes();
  }
  return read;
}

Result<BytesView> verify_cose_sign1(const CoseSign1& message, const CoseKey& key, BytesView external_aad,
                                    std::optional<BytesView> detached) {
  if (message.payload.has_value() == detached.has_value()) {
    return fail(ErrorKind::invalid_input, "cose.payload", "The signed message has no content, or two.");
  }
  const BytesView payload = message.payload ? *message.payload : *detached;
  if (message.algorithm != key.algorithm() ||
      !key.verify(to_be_signed(message.protected_header, external_aad, payload), message.signature,
                  EcdsaForm::raw)) {
    return fail(ErrorKind::invalid_input, "cose.signature", "The signature doesn't fit the message.");
  }
  return payload;
}

}  // namespace dayaq::crypto
