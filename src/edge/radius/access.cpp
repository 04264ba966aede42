// Access-Requests: what the grant adds to an Access-Accept, the operator's or our own.
#include <fmt/format.h>

#include <algorithm>

#include "edge/radius/work.ipp"

namespace dayaq::edge::radius {

void Responder::answer_access(Work& work, Moment now, std::vector<Outgoing>& out) {
  if (access_on_) {
    send_on(work, *access_on_, Way::access_on, 0, now, out);
    return;
  }
  const Entitlement& entitlement = work.entitlement;
  // Without the operator's server nobody can take part in an EAP conversation.
  const bool accept = options_.accept_without_password && (entitlement.ours() || entitlement.deferred) &&
                      !work.packet->find(type::eap_message);
  Writer writer(accept ? Code::access_accept : Code::access_reject, work.packet->id());
  writer.add_message_authenticator();
  if (accept) {
    const std::uint64_t signature =
        entitlement.ours() ? entitlement.signature() : Entitlement{.limited = true}.signature();
    add_grant(entitlement, signature, writer);
    add_volume(entitlement, writer);
    const AttributeList& given = profiles_.attributes(signature);
    if (options_.session_timeout.count() > 0 && !given.has({.type = type::session_timeout})) {
      // At its end the network asks again (RADIUS-Request) instead of cutting off.
      writer.add(type::session_timeout, std::uint32_t(options_.session_timeout.count()));
      if (!given.has({.type = type::termination_action}))
        writer.add(type::termination_action, std::uint32_t(1));
    }
    if (options_.interim.count() > 0 && !given.has({.type = type::acct_interim_interval})) {
      writer.add(type::acct_interim_interval,
                 std::uint32_t(std::max<std::int64_t>(60, options_.interim.count())));
    }
  }
  if (!writer.fits()) return;
  ++(accept ? counts_.accepted : counts_.rejected);
  reply(work, std::move(writer), 0, out);
}

void Responder::add_grant(const Entitlement& entitlement, std::uint64_t signature, Writer& writer) const {
  writer.add_encoded(profiles_.attributes(signature).encoded);
  writer.add(type::class_, BytesView(encode_mark({.key = entitlement.key,
                                                  .measure = entitlement.measure,
                                                  .resources_version = options_.resources_version,
                                                  .profiles = signature},
                                                 mark_key_)));
  writer.add(type::chargeable_user_identity, std::string_view(fmt::format("{:016x}", entitlement.key)));
}

/// What a session that begins may use: reserved when its accounting starts, and told again then.
void Responder::add_volume(const Entitlement& entitlement, Writer& writer) const {
  if (profiles_.volume().empty() || entitlement.bounded == 0) return;
  writer.add_encoded(profiles_.volume().encoded(0, std::min(entitlement.bounded, options_.volume_slice)));
}

/// The operator's server refuses because nobody paid, and not because of a password.
bool Responder::is_for_want_of_payment(const Packet& reject) const {
  if (options_.unpaid_reply.empty()) return false;
  BytesView rest = reject.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type::reply_message && as_text(attribute.value).contains(options_.unpaid_reply))
      return true;
  }
  return false;
}

/// The operator's answer as it goes back to the network; empty if it can't.
Bytes Responder::complete(const Packet& answer, const Forwarded& request, const Forwarding& through) {
  static const AttributeList nothing;
  const Entitlement& entitlement = request.entitlement;
  const Secret& client_secret = clients_.at(request.client).secret;
  const bool unpaid =
      answer.code() == Code::access_reject && entitlement.deferred && is_for_want_of_payment(answer);
  const bool granted = (answer.code() == Code::access_accept && entitlement.ours()) || unpaid;
  const std::uint64_t signature = unpaid ? Entitlement{.limited = true}.signature() : entitlement.signature();
  AttributeList instead = granted ? profiles_.attributes(signature) : nothing;
  if (granted) {
    instead.kinds.push_back({.type = type::chargeable_user_identity});
    const auto& volume = profiles_.volume().kinds();
    instead.kinds.insert(instead.kinds.end(), volume.begin(), volume.end());
  }

  Writer writer(unpaid ? Code::access_accept : answer.code(), request.id);
  if (answer.code() != Code::accounting_response) writer.add_message_authenticator();
  if (granted) {
    add_grant(entitlement, signature, writer);
    add_volume(entitlement, writer);
  }
  if (unpaid) {
    // A reject's own attributes say why; they don't belong into an accept. Proxy-States do.
    BytesView rest = answer.attributes();
    Attribute attribute;
    while (take_attribute(rest, attribute)) {
      const bool ours =
          attribute.value.size() == 8 && std::memcmp(attribute.value.data(), &request.proxy_state, 8) == 0;
      if (attribute.type == type::proxy_state && !ours) writer.add(attribute.type, attribute.value);
    }
  } else if (!copy_reply(answer, request, through.secret(), client_secret, instead, writer)) {
    return {};
  }
  if (granted && options_.interim.count() > 0 && (unpaid || !answer.find(type::acct_interim_interval)) &&
      !instead.has({.type = type::acct_interim_interval})) {
    writer.add(type::acct_interim_interval,
               std::uint32_t(std::max<std::int64_t>(60, options_.interim.count())));
  }
  if (!writer.fits()) return {};
  if (answer.code() != Code::accounting_response && answer.code() != Code::access_challenge)
    ++(answer.code() == Code::access_accept || unpaid ? counts_.accepted : counts_.rejected);
  Bytes packet = std::move(writer).take();
  sign_reply(packet, request.authenticator, client_secret);
  return packet;
}

}  // namespace dayaq::edge::radius
