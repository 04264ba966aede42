#include "edge/radius/work.ipp"

namespace dayaq::edge::radius {

Result<std::unique_ptr<Responder>> Responder::create(const ServerOptions& options, Engine& engine,
                                                     Random& random) {
  DAYAQ_TRY(Clients clients, Clients::create(options.clients));
  DAYAQ_TRY(Profiles profiles, Profiles::create(options));
  return std::unique_ptr<Responder>(
      new Responder(options, engine, random, std::move(clients), std::move(profiles)));
}

Responder::Responder(const ServerOptions& options, Engine& engine, Random& random, Clients clients,
                     Profiles profiles)
    : options_(options),
      engine_(engine),
      clients_(std::move(clients)),
      profiles_(std::move(profiles)),
      mark_key_(mark_key(options.feed_key)),
      changes_(options.coa_per_second_per_nas) {
  if (!options.proxy_auth.empty()) access_on_.emplace(options.proxy_secret, random);
  if (!options.proxy_acct.empty()) accounting_on_.emplace(options.proxy_secret, random);
}

Responder::~Responder() = default;

Result<void> Responder::use_clients(std::span<const ClientOptions> clients) {
  DAYAQ_TRY(Clients next, Clients::create(clients));
  next.take_place_of(std::move(clients_));
  clients_ = std::move(next);
  return {};
}

void Responder::handle(std::span<const Incoming> batch, Moment now, std::vector<Outgoing>& out) {
  works_.clear();
  bool decide = false;
  for (const Incoming& in : batch) {
    Work& work = works_.emplace_back();
    if (prepare(in, work, now, out)) {
      decide = true;
    } else {
      works_.pop_back();
    }
  }
  if (!decide) return;
  {
    const std::scoped_lock lock(engine_.mutex());
    for (const Work& work : works_) {
      if (work.candidates.count != 0) engine_.prefetch(work.candidates.keys[0], now.wall);
    }
    for (Work& work : works_) {
      if (work.packet->code() == Code::access_request) {
        work.entitlement = profiles_.entitlement(work.candidates, engine_, now.wall);
      } else {
        decide_accounting(work, now);
      }
    }
  }
  for (Work& work : works_) {
    if (work.packet->code() == Code::access_request) {
      answer_access(work, now, out);
    } else {
      answer_accounting(work, now, out);
    }
  }
}

/// True if the engine is to be asked about it.
bool Responder::prepare(const Incoming& in, Work& work, Moment now, std::vector<Outgoing>& out) {
  work.in = &in;
  auto packet = Packet::parse(in.bytes);
  if (!packet) {
    ++counts_.malformed;
    ++counts_.dropped;
    return false;
  }
  work.packet = *packet;
  const auto client = in.from.stream != 0 ? clients_.radsec() : clients_.find(in.from.address);
  if (!client) {
    ++counts_.unknown_client;
    ++counts_.dropped;
    return false;
  }
  work.client = *client;
  const bool streamed = in.from.stream != 0;  // RadSec carries all in one, both ways
  switch (packet->code()) {
    case Code::access_request:
      if (!streamed && in.accounting_port) break;
      if (!prove(*packet, clients_.at(*client))) return false;
      ++counts_.access;
      if (streamed) note_stream(work);
      if (access_on_) {
        work.fingerprint = access_on_->fingerprint(in.from, *packet);
        if (known_again(work, *access_on_, Way::access_on, out)) return false;
      }
      work.candidates = candidates(*packet, options_.line, options_.feed_key);
      return true;
    case Code::accounting_request:
      if (!streamed && !in.accounting_port) break;
      if (!prove(*packet, clients_.at(*client))) return false;
      ++counts_.accounting;
      if (streamed) note_stream(work);
      if (accounting_on_) {
        work.fingerprint = accounting_on_->fingerprint(in.from, *packet);
        if (known_again(work, *accounting_on_, Way::accounting_on, out)) return false;
      }
      return prepare_accounting(work);
    case Code::status_server:
      if (prove(*packet, clients_.at(*client))) answer_status(work, out);
      return false;
    case Code::coa_ack:
    case Code::coa_nak:
      if (!streamed) break;
      from_nas(in.from, in.bytes, now, out);
      return false;
    default:
      break;
  }
  ++counts_.dropped;
  return false;
}

bool Responder::prove(const Packet& packet, const Client& client) {
  static constexpr Authenticator zeros{};
  const bool accounting = packet.code() == Code::accounting_request;
  bool right = !accounting || check_request_authenticator(packet, client.secret);
  if (right) {
    const Proof proof = check_message_authenticator(
        packet, accounting ? std::span<const std::byte, 16>(zeros) : packet.authenticator(), client.secret);
    // RFC 5997 section 3: always in a Status-Server; RFC 3579 section 3.1: always with EAP.
    const bool required = packet.code() == Code::status_server ||
                          (packet.code() == Code::access_request &&
                           (client.require_message_authenticator || packet.find(type::eap_message)));
    right = proof == Proof::right || (proof == Proof::absent && !required);
  }
  if (!right) {
    ++counts_.bad_authenticator;
    ++counts_.dropped;
  }
  return right;
}

void Responder::answer_status(const Work& work, std::vector<Outgoing>& out) {
  Writer writer(work.in->accounting_port ? Code::accounting_response : Code::access_accept,
                work.packet->id());
  writer.add_message_authenticator();
  reply(work, std::move(writer), 0, out);
}

/// Signs and sends a packet of our own making; Proxy-States go back as they came (RFC 2865 section 5.33).
void Responder::reply(const Work& work, Writer&& writer, std::uint64_t after,
                      std::vector<Outgoing>& out) const {
  BytesView rest = work.packet->attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type::proxy_state) writer.add(attribute.type, attribute.value);
  }
  if (!writer.fits()) return;
  Bytes bytes = std::move(writer).take();
  sign_reply(bytes, work.packet->authenticator(), clients_.at(work.client).secret);
  out.push_back({.way = Way::reply,
                 .accounting_port = work.in->accounting_port,
                 .to = work.in->from,
                 .bytes = std::move(bytes),
                 .after = after});
}

/// The network sends again what was sent on: so do we, or the answer comes from memory.
bool Responder::known_again(const Work& work, Forwarding& to, Way way, std::vector<Outgoing>& out) {
  const Forwarded* known = to.find(work.fingerprint);
  if (known == nullptr) return false;
  if (known->answered) {
    out.push_back({.way = Way::reply,
                   .accounting_port = known->accounting_port,
                   .to = known->from,
                   .bytes = known->packet,
                   .after = known->after});
  } else {
    out.push_back({.way = way, .socket = known->socket, .to = {}, .bytes = known->packet});
  }
  return true;
}

void Responder::send_on(const Work& work, Forwarding& to, Way way, std::uint64_t after, Moment now,
                        std::vector<Outgoing>& out) {
  Forwarded request{.from = work.in->from,
                    .accounting_port = work.in->accounting_port,
                    .client = work.client,
                    .id = work.packet->id(),
                    .after = after,
                    .entitlement = work.entitlement,
                    .packet = {},
                    .began = {},
                    .fingerprint = work.fingerprint};
  std::ranges::copy(work.packet->authenticator(), request.authenticator.begin());
  // The same request twice in one batch.
  if (known_again(work, to, way, out)) return;
  const Forwarded* sent =
      to.send_on(*work.packet, clients_.at(work.client).secret, std::move(request), now.steady);
  if (sent == nullptr) {
    ++counts_.dropped;
    return;
  }
  ++counts_.proxied;
  out.push_back({.way = way, .socket = sent->socket, .to = {}, .bytes = sent->packet});
}

void Responder::from_operator(bool accounting, std::uint32_t socket, BytesView bytes, Moment now,
                              std::vector<Outgoing>& out) {
  auto& forwarding = accounting ? accounting_on_ : access_on_;
  const auto answer = Packet::parse(bytes);
  Forwarded* request = forwarding && answer ? forwarding->waiting(socket, answer->id()) : nullptr;
  if (request == nullptr) {
    ++counts_.dropped;
    return;
  }
  const Code code = answer->code();
  const bool fits = accounting ? code == Code::accounting_response
                               : code == Code::access_accept || code == Code::access_reject ||
                                     code == Code::access_challenge;
  bool right = fits && check_reply_authenticator(*answer, request->sent, forwarding->secret());
  if (right && !accounting) {
    const Proof proof = check_message_authenticator(*answer, request->sent, forwarding->secret());
    right =
        proof == Proof::right || (proof == Proof::absent && !options_.proxy_require_message_authenticator);
  }
  if (!right) {
    ++counts_.bad_authenticator;
    ++counts_.dropped;
    return;
  }
  Bytes packet = complete(*answer, *request, *forwarding);
  if (packet.empty()) {
    ++counts_.dropped;
    return;
  }
  forwarding->answered(*request, std::move(packet), now.steady);
  out.push_back({.way = Way::reply,
                 .accounting_port = request->accounting_port,
                 .to = request->from,
                 .bytes = request->packet,
                 .after = request->after});
}

Server::Counts Responder::counts() const {
  Server::Counts out = counts_;
  out.coa_waiting = changes_.waiting();
  out.sessions = sessions_.size();
  return out;
}

}  // namespace dayaq::edge::radius
